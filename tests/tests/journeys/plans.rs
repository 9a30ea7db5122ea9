//! Plans from proposal to adjustment, with the events that tell of them, and over the death of
//! whoever approves.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Documents, Hooks, QueueSender};
use serde_json::{Value, json};
use services::health::operational_events::OperationalEvents;
use services::plans::Plans;
use tests::world::{Answer, Hook, OPERATOR, TENANT, World};

use super::death::fate::{Blow, Fate};
use super::death::mortal::Mortal;

const PLANS: &str = "/v1/tenants/acme/plans";

fn renamed(hook: &Hook) -> Value {
    json!({ "title": "Rename it", "change": { "kind": "hook", "hook": hook.id, "patch": { "name": "new" } } })
}

async fn propose(world: &World, plan: Value) -> String {
    let plan = world.post(PLANS, plan).await.expect(201).json();
    format!("{PLANS}/{}", plan["id"].as_str().unwrap())
}

fn told(world: &World, url: &str) -> Vec<Value> {
    let types = |text: &str| serde_json::from_str::<Value>(text).unwrap()["type"].clone();
    world.endpoint.sent_to(url).iter().map(|sent| types(sent.text())).collect()
}

#[tokio::test]
async fn plans_are_told_to_hooks_that_name_them_and_not_to_those_for_everything() {
    let world = World::new().await;
    let everything = world.hook(json!({ "events": ["*"] })).await;
    let by_prefix = world.hook(json!({ "events": ["automation.plan.*"] })).await;
    let by_name = world.hook(json!({ "events": ["automation.plan.rejected"] })).await;
    let one = propose(&world, renamed(&everything)).await;
    world.post(&format!("{one}/approve"), json!({})).await.expect(200);
    let other = propose(&world, renamed(&by_name)).await;
    world.post(&format!("{other}/reject"), json!({ "reason": "no" })).await.expect(200);
    world.settle().await;
    let created = "automation.plan.created";
    let all = [created, "automation.plan.approved", "automation.plan.applied", created, "automation.plan.rejected"];
    let mut heard = told(&world, &by_prefix.url);
    heard.sort_by_key(|name| all.iter().position(|one| name == one));
    let mut expected = all.map(|name| json!(name)).to_vec();
    expected.sort_by_key(|name| all.iter().position(|one| name == one));
    assert_eq!(heard, expected);
    assert_eq!(told(&world, &by_name.url), [json!("automation.plan.rejected")]);
    let body: Value = serde_json::from_str(world.endpoint.sent_to(&by_name.url)[0].text()).unwrap();
    assert_eq!((&body["data"]["reason"], &body["data"]["title"]), (&json!("no"), &json!("Rename it")));
    assert!(told(&world, &everything.url).is_empty());

    // A company's own plans are events as any other.
    world.publish(json!({ "type": created, "data": { "plan": 1 } })).await;
    world.settle().await;
    assert_eq!(told(&world, &everything.url), [json!(created)]);
}

#[tokio::test]
async fn what_hookline_changes_by_itself_is_an_adjustment() {
    let world = World::new().await;
    let settings = json!({ "success": { "final": ["410"] }, "retry": { "delays": [] } });
    let hook = world.hook(settings).await;
    world.endpoint.answer(&hook.url, [Answer::Status(410)]);
    world.publish(json!({ "type": "a", "data": 1 })).await;
    world.settle().await;
    let adjustments = world.pages("/v1/tenants/acme/adjustments?limit=10").await;
    let [gone] = &adjustments[..] else { panic!("one adjustment, not {adjustments:?}") };
    assert_eq!((&gone["cause"], &gone["by"]), (&json!("gone"), &json!("hookline")));
    assert_eq!((&gone["before"]["enabled"], &gone["after"]["enabled"]), (&json!(true), &json!(false)));
    assert!(!gone.to_string().contains(&hook.secret));
    // It can be taken back as any other.
    let revert = format!("/v1/tenants/acme/adjustments/{}/revert", gone["id"].as_str().unwrap());
    let plan = world.post(&revert, json!({})).await.expect(201).json();
    assert_eq!(plan["change"]["patch"], json!({ "enabled": true }));
    world.post(&format!("{PLANS}/{}/approve", plan["id"].as_str().unwrap()), json!({})).await.expect(200);
    assert_eq!(world.get(&hook.path()).await.json()["enabled"], true);
}

#[tokio::test]
async fn a_secret_is_removed_when_its_overlap_has_passed() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let secret = format!("{}/secret", hook.path());
    world.post(&format!("{secret}/rotate"), json!({ "overlap": 3_600 })).await.expect(200);
    world.clock.advance(Duration::from_secs(3_599));
    world.drain().await;
    assert!(world.pages("/v1/tenants/acme/adjustments?limit=10").await.is_empty());
    world.settle().await;
    let adjustments = world.pages("/v1/tenants/acme/adjustments?limit=10").await;
    let [ended] = &adjustments[..] else { panic!("one adjustment, not {adjustments:?}") };
    assert_eq!((&ended["cause"], &ended["by"]), (&json!("overlap_ended"), &json!("hookline")));
    let counts = [&ended["before"], &ended["after"]].map(|side| side["secrets"].as_array().unwrap().len());
    assert_eq!(counts, [2, 1]);
    assert!(!ended.to_string().contains(&hook.secret));
    let stored = world.engine.foundation.hooks.get(&TENANT.parse().unwrap(), hook.id.parse().unwrap()).await.unwrap();
    assert_eq!(stored.unwrap().secrets.len(), 1);
    // A rotation that was ended by hand before leaves nothing to do.
    world.post(&format!("{secret}/rotate"), json!({ "overlap": 3_600 })).await.expect(200);
    world.post(&format!("{secret}/cutover"), json!({})).await.expect(200);
    world.settle().await;
    assert_eq!(world.pages("/v1/tenants/acme/adjustments?limit=10").await.len(), 1);
}

/// Puts fate between the API and what an approval writes and sends.
fn make_approving_mortal(world: &mut World, fate: &Arc<Fate>) {
    world.rewire(|engine| {
        let mortal = |queue: Arc<dyn QueueSender>| -> Arc<dyn QueueSender> { Arc::new(Mortal::new(queue, fate)) };
        let hooks: Arc<dyn Hooks> = Arc::new(Mortal::new(Arc::clone(&engine.api.hooks), fate));
        engine.api.hooks = hooks;
        // Those that know what is written beside a hook.
        let documents: Arc<dyn Documents> = Arc::clone(&engine.foundation.documents);
        let events = mortal(Arc::clone(&engine.api.queue));
        engine.api.plans = Arc::new(Plans::new(
            Arc::new(Mortal::new(documents, fate)),
            OperationalEvents::new(events),
            mortal(Arc::clone(&engine.api.jobs)),
            engine.api.clock.clone(),
            engine.api.random.clone(),
        ));
    });
}

#[tokio::test]
async fn an_approval_survives_death_at_every_step_and_is_applied_once() {
    let approve = async |fate: &Arc<Fate>| {
        let mut world = World::new().await;
        let hook = world.hook(json!({ "events": ["automation.plan.*"] })).await;
        let plan = propose(&world, renamed(&hook)).await;
        world.settle().await;
        make_approving_mortal(&mut world, fate);
        let call = format!("{plan}/approve");
        tokio::select! {
            _ = world.call("POST", &call, Some(OPERATOR), "") => {}
            () = fate.death() => {}
        }
        let what = format!("{:?}", fate.struck());
        let world = world.restart().await;
        world.settle().await;
        let name = world.get(&hook.path()).await.expect(200).json()["name"].clone();
        let state = world.get(&plan).await.json()["state"].clone();
        let adjustments = world.pages("/v1/tenants/acme/adjustments?limit=10").await.len();
        // All of it or nothing.
        match state.as_str() {
            Some("pending") => assert_eq!((name, adjustments), (json!(""), 0), "{what}"),
            _ => assert_eq!((state, name, adjustments), (json!("applied"), json!("new"), 1), "{what}"),
        }
        world.post(&call, json!({})).await.expect(200);
        world.settle().await;
        assert_eq!(world.get(&plan).await.json()["state"], "applied", "{what}");
        assert_eq!(world.get(&hook.path()).await.json()["name"], "new", "{what}");
        let stored =
            world.engine.foundation.hooks.get(&TENANT.parse().unwrap(), hook.id.parse().unwrap()).await.unwrap();
        assert_eq!(stored.unwrap().version, 2, "{what}");
        assert_eq!(world.pages("/v1/tenants/acme/adjustments?limit=10").await.len(), 1, "{what}");
        let mut heard = told(&world, &hook.url);
        heard.sort_by_key(Value::to_string);
        let all = ["automation.plan.applied", "automation.plan.approved", "automation.plan.created"];
        assert_eq!(heard, all.map(|name| json!(name)), "{what}");
        assert_eq!((world.messages_left(), world.dead_letters().len()), (0, 0), "{what}");
    };
    let calm = Fate::new([]);
    approve(&calm).await;
    let trace = calm.trace();
    assert!(trace.len() >= 4, "{trace:?}");
    for (number, step) in trace.iter().enumerate() {
        for blow in Blow::possible_at(step) {
            approve(&Fate::new([(number, blow)])).await;
        }
    }
}
