use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::dynamo::{DynamoDeliveryLog, DynamoDocuments, DynamoEvents, DynamoHooks, DynamoSubscriptions};
use shared::documents::{StoredKeys, StoredTenants};
use shared::domain::delivery::Outcome;
use shared::domain::event::FanoutPage;
use shared::ports::{Clock, Expected, ManualClock, StoreError};
use tests::dynamo::{Dynamo, HOOKS_TABLE, LOGS_TABLE};

use super::samples::{attempted, delivery, event, hook_id, page};
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
        deliveries: Arc::new(DynamoDeliveryLog::new(client, LOGS_TABLE, clock)),
        _keep: keep,
    }
}

#[tokio::test]
async fn an_attempt_of_a_writer_that_died_before_its_delivery_is_written_again() {
    let dynamo = Dynamo::start().await;
    let client = dynamo.client.clone();
    let stores = stores_on(client.clone(), Box::new(dynamo));
    let pending = delivery("acme", hook_id(), START);
    stores.deliveries.record(&attempted(&pending, Outcome::Timeout), Expected::Absent).await.unwrap();
    // What is left is what such a writer leaves.
    let request = client
        .delete_item()
        .table_name(LOGS_TABLE)
        .key("pk", AttributeValue::S(format!("d#acme#{}", pending.id.hook.0)))
        .key("sk", AttributeValue::S(pending.id.event.0.to_string()));
    request.send().await.unwrap();
    assert_eq!(stores.deliveries.get(&pending.tenant, pending.id).await.unwrap(), None);

    let again = attempted(&pending, Outcome::Dns);
    stores.deliveries.record(&again, Expected::Absent).await.unwrap();
    let next = attempted(&again, Outcome::Success);
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
    let error = shared::ports::Documents::list(&documents, "p", 1, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)));
    let text = shared::stage::causes(&error);
    assert!(text.contains("ResourceNotFound"), "{text}");
}
