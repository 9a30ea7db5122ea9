//! A day of agents that subscribe by `/mcp/{tenant}`, refresh, forget to, go, and come back.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::ports::Clock as _;
use serde_json::{Value, json};
use tests::mcp::{echo, request};
use tests::world::{Answer, TENANT, World};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const SUBSCRIPTIONS: usize = 24;
const MINUTE: i64 = 60_000;
const STEP: Duration = Duration::from_secs(600);
const STEPS: usize = 144;

/// One as it has to be.
struct Subscription {
    key: String,
    url: String,
    /// Until when it lives, and as what; none where there is none.
    lives: Option<(i64, String)>,
}

impl Subscription {
    fn params(&self, more: &Value) -> Value {
        let delivery = json!({ "mode": "webhook", "url": self.url, "secret": SECRET });
        let mut params = json!({ "name": "ticket.updated", "arguments": { "ticket": "T-1" }, "delivery": delivery });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    }

    async fn ask(&self, world: &World, method: &str, more: &Value) -> Value {
        world.send(request(TENANT, &self.key, method, self.params(more))).await.json()
    }

    async fn subscribe(&mut self, world: &World, draw: &mut fastrand::Rng) {
        let now = world.clock.now().as_millis();
        let minutes = draw.i64(5..=240);
        let refuses = self.lives.is_none() && draw.u8(..8) == 0;
        if refuses {
            world.endpoint.answer(&self.url, [Answer::Status(204)]);
        }
        let answer = self.ask(world, "events/subscribe", &json!({ "ttlMs": minutes * MINUTE })).await;
        if refuses {
            assert_eq!(answer["error"]["data"]["reason"], "challenge_failed", "{answer}");
            return;
        }
        let id = answer["result"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        if let Some((_, former)) = &self.lives {
            assert_eq!(&id, former, "whoever subscribes again refreshes");
        }
        self.lives = Some((now + minutes * MINUTE, id));
    }

    async fn unsubscribe(&mut self, world: &World) {
        let answer = self.ask(world, "events/unsubscribe", &json!({})).await;
        assert_eq!(answer["result"].is_object(), self.lives.is_some(), "{answer}");
        self.lives = None;
    }

    fn is_live(&self, now: i64) -> bool {
        self.lives.as_ref().is_some_and(|(until, _)| now < *until)
    }
}

async fn start() -> (World, Vec<Subscription>) {
    let world = World::new().await;
    let schema = json!({ "type": "object", "properties": { "ticket": { "type": "string" } } });
    world.post("/v1/tenants/acme/event-types", json!({ "name": "ticket.updated", "schema": schema })).await.expect(201);
    let mut subscriptions = Vec::new();
    for number in 0..SUBSCRIPTIONS {
        let made = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
        let url = format!("https://agent-{number}.example.com/in");
        world.endpoint.trust(&url, SECRET);
        world.endpoint.receive(&url, echo);
        subscriptions.push(Subscription { key: made["key"].as_str().unwrap().to_owned(), url, lives: None });
    }
    (world, subscriptions)
}

/// Publishes an event, checks who gets it, and counts them.
async fn check(world: &World, subscriptions: &[Subscription], id: &str) -> usize {
    let before = world.endpoint.sent().len();
    world.publish(json!({ "id": id, "type": "ticket.updated", "data": { "ticket": "T-1" } })).await;
    world.drain().await;
    let now = world.clock.now().as_millis();
    let sent = world.endpoint.sent().split_off(before);
    let got: Vec<&str> = sent.iter().map(|sent| sent.values("x-mcp-subscription-id")[0]).collect();
    let live = subscriptions.iter().filter(|one| one.is_live(now)).filter_map(|one| one.lives.as_ref());
    let live: BTreeSet<&str> = live.map(|(_, id)| &**id).collect();
    assert_eq!(got.iter().copied().collect::<BTreeSet<_>>(), live, "{id}");
    assert_eq!(got.len(), live.len(), "{id}: each once");
    got.len()
}

#[tokio::test]
async fn through_a_day_each_event_goes_to_the_subscriptions_that_live_and_what_died_is_removed() {
    let (mut world, mut subscriptions) = Box::pin(start()).await;
    let mut draw = fastrand::Rng::with_seed(3_415);
    let mut got = 0;
    for step in 0..STEPS {
        for one in &mut subscriptions {
            match draw.u8(..40) {
                0..4 => one.subscribe(&world, &mut draw).await,
                4 => one.unsubscribe(&world).await,
                _ => {}
            }
        }
        got += check(&world, &subscriptions, &format!("e-{step}")).await;
        world.clock.advance(STEP);
        world.drain().await;
        if step % 48 == 20 {
            world = Box::pin(world.restart()).await;
        }
    }
    assert!(got > STEPS * SUBSCRIPTIONS / 4, "{got} requests were sent in a day");
    // Nobody comes any more: four hours until the last one expires, and a day until it is removed.
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(15 * 3600));
        world.drain().await;
    }
    assert_eq!(check(&world, &[], "the-last").await, 0);
    assert_eq!(world.get("/v1/tenants/acme/hooks").await.expect(200).json()["total"], 0);
}
