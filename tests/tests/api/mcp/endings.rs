//! How subscriptions end that nobody unsubscribes: with the key or session that made them, with their event type, or
//! by hand; and what their endpoints hear of it.

use std::time::Duration;

use serde_json::{Value, json};
use tests::mcp::echo;
use tests::world::{OPERATOR, Sent, World};

use super::{DAY, SECRET, URL, bodies, call, error, hooks, publish, result, start, subscription, with};

/// A key that may do all in the tenant, with its id.
async fn key(world: &World, more: Value) -> (String, String) {
    let mut asked = json!({ "scope": "tenant" });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = world.post("/v1/tenants/acme/keys", asked).await.expect(201).json();
    (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

/// Longer than the last look takes to come.
async fn some_minutes(world: &World) {
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(61));
        world.drain().await;
    }
}

/// What endpoints were told of ends.
fn told(world: &World) -> Vec<(Sent, Value)> {
    let seen = world.endpoint.seen();
    let bodies = bodies(&seen);
    seen.into_iter().zip(bodies).filter(|(_, body)| body["type"] == "terminated").collect()
}

#[tokio::test]
async fn with_its_key_a_subscription_ends_and_its_endpoint_is_told_once_and_nobody_elses() {
    let (world, other) = start().await;
    let (first, id) = key(&world, json!({})).await;
    let lasting = || with(json!({ "ttlMs": null }));
    let made = result(&world, &first, "events/subscribe", lasting()).await;
    let kept = result(&world, &other, "events/subscribe", lasting()).await;
    // What the key has made by the API is the tenant's.
    let plain = json!({ "url": "https://plain.example.com/in", "events": ["*"] });
    let plain = world.send(authorized(&first, "/v1/tenants/acme/hooks", &plain)).await.expect(201).json();
    world.endpoint.trust("https://plain.example.com/in", plain["secret"].as_str().unwrap());
    world.delete(&format!("/v1/tenants/acme/keys/{id}")).await.expect(204);
    some_minutes(&world).await;
    let left = hooks(&world).await;
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.iter().any(|hook| hook["uid"] == kept["id"]));
    let told = told(&world);
    assert_eq!(told.len(), 1);
    let (sent, body) = &told[0];
    assert_eq!(
        body,
        &json!({ "type": "terminated",
                 "error": { "code": -32_024, "message": "Forbidden", "data": { "reason": "access revoked" } } })
    );
    assert_eq!(sent.values("x-mcp-subscription-id"), [made["id"].as_str().unwrap()]);
    assert!(sent.id.starts_with("msg_terminated_") && sent.signed_by == [SECRET], "{sent:?}");
    publish(&world, "e-1", "T-1").await;
    let got = world.endpoint.sent_to(URL).iter().filter(|sent| sent.id == "e-1").count();
    assert_eq!(got, 1, "the other one's");
    let audit = world.get("/v1/tenants/acme/audit").await.expect(200).text();
    assert!(audit.contains(&format!("{id}, which subscribed, has ended")), "{audit}");
    call(&world, &first, "events/subscribe", lasting()).await.expect(401);
}

fn authorized(key: &str, path: &str, body: &Value) -> axum::http::Request<axum::body::Body> {
    axum::http::Request::post(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(axum::body::Body::from(body.to_string()))
        .unwrap()
}

#[tokio::test]
async fn a_subscription_lasts_no_longer_than_its_key_and_belongs_to_who_refreshed_it_last() {
    let (world, _) = start().await;
    let (short, _) = key(&world, json!({ "expires_in": 3_600 })).await;
    let made = result(&world, &short, "events/subscribe", with(json!({ "ttlMs": null }))).await;
    assert_eq!(made["refreshBefore"], "2026-01-31T10:30:00.000Z");
    world.clock.advance(Duration::from_secs(3_599));
    let again = result(&world, &short, "events/subscribe", subscription()).await;
    assert_eq!(again["refreshBefore"], "2026-01-31T10:30:00.000Z", "the key ends then");
    world.clock.advance(Duration::from_secs(1));
    publish(&world, "e-1", "T-1").await;
    assert!(world.endpoint.seen().iter().all(|sent| sent.id != "e-1"));
    // Operators are one, and each of their keys is another.
    let made = async || {
        let made = world.post("/v1/keys", json!({})).await.expect(201).json();
        (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    let ((one, one_id), (two, two_id)) = (made().await, made().await);
    let lasting = || with(json!({ "arguments": { "ticket": "T-9" }, "ttlMs": 20 * DAY * 1_000 }));
    let first = result(&world, &one, "events/subscribe", lasting()).await;
    assert_eq!(result(&world, &two, "events/subscribe", lasting()).await["id"], first["id"]);
    world.delete(&format!("/v1/keys/{one_id}")).await.expect(204);
    some_minutes(&world).await;
    assert!(hooks(&world).await.iter().any(|hook| hook["uid"] == first["id"]), "another key has refreshed it");
    world.delete(&format!("/v1/keys/{two_id}")).await.expect(204);
    some_minutes(&world).await;
    assert!(hooks(&world).await.iter().all(|hook| hook["uid"] != first["id"]));
    assert_eq!(told(&world).len(), 1);
}

#[tokio::test]
async fn with_its_session_a_subscription_ends_whoever_ends_that() {
    for way in 0..3 {
        let (world, _) = start().await;
        let asked = json!({ "capabilities": ["view", "manage", "test"] });
        let link = world.post("/v1/tenants/acme/portal-links", asked).await.expect(201).json();
        let entered = json!({ "code": link["code"] });
        let session = world.call("POST", "/v1/portal/sessions", None, entered.to_string()).await.expect(201).json();
        let token = session["token"].as_str().unwrap_or_else(|| panic!("{session}"));
        result(&world, token, "events/subscribe", subscription()).await;
        let listed = world.get("/v1/tenants/acme/portal-sessions").await.expect(200).json();
        let id = listed["items"][0]["id"].as_str().unwrap();
        match way {
            0 => world.delete(&format!("/v1/tenants/acme/portal-sessions/{id}")).await.expect(204),
            1 => world.delete("/v1/tenants/acme/portal-sessions").await.expect(204),
            _ => world.call("DELETE", "/v1/portal/session", Some(token), "").await.expect(204),
        };
        some_minutes(&world).await;
        assert_eq!((hooks(&world).await.len(), told(&world).len()), (0, 1), "{way}");
    }
}

#[tokio::test]
async fn with_its_event_type_a_subscription_ends_and_other_hooks_stay() {
    for archived in [true, false] {
        let (world, key) = start().await;
        result(&world, &key, "events/subscribe", subscription()).await;
        let plain = world.hook(json!({ "events": ["ticket.updated"] })).await;
        let path = "/v1/tenants/acme/event-types/ticket.updated";
        match archived {
            true => world.patch(path, json!({ "archived": true })).await.expect(200),
            false => world.delete(path).await.expect(204),
        };
        some_minutes(&world).await;
        let left = hooks(&world).await;
        assert_eq!((left.len(), left[0]["id"].as_str()), (1, Some(plain.id.as_str())));
        let told = told(&world);
        assert_eq!(told.len(), 1);
        let error = json!({ "code": -32_023, "message": "NotFound", "data": { "kind": "event" } });
        assert_eq!(told[0].1["error"], error);
    }
}

#[tokio::test]
async fn what_is_of_all_tenants_ends_in_all_of_them_and_what_stays_ends_in_none() {
    let (world, _) = start().await;
    world.post("/v1/event-types", json!({ "name": "shared.type" })).await.expect(201);
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    world.post("/v1/tenants/other/event-types", json!({ "name": "shared.type" })).await.expect(201);
    for tenant in ["acme", "other"] {
        let asked = with(json!({ "name": "shared.type", "arguments": {} }));
        let made = world.send(tests::mcp::request(tenant, OPERATOR, "events/subscribe", asked)).await.json();
        assert!(made["result"]["id"].is_string(), "{made}");
    }
    world.delete("/v1/event-types/shared.type").await.expect(204);
    some_minutes(&world).await;
    assert_eq!(hooks(&world).await.len(), 0);
    let others = world.get("/v1/tenants/other/hooks").await.expect(200).json();
    assert_eq!(others["total"], 1, "that tenant has one of its own");
    assert_eq!(told(&world).len(), 1);
}

#[tokio::test]
async fn whoever_dies_before_revoking_a_key_ends_nothing_and_a_step_that_is_made_twice_tells_once() {
    use contract::jobs::{EndSubscriptions, Job, JobMessage};
    let (world, _) = start().await;
    let (first, id) = key(&world, json!({})).await;
    result(&world, &first, "events/subscribe", with(json!({ "ttlMs": null }))).await;
    let job = || EndSubscriptions::of_principal(id.clone(), world.now());
    let tenant = "acme".parse().unwrap();
    world.engine.requeue.jobs.send_one(job().to_outgoing(Some(&tenant))).await.unwrap();
    some_minutes(&world).await;
    assert_eq!((hooks(&world).await.len(), told(&world).len()), (1, 0));
    // Another tenant's job of the same name finds nothing here.
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let other = "other".parse().unwrap();
    world.engine.requeue.jobs.send_one(job().to_outgoing(Some(&other))).await.unwrap();
    some_minutes(&world).await;
    assert_eq!(hooks(&world).await.len(), 1);
    // Stopped and told, and whoever did it died before the deletion.
    let foundation = &world.engine.foundation;
    let listed = foundation.hooks.list(&tenant, 10, None).await.unwrap().items.remove(0).unwrap();
    let now = world.now();
    let stopped = services::delivery::ended_hook::stop(foundation.hooks.as_ref(), &listed, now).await.unwrap();
    let reason = services::delivery::ended_hook::EndReason::AccessRevoked;
    let message = services::delivery::ended_hook::message(&stopped, reason, now, &contract::ports::OsRandom).unwrap();
    world.engine.requeue.redeliveries.send_one(message).await.unwrap();
    world.delete(&format!("/v1/tenants/acme/keys/{id}")).await.expect(204);
    let twice = JobMessage::new(&tenant, Job::EndSubscriptions(job())).to_outgoing(None);
    world.engine.requeue.jobs.send_one(twice).await.unwrap();
    some_minutes(&world).await;
    let told = told(&world);
    assert_eq!((hooks(&world).await.len(), told.len()), (0, 2));
    assert_eq!(told[0].0.id, told[1].0.id, "receivers can tell");
}

#[tokio::test]
async fn whoever_is_deleted_by_hand_is_told_unless_the_client_has_ended_it_or_nobody_ever_wanted_it() {
    let (world, key) = start().await;
    let made = result(&world, &key, "events/subscribe", subscription()).await;
    let hook = hooks(&world).await.remove(0);
    let path = format!("/v1/tenants/acme/hooks/{}", hook["id"].as_str().unwrap());
    world.call("DELETE", &format!("{path}?told=no"), Some(OPERATOR), "").await.expect(400);
    world.delete(&path).await.expect(204);
    assert_eq!(world.endpoint.seen().len(), 1, "the answer waits for nobody");
    world.drain().await;
    let ended = told(&world);
    assert_eq!((ended.len(), &ended[0].1["error"]["data"]), (1, &json!({ "kind": "subscription" })));
    assert_eq!(ended[0].0.values("x-mcp-subscription-id"), [made["id"].as_str().unwrap()]);
    // By the client, or with tell=false.
    result(&world, &key, "events/subscribe", subscription()).await;
    result(&world, &key, "events/unsubscribe", subscription()).await;
    result(&world, &key, "events/subscribe", subscription()).await;
    world.delete(&format!("/v1/tenants/acme/hooks/uid:{}?tell=false", made["id"].as_str().unwrap())).await.expect(204);
    // One that never returned a challenge, and one that need not.
    let challenged = json!({ "required": true, "kind": "challenge" });
    let never = world.hook(json!({ "verification": challenged })).await;
    world.delete(&never.path()).await.expect(204);
    let plain = world.hook(json!({})).await;
    world.delete(&plain.path()).await.expect(204);
    some_minutes(&world).await;
    assert_eq!(told(&world).len(), 1);
    // An endpoint that is not there any more holds up nothing, and is not asked twice.
    result(&world, &key, "events/subscribe", subscription()).await;
    world.endpoint.receive(URL, |request| match echo(request) {
        tests::world::Answer::Status(_) => tests::world::Answer::Timeout,
        other => other,
    });
    let hook = hooks(&world).await.remove(0);
    world.delete(&format!("/v1/tenants/acme/hooks/{}", hook["id"].as_str().unwrap())).await.expect(204);
    some_minutes(&world).await;
    assert_eq!(told(&world).len(), 2);
    assert_eq!(error(&world, &key, "events/unsubscribe", subscription()).await.0, -32_023);
}
