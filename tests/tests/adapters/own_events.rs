//! Hookline's own events go through the queue that publishers may write to as well: their ids are
//! taken from its stages and refused from everybody else, with the queues and stores of both worlds.

use std::sync::Arc;

use contract::messages::Rejection;
use contract::ports::{Clock as _, Outgoing};
use contract::stage::{Message, Outcome};
use domain::operational::DISABLED;
use serde_json::json;
use services::health::operational_events::OperationalEvents;

use crate::kept::Kept;
use crate::suite::samples::{tenant, tenant_id};
use crate::suite::{Queues, Stores};

async fn are_told_from_forged_ones(stores: Stores, queues: Queues) {
    let acme = tenant_id("acme");
    stores.tenants.create(&tenant("acme")).await.unwrap();
    let next = || Arc::new(Kept::default());
    let behind = fanout::Queues { events: next(), deliveries: next(), retries: next() };
    let fanout = fanout::Deps::new(&stores.foundation(), behind);

    let id = "hookline:hook.disabled:hook_1";
    let forged = json!({ "tenant": "acme", "id": id, "type": DISABLED, "data": "forged" }).to_string();
    let message = Outgoing { body: forged.clone().into(), group: "acme".into(), due: None, content: None };
    queues.sender.send_one(message).await.unwrap();
    let own = OperationalEvents::new(Arc::clone(&queues.sender));
    own.publish(&acme, DISABLED, "hook_1", stores.clock.now(), &json!("true")).await.unwrap();

    let mut outcomes = Vec::new();
    while outcomes.len() < 2 {
        for received in queues.receiver.receive(10).await.unwrap() {
            let message = Message {
                id: received.id.clone(),
                body: received.body.clone(),
                content: None,
                receive_count: received.receive_count,
                is_due: received.is_due,
                sent_at: None,
            };
            let outcome = fanout::handle(&fanout, message).await;
            match &outcome {
                Outcome::Done => queues.receiver.ack(&received.receipt).await.unwrap(),
                Outcome::Reject(Rejection(reason)) => queues.receiver.reject(&received, reason).await.unwrap(),
                other => panic!("{other:?}"),
            }
            outcomes.push(outcome);
        }
    }
    let letters = queues.dead_letters.all().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].0, forged.as_bytes());
    assert!(letters[0].1.starts_with("id: begins with hookline:, which is for Hookline's own events"), "{letters:?}");
    let event = stores.events.get(&acme, &id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(event.data.unwrap().get(), "\"true\"");
}

#[tokio::test]
async fn on_one_machine_they_are_told_from_forged_ones() {
    let (stores, queues) = (crate::suite::on_disk::stores().await, crate::suite::on_disk::queues().await);
    are_told_from_forged_ones(stores.unwrap(), queues.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_aws_they_are_told_from_forged_ones() {
    let Some(queues) = crate::suite::sqs::queues().await else { return };
    are_told_from_forged_ones(crate::suite::dynamo::stores().await.unwrap(), queues).await;
}
