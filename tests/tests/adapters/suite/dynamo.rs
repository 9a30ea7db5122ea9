use std::collections::HashMap;
use std::sync::Arc;

use aws::dynamo::{
    DynamoActivityLog, DynamoAuditLog, DynamoDeliveryLog, DynamoDocuments, DynamoEvents, DynamoHooks,
    DynamoSubscriptions,
};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::ports::{Clock, Document, Expected, LogFilter, ManualClock, OsRandom, StoreError};
use domain::delivery::AttemptOutcome;
use domain::event::FanoutPage;
use domain::ids::DeliveryId;
use serde_json::Value;
use services::repositories::documents::{StoredKeys, StoredTenants};
use tests::dynamo::{Dynamo, HOOKS_TABLE, LOGS_TABLE};

use super::samples::{attempted, delivery, event, hook, hook_id, page};
use super::{START, Stores};

pub(crate) async fn stores() -> Option<Stores> {
    let dynamo = Dynamo::start().await;
    Some(stores_on(dynamo.client.clone(), Box::new(dynamo)))
}

/// The stores over any client, such as one that counts.
pub(crate) fn stores_on(client: aws_sdk_dynamodb::Client, keep: Box<dyn std::any::Any + Send + Sync>) -> Stores {
    let manual = ManualClock::at(START);
    let clock: Arc<dyn Clock> = Arc::new(manual.clone());
    let documents = Arc::new(DynamoDocuments::new(client.clone(), HOOKS_TABLE));
    Stores {
        clock: manual,
        tenants: Arc::new(StoredTenants::new(documents.clone())),
        keys: Arc::new(StoredKeys::new(documents.clone())),
        documents,
        hooks: Arc::new(DynamoHooks::new(client.clone(), HOOKS_TABLE)),
        subscriptions: Arc::new(DynamoSubscriptions::new(client.clone(), HOOKS_TABLE)),
        events: Arc::new(DynamoEvents::new(client.clone(), LOGS_TABLE, Arc::clone(&clock))),
        deliveries: Arc::new(DynamoDeliveryLog::new(client.clone(), LOGS_TABLE, clock.clone())),
        activity: Arc::new(DynamoActivityLog::new(client.clone(), LOGS_TABLE, clock.clone(), &OsRandom)),
        audit: Arc::new(DynamoAuditLog::new(client, LOGS_TABLE, clock)),
        _keep: Arc::new(keep),
    }
}

#[tokio::test]
async fn an_attempt_of_a_writer_that_died_before_its_delivery_is_written_again() {
    let dynamo = Dynamo::start().await;
    let client = dynamo.client.clone();
    let stores = stores_on(client.clone(), Box::new(dynamo));
    let pending = delivery("acme", hook_id(), START);
    stores.deliveries.record(&attempted(&pending, AttemptOutcome::Timeout), Expected::Absent).await.unwrap();
    // What is left is what such a writer leaves.
    let request = client
        .delete_item()
        .table_name(LOGS_TABLE)
        .key("pk", AttributeValue::S(format!("d#acme#{}", pending.id.hook.0)))
        .key("sk", AttributeValue::S(pending.id.event.0.to_string()));
    request.send().await.unwrap();
    assert_eq!(stores.deliveries.get(&pending.tenant, pending.id).await.unwrap(), None);

    let again = attempted(&pending, AttemptOutcome::Dns);
    stores.deliveries.record(&again, Expected::Absent).await.unwrap();
    let next = attempted(&again, AttemptOutcome::Success);
    stores.deliveries.record(&next, Expected::Attempts(1)).await.unwrap();
    let attempts = stores.deliveries.attempts(&next).await.unwrap();
    assert_eq!(attempts, [Ok(again.last_attempt.unwrap()), Ok(next.last_attempt.unwrap())]);
}

#[tokio::test]
async fn a_row_above_400_kilobytes_is_too_large() {
    let stores = stores().await.unwrap();
    let many = FanoutPage { hooks: vec![hook_id(); 30_000], ..page(0, "message-1") };
    let answer = stores.events.record(&event("acme", "evt-1", &stores.clock), &many).await;
    assert!(matches!(answer, Err(StoreError::TooLarge)), "{answer:?}");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_unavailable_with_its_cause() {
    let dynamo = Dynamo::start().await;
    let documents = DynamoDocuments::new(dynamo.client.clone(), "nowhere");
    let error = contract::ports::Documents::list(&documents, "p", 1, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)));
    let text = contract::stage::causes(&error);
    assert!(text.contains("ResourceNotFound"), "{text}");
}

/// The golden rows of a release: what DynamoDB keeps in attributes of their own.
fn golden(name: &str) -> HashMap<String, AttributeValue> {
    let path = format!("{}/upgrades/0.1/dynamodb/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let row: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    row.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(value.as_str().unwrap().to_owned()),
        "N" => AttributeValue::N(value.as_str().unwrap().to_owned()),
        "M" => {
            let fields = value.as_object().unwrap().iter();
            AttributeValue::M(fields.map(|(name, value)| (name.clone(), attribute(value))).collect())
        }
        other => panic!("no golden row has {other}"),
    }
}

async fn put(client: &aws_sdk_dynamodb::Client, table: &str, row: HashMap<String, AttributeValue>) {
    client.put_item().table_name(table).set_item(Some(row)).send().await.unwrap();
}

async fn rows(client: &aws_sdk_dynamodb::Client, table: &str) -> Vec<HashMap<String, AttributeValue>> {
    client.scan().table_name(table).send().await.unwrap().items.unwrap()
}

#[tokio::test]
async fn a_delivery_of_an_earlier_release_is_written_as_it_was_and_keeps_what_a_later_one_added() {
    let dynamo = Dynamo::start().await;
    let client = dynamo.client.clone();
    let stores = stores_on(client.clone(), Box::new(dynamo));
    let mut next = golden("delivery");
    let newer = |row: &mut HashMap<String, AttributeValue>| {
        row.insert(
            "zz".to_owned(),
            AttributeValue::M([("b".to_owned(), AttributeValue::Bs(vec![Blob::new([0, 255])]))].into()),
        );
        row.insert("zy".to_owned(), AttributeValue::L(vec![AttributeValue::Null(true), AttributeValue::Bool(false)]));
    };
    newer(&mut next);
    let Some(AttributeValue::M(attempt)) = next.get_mut("a") else { panic!("it has an attempt") };
    newer(attempt);
    for row in [golden("delivery"), next] {
        put(&client, LOGS_TABLE, row.clone()).await;
        let (hook, event) = ("hook_01KDYVGY008YH3QK2V7M4N9P0T", "seq_01KG9P6JE46D1FBX5W3E9J2R4C");
        let id = DeliveryId { event: event.parse().unwrap(), hook: hook.parse().unwrap() };
        let read = stores.deliveries.get(&"acme".parse().unwrap(), id).await.unwrap().unwrap();
        stores.deliveries.record(&read, Expected::Attempts(1)).await.unwrap();
        let written = rows(&client, LOGS_TABLE).await;
        assert!(written.contains(&row), "{written:?}\n{row:?}");
        // The attempt's own row is as the one inside, and as earlier releases wrote it.
        let attempts = stores.deliveries.attempts(&read).await.unwrap();
        assert_eq!(attempts, [Ok(read.last_attempt.clone().unwrap())]);
        let own = written.iter().find(|other| other["pk"] != row["pk"]).unwrap();
        assert!(golden("attempt").iter().all(|(name, value)| own.get(name) == Some(value)), "{own:?}");
    }
}

#[tokio::test]
async fn rows_that_cannot_be_read_hide_no_other_and_are_deleted() {
    let dynamo = Dynamo::start().await;
    let client = dynamo.client.clone();
    let stores = stores_on(client.clone(), Box::new(dynamo));
    let (bad, fine) = (hook("acme", &["*", "post.*"]), hook("acme", &["*", "post.*"]));
    for one in [&bad, &fine] {
        stores.hooks.create(one).await.unwrap();
        let made = delivery("acme", one.id, START);
        stores.deliveries.record(&attempted(&made, AttemptOutcome::Status), Expected::Absent).await.unwrap();
    }
    let broken = AttributeValue::S("{\"not\":\"what it was".to_owned());
    let all = rows(&client, HOOKS_TABLE).await.into_iter();
    for mut row in all.filter(|row| row["sk"] == AttributeValue::S(bad.id.0.to_string()) && row.contains_key("doc")) {
        row.insert("doc".to_owned(), broken.clone());
        put(&client, HOOKS_TABLE, row).await;
    }
    let listed = stores.hooks.list(&bad.tenant, 10, None).await.unwrap().items;
    assert_eq!(
        listed.iter().filter_map(|row| row.as_ref().err()).map(|row| row.id.clone()).collect::<Vec<_>>(),
        [bad.id.to_string()]
    );
    assert!(listed.contains(&Ok(fine.clone())));
    assert!(
        matches!(stores.hooks.get(&bad.tenant, bad.id).await, Err(StoreError::Unreadable(row)) if row.id == bad.id.to_string())
    );
    let matching = async || {
        stores.subscriptions.matching(&bad.tenant, &"post.published".parse().unwrap(), 10, None).await.unwrap().items
    };
    let found = matching().await;
    assert!(found.contains(&Ok(fine.subscription())) && found.iter().any(Result::is_err), "{found:?}");
    assert!(stores.hooks.delete(&bad.tenant, bad.id, None).await.unwrap());
    assert_eq!(matching().await, [Ok(fine.subscription())], "its subscriptions went with it");
    assert_eq!(stores.hooks.list(&bad.tenant, 10, None).await.unwrap().items, [Ok(fine.clone())]);

    let mut row = rows(&client, LOGS_TABLE)
        .await
        .into_iter()
        .find(|row| row["pk"] == AttributeValue::S(format!("d#acme#{}", bad.id.0)))
        .unwrap();
    row.remove("s");
    put(&client, LOGS_TABLE, row).await;
    let log = stores.deliveries.list(&bad.tenant, bad.id, &LogFilter::default(), 10, None).await.unwrap().items;
    let id: DeliveryId = log[0].as_ref().unwrap_err().id.parse().unwrap();
    stores.deliveries.delete_unreadable(&bad.tenant, id).await.unwrap();
    assert!(!rows(&client, LOGS_TABLE).await.iter().any(|row| format!("{row:?}").contains(&bad.id.0.to_string())));

    for name in ["one", "two"] {
        let document = Document { name: name.to_owned(), version: 1, body: "{}".to_owned() };
        stores.documents.put("p", &document).await.unwrap();
    }
    let mut row = rows(&client, HOOKS_TABLE)
        .await
        .into_iter()
        .find(|row| row["sk"] == AttributeValue::S("one".to_owned()))
        .unwrap();
    row.remove("j");
    put(&client, HOOKS_TABLE, row).await;
    let documents = stores.documents.list("p", 10, None).await.unwrap().items;
    assert_eq!(documents[0].as_ref().unwrap_err().id, "one");
    assert!(documents[1].is_ok() && stores.documents.delete("p", "one").await.unwrap());
}
