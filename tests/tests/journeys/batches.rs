//! Deliveries that travelled in one request: whenever they are sent again, it is
//! the same request, and the receiver can tell the events in it apart.

use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{Answer, Hook, START, Sent, TENANT, World};
use tokio::sync::watch;

/// A hook whose endpoint fails so often, and a batch of three that it was sent once.
pub(crate) async fn batch(world: &World, settings: Value, failures: usize) -> (Hook, Vec<String>) {
    let mut all = json!({ "batch": { "max_events": 3, "max_wait": 0.5 }, "payload": { "raw": true } });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let hook = world.hook(all).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); failures]);
    let mut events = Vec::new();
    for number in 0..3 {
        events.push(world.publish(json!({ "id": format!("e-{number}"), "type": "a", "data": number })).await);
    }
    let (stop, stopped) = watch::channel(false);
    let pump = tokio::spawn(world.engine.consumers().run(stopped));
    let queues = &world.engine.queues;
    while [&queues.events, &queues.deliveries].iter().any(|queue| queue.stats().waiting + queue.stats().leased > 0) {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    pump.await.unwrap();
    assert_eq!(world.endpoint.sent().len(), 1, "they travel together");
    (hook, events)
}

fn assert_same_request(sent: &[Sent]) {
    for request in sent {
        assert!(request.id.starts_with("batch_"));
        assert_eq!((&request.id, &request.body), (&sent[0].id, &sent[0].body));
        assert_eq!(request.values("webhook-delivery-ids"), sent[0].values("webhook-delivery-ids"));
    }
}

fn seconds(sent: &[Sent]) -> Vec<u64> {
    sent.iter().map(|request| request.at.since(START).as_secs()).collect()
}

#[tokio::test]
async fn a_batch_keeps_its_id_and_its_bytes_from_attempt_to_attempt() {
    for restarts in [false, true] {
        let mut world = World::new().await;
        let (_, events) = batch(&world, json!({ "retry": { "delays": [5, 600], "jitter": 0.5 } }), 2).await;
        if restarts {
            world = world.restart().await;
        }
        world.settle().await;
        let sent = world.endpoint.sent();
        assert_eq!(seconds(&sent), [0, 5, 605], "all of them whenever one is due");
        assert_same_request(&sent);
        for event in &events {
            let delivery = world.delivery(event).await;
            assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("succeeded"), &json!(3)));
            for (attempt, sent) in delivery["attempts"].as_array().unwrap().iter().zip(&sent) {
                assert_eq!(attempt["request"]["body"], sent.text(), "as the log shows it");
                let shown = attempt["request"]["headers"].as_array().unwrap();
                let names = ["webhook-id", "webhook-signature", "webhook-delivery-ids"];
                for name in names {
                    let header = shown.iter().find(|header| header["name"] == name).unwrap();
                    assert_eq!(header["value"], *sent.header(name).unwrap());
                }
            }
        }
        assert_eq!(world.messages_left(), 0);
    }
}

#[tokio::test]
async fn a_receiver_can_tell_the_events_of_a_batch_apart() {
    let world = World::new().await;
    let (hook, events) = batch(&world, json!({}), 0).await;
    let sent = &world.endpoint.sent()[0];
    let order: Vec<usize> = serde_json::from_slice(&sent.body).unwrap();
    let mut expected = Vec::new();
    for number in order {
        expected.push(world.delivery(&events[number]).await["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(sent.values("webhook-delivery-ids"), [expected.join(",")]);
    // So the list is signed with the id.
    let digest = <sha2::Sha256 as sha2::Digest>::digest(expected.concat());
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &digest[..16]);
    assert_eq!(sent.id, format!("batch_{encoded}"));

    // One that travels alone, in an array or not, has the id that it would have there.
    world.patch(&hook.path(), json!({ "batch": { "max_events": 1 } })).await.expect(200);
    world.publish(json!({ "id": "alone", "type": "a", "data": 7 })).await;
    world.settle().await;
    let sent = world.endpoint.sent().pop().unwrap();
    assert_eq!((sent.text(), sent.values("webhook-delivery-ids")), ("[7]", vec![sent.id.as_str()]));
    world.patch(&hook.path(), json!({ "batch": { "max_events": 0 } })).await.expect(200);
    world.publish(json!({ "type": "a", "data": 8 })).await;
    world.settle().await;
    assert!(world.endpoint.sent().pop().unwrap().values("webhook-delivery-ids").is_empty());
}

#[tokio::test]
async fn retries_by_hand_and_replays_are_the_same_request_as_well() {
    let world = World::new().await;
    let (hook, events) = batch(&world, json!({}), 2).await;
    world.settle().await;
    let id = world.delivery(&events[1]).await["id"].as_str().unwrap().to_owned();
    world.post(&format!("/v1/tenants/{TENANT}/deliveries/{id}/retry"), json!({})).await.expect(202);
    world.settle().await;
    assert_eq!(world.endpoint.sent().len(), 2);

    world.clock.advance(Duration::from_secs(1));
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "failed" })).await.expect(202);
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 3, "one request for all that the replay asks for");
    assert_same_request(&sent);
    for event in &events {
        let delivery = world.delivery(event).await;
        let triggers: Vec<_> =
            delivery["attempts"].as_array().unwrap().iter().map(|attempt| attempt["trigger"].clone()).collect();
        assert_eq!(
            (&delivery["status"], triggers),
            (&json!("succeeded"), vec![json!("first"), json!("manual"), json!("replay")])
        );
    }
}

#[tokio::test]
async fn what_can_no_longer_travel_is_left_out_and_the_rest_is_another_request() {
    let world = World::new().await;
    let (_, events) = batch(&world, json!({ "retry": { "delays": [60], "jitter": 0 } }), 1).await;
    world.delete(&format!("/v1/tenants/{TENANT}/events/{}/data", events[1])).await.expect(204);
    world.settle().await;
    let sent = world.endpoint.sent();
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[0].id, sent[1].id);
    let mut rest: Vec<u64> = serde_json::from_slice(&sent[1].body).unwrap();
    rest.sort_unstable();
    assert_eq!(rest, [0, 2]);
    assert_eq!(world.delivery(&events[1]).await["status"], "skipped");
    assert_eq!(world.delivery(&events[2]).await["status"], "succeeded");
}

#[tokio::test]
async fn a_rate_and_an_open_circuit_let_a_batch_out_as_one_request() {
    let world = World::new().await;
    let settings = json!({ "retry": { "delays": [10, 100, 1_000], "jitter": 0 },
                           "circuit_breaker": { "failures": 2, "probe_after": 60 } });
    let (hook, events) = batch(&world, settings, 3).await;
    world.patch(&hook.path(), json!({ "rate_limit": 1 })).await.expect(200);
    world.settle().await;
    assert_same_request(&world.endpoint.sent());
    for event in &events {
        assert_eq!(world.delivery(event).await["status"], "succeeded");
    }
    assert_eq!(world.endpoint.sent().len(), 4);
}

#[tokio::test]
async fn a_delivery_that_travelled_alone_stays_alone() {
    let world = World::new().await;
    let settings = json!({ "batch": { "max_events": 3, "max_wait": 0 }, "retry": { "delays": [60], "jitter": 0 } });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(500); 2]);
    for data in 0..2 {
        world.publish(json!({ "type": "a", "data": data })).await;
        world.drain().await;
    }
    world.clock.advance(Duration::from_secs(60));
    world.run_until_empty().await;
    let sent = world.endpoint.sent();
    let mut ids: Vec<_> = sent.iter().map(|request| request.id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((sent.len(), ids.len()), (4, 2), "each under its own id");
}

/// Publishes so many events and lets them be sent at the same time.
async fn publish_together(world: &World, types: &[&str]) {
    for (number, kind) in types.iter().enumerate() {
        world.publish(json!({ "id": format!("t-{number}"), "type": kind, "data": number })).await;
    }
    let (stop, stopped) = watch::channel(false);
    let pump = tokio::spawn(world.engine.consumers().run(stopped));
    let queues = &world.engine.queues;
    while [&queues.events, &queues.deliveries].iter().any(|queue| queue.stats().waiting + queue.stats().leased > 0) {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    pump.await.unwrap();
}

#[tokio::test]
async fn the_one_request_of_an_unverified_endpoint_carries_all_that_comes_together() {
    let world = World::new().await;
    let settings = json!({ "batch": { "max_events": 3, "max_wait": 0.5 }, "payload": { "raw": true },
                           "verification": { "required": true, "per_hour": 1 } });
    world.hook(settings).await;
    publish_together(&world, &["a", "a", "a"]).await;
    let sent = world.endpoint.sent();
    let numbers: Vec<Vec<u32>> = sent.iter().map(|sent| serde_json::from_slice(&sent.body).unwrap()).collect();
    assert_eq!(numbers.iter().map(Vec::len).collect::<Vec<_>>(), [3], "{numbers:?}");
}

#[tokio::test]
async fn bodies_of_another_shape_travel_in_another_request() {
    let world = World::new().await;
    let other = json!([{ "events": ["b"], "payload": { "mappings": [{ "field": "b", "from": "data" }] } }]);
    let payload = json!({ "mappings": [{ "field": "a", "from": "data" }], "variants": other });
    world.hook(json!({ "batch": { "max_events": 3, "max_wait": 0.5 }, "payload": payload })).await;
    publish_together(&world, &["a", "b", "a", "b"]).await;
    let mut bodies: Vec<String> = world.endpoint.sent().iter().map(|sent| sent.text().to_owned()).collect();
    bodies.sort();
    let of_two = |body: &String| body.matches("\"a\"").count() == 2 || body.matches("\"b\"").count() == 2;
    assert!(bodies.len() == 2 && bodies.iter().all(of_two), "{bodies:?}");
}
