//! Death between a change of a hook and the events that tell of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::world::{Answer, Sent, World};

use super::jobs::strike_everywhere;
use super::scenario::live_through;

#[tokio::test]
async fn a_hook_that_is_gone_is_disabled_and_told_of_once_through_death_at_every_step() {
    strike_everywhere(async |fate| {
        let world = World::new().await;
        let listener = world.hook(json!({ "events": ["delivery.exhausted", "hook.disabled"] })).await;
        let hook = world.hook(json!({ "events": ["a"] })).await;
        world.endpoint.answer(&hook.url, vec![Answer::Status(410); 10]);
        world.publish(json!({ "type": "a", "data": 1 })).await;

        let world = live_through(world, &fate).await;
        let what = format!("{:?}", fate.struck());
        let shown = world.get(&hook.path()).await.expect(200).json();
        assert_eq!(shown["enabled"], false, "{what}");
        let told = world.endpoint.sent_to(&listener.url);
        let kind = |sent: &Sent| serde_json::from_slice::<Value>(&sent.body).unwrap()["type"].to_string();
        let distinct: BTreeSet<(String, String)> = told.iter().map(|sent| (kind(sent), sent.id.clone())).collect();
        let kinds: Vec<&str> = distinct.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, [r#""delivery.exhausted""#, r#""hook.disabled""#], "{what}");
    })
    .await;
}
