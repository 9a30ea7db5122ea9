//! Death while a batch is sent again.

use serde_json::json;
use tests::world::World;

use super::jobs::strike_everywhere;
use super::scenario::live_through;
use crate::batches::batch;

#[tokio::test]
async fn a_batch_that_is_sent_again_survives_death_at_every_step() {
    strike_everywhere(async |fate| {
        let world = World::new().await;
        let (_, events) = batch(&world, json!({ "retry": { "delays": [60, 600], "jitter": 0 } }), 2).await;
        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        for event in &events {
            assert_eq!(world.delivery(event).await["status"], "succeeded", "{what}");
        }
        let sent = world.endpoint.sent();
        // Each of a batch is logged on its own: a write that fails leaves the others to be sent again.
        let unlogged = fate.doubled().max(usize::from(what.contains("log.record")));
        assert!((3..=3 + unlogged).contains(&sent.len()), "{} requests, {what}", sent.len());
        for request in &sent {
            assert_eq!((&request.id, &request.body), (&sent[0].id, &sent[0].body), "{what}");
        }
        assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
    })
    .await;
}
