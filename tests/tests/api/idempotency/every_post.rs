//! Every `POST` of the document, sent again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tests::world::{OPERATOR, TENANT, World};

use super::{hooks, new_hook, once, once_as};

/// Of the tasks of one runtime, until the one that goes on by itself must have ended.
const MOST_TURNS: usize = 100_000;

fn of_tenant(rest: &str) -> String {
    format!("/v1/tenants/{TENANT}/{rest}")
}

/// How many are in a list.
async fn count(world: &World, list: &str) -> usize {
    world.get(list).await.expect(200).json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn every_post_takes_a_key_unless_it_does_nothing_more_by_itself() {
    let document = World::new().await.get("/openapi.json").await.json();
    let mut without = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(post) = methods.get("post") else { continue };
        let parameters = post["parameters"].as_array().into_iter().flatten();
        if parameters.filter(|one| one["name"] == "Idempotency-Key").count() != 1 {
            without.insert(path.clone());
        }
    }
    let repeatable = [
        "/v1/portal/session/refresh",
        "/v1/profile-previews",
        "/v1/tenants/{tenant}/hooks/{hook}/confirm",
        "/v1/tenants/{tenant}/hooks/{hook}/preview",
    ];
    assert_eq!(without, repeatable.map(str::to_owned).into());
}

#[tokio::test]
async fn what_a_request_made_is_told_again_over_a_crash_and_made_once() {
    let mut world = World::new().await;
    let hook = world.hook(json!({})).await;
    let (keys, links) = (of_tenant("keys"), of_tenant("portal-links"));
    let (test, types) = (format!("{}/test", hook.path()), of_tenant("event-types"));
    let portal = json!({ "scope": "portal", "expires_in": 60 });
    let external = json!({ "title": "a", "change": { "kind": "external", "target": "x", "before": 0, "after": 1 } });
    let plan = world.post(&of_tenant("plans"), external).await.expect(201).json();
    let approve = of_tenant(&format!("plans/{}/approve", plan["id"].as_str().unwrap()));
    for (path, body, status) in [
        (&*keys, portal, 201),
        (&*links, json!({}), 201),
        (&*test, json!({ "event_type": "a" }), 200),
        (&*types, json!({ "name": "order.paid" }), 201),
        (&*of_tenant("expungements"), json!({ "event_type": "a" }), 202),
        (&*of_tenant("advice"), json!({}), 200),
        (&*approve, json!({}), 200),
        ("/v1/keys", json!({ "name": "ci" }), 201),
        ("/v1/profiles", json!({ "name": "mine" }), 201),
        ("/v1/event-types", json!({ "name": "post.published" }), 201),
        ("/v1/identity/rotate", json!({}), 200),
        (&*format!("{}/secret/cutover", hook.path()), json!({}), 200),
    ] {
        let first = once(&world, path, &body, path).await;
        assert_eq!(first.header("idempotent-replayed"), None, "{path}");
        let first = first.expect(status).text();
        world = world.restart().await;
        let again = once(&world, path, &body, path).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}");
        assert_eq!(again.expect(status).text(), first, "{path}");
        let other = once(&world, path, &json!({ "another": 1 }), path).await.expect(422).json();
        assert_eq!(other["code"], "idempotency_key_reused", "{path}");
    }
    assert_eq!((count(&world, &keys).await, count(&world, "/v1/keys").await), (1, 1));
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 1);
}

#[tokio::test]
async fn of_many_who_ask_the_same_at_once_one_makes_it() {
    let world = World::new().await;
    let (path, body) = (of_tenant("keys"), json!({ "scope": "publish" }));
    let replies = futures::future::join_all((0..8).map(|_| once(&world, &path, &body, "one"))).await;
    let mut keys = BTreeSet::new();
    for reply in replies {
        match reply.status {
            201 => drop(keys.insert(reply.json()["key"].as_str().unwrap().to_owned())),
            _ => {
                assert!(reply.header("retry-after").is_some());
                assert_eq!(reply.expect(409).json()["code"], "request_under_way");
            }
        }
    }
    assert_eq!((keys.len(), count(&world, &path).await), (1, 1));
}

#[tokio::test]
async fn whoever_hangs_up_at_any_time_is_told_later_what_was_made() {
    let world = World::new().await;
    let (path, body) = (of_tenant("keys"), json!({ "scope": "publish" }));
    let rounds = [1, 3, 10, 30, 100, 1_000];
    for polls in rounds {
        let key = polls.to_string();
        {
            let mut asked = std::pin::pin!(once(&world, &path, &body, &key));
            for _ in 0..polls {
                if futures::poll!(asked.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let mut again = once(&world, &path, &body, &key).await;
        for _ in 0..MOST_TURNS {
            if again.status != 409 {
                break;
            }
            tokio::task::yield_now().await;
            again = once(&world, &path, &body, &key).await;
        }
        again.expect(201);
    }
    assert_eq!(count(&world, &path).await, rounds.len());
}

#[tokio::test]
async fn another_body_under_the_key_of_what_knows_its_request_is_refused() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let replays = format!("{}/replays", hook.path());
    for (path, body, other) in [
        ("/v1/tenants", json!({ "id": "blog" }), json!({ "id": "shop" })),
        (&*hooks(), new_hook(&json!({})), new_hook(&json!({ "name": "b" }))),
        (&*replays, json!({ "kind": "failed" }), json!({ "kind": "failed", "dry_run": true })),
        (&*format!("{}/secret/rotate", hook.path()), json!({}), json!({ "overlap": 1 })),
    ] {
        once(&world, path, &body, "k").await;
        assert_eq!(
            once(&world, path, &other, "k").await.expect(422).json()["code"],
            "idempotency_key_reused",
            "{path}"
        );
    }
    let event = |data: u8| json!({ "type": "a", "data": data });
    let events = of_tenant("events");
    once(&world, &events, &event(1), "k").await.expect(202);
    assert_eq!(once(&world, &events, &event(2), "k").await.expect(409).json()["code"], "id_taken");
}

#[tokio::test]
async fn what_was_refused_may_be_sent_again_put_right() {
    let world = World::new().await;
    for (path, wrong, right) in [
        (of_tenant("keys"), json!({ "scope": "portal" }), json!({ "scope": "publish" })),
        (hooks(), json!({}), new_hook(&json!({}))),
    ] {
        once(&world, &path, &wrong, "k").await.expect(422);
        once(&world, &path, &right, "k").await.expect(201);
    }
}

#[tokio::test]
async fn of_an_answer_that_is_too_large_to_be_kept_it_is_told_that_it_was_given() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/test", hook.path());
    // Longer than is kept; and within that, as it is written, and longer when it is sealed.
    for (number, data) in ["x".repeat(220_000), "\"".repeat(40_000)].into_iter().enumerate() {
        let body = json!({ "event_type": "a", "data": data });
        let key = number.to_string();
        once(&world, &path, &body, &key).await.expect(200);
        let again = once(&world, &path, &body, &key).await.expect(409).json();
        assert!(again["detail"].as_str().unwrap().contains("too large"), "{again}");
        assert_eq!(again["code"], "conflict");
        assert_eq!(world.endpoint.sent_to(&hook.url).len(), number + 1, "nothing is sent again");
    }
}

#[tokio::test]
async fn each_event_of_a_batch_is_published_once_by_its_request() {
    let mut world = World::new().await;
    let hook = world.hook(json!({})).await;
    let (path, event) = (of_tenant("events/batch"), json!({ "type": "a", "data": 1 }));
    let batch = json!({ "events": [event, event, { "id": "mine", "type": "a", "data": 2 }] });
    let ids = |reply: &Value| -> Vec<String> {
        reply["results"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = ids(&once(&world, &path, &batch, "k").await.expect(202).json());
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 3);
    world = world.restart().await;
    assert_eq!(ids(&once(&world, &path, &batch, "k").await.expect(202).json()), first);
    world.settle().await;
    assert_eq!(ids(&once(&world, &path, &batch, "k").await.expect(202).json()), first);
    world.settle().await;
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), 3);
}

#[tokio::test]
async fn a_code_that_was_exchanged_gives_its_session_again_for_ten_minutes_to_the_same_request() {
    let world = World::new().await;
    let link = world.post(&of_tenant("portal-links"), json!({})).await.expect(201).json();
    let entry = json!({ "code": link["code"] });
    let path = "/v1/portal/sessions";
    let session = once(&world, path, &entry, "k").await.expect(201).text();
    assert_eq!(once(&world, path, &entry, "k").await.expect(201).text(), session);
    once(&world, path, &entry, "another").await.expect(401);
    once(&world, path, &json!({ "code": "hl_acme.link_x" }), "k").await.expect(401);
    world.clock.advance(Duration::from_secs(601));
    once(&world, path, &entry, "k").await.expect(401);
}

#[tokio::test]
async fn an_answer_is_of_its_asker_and_goes_with_his_key_his_tenant_and_the_day() {
    let world = World::new().await;
    let keys = of_tenant("keys");
    let own = world.post(&keys, json!({ "scope": "tenant" })).await.expect(201).json();
    let (own_id, own) = (own["id"].as_str().unwrap(), own["key"].as_str().unwrap());
    let body = json!({ "scope": "publish" });
    let made = once(&world, &keys, &body, "k").await.expect(201).text();
    let of_another = once_as(&world, own, &keys, &body, "k").await.expect(201).text();
    assert_ne!(of_another, made);
    world.delete(&format!("{keys}/{own_id}")).await.expect(204);
    once_as(&world, own, &keys, &body, "k").await.expect(401);

    world.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    let later = once(&world, &keys, &body, "k").await.expect(201).text();
    assert_ne!(later, made);
    world.delete(&format!("/v1/tenants/{TENANT}")).await.expect(204);
    world.clock.advance(Duration::from_secs(31));
    once(&world, &keys, &body, "k").await.expect(404);
    world.post("/v1/tenants", json!({ "id": TENANT })).await.expect(201);
    assert_ne!(once(&world, &keys, &body, "k").await.expect(201).text(), later);
}

#[tokio::test]
async fn nothing_of_an_answer_can_be_read_in_the_store() {
    let world = World::new().await;
    let made = once(&world, &of_tenant("keys"), &json!({ "scope": "publish" }), "the-idempotency-key").await;
    let made = made.expect(201).json();
    let [id, key] = ["id", "key"].map(|name| made[name].as_str().unwrap());
    let (_, secret) = key.rsplit_once('.').unwrap();
    world.engine.store.close();
    let files = world.files();
    let holds = |text: &str| {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        files.iter().find(|(_, bytes)| holds(bytes)).map(|(path, _)| path)
    };
    assert!(holds(id).is_some(), "what is no secret is there to be read");
    for secret in [secret, "the-idempotency-key", OPERATOR] {
        assert_eq!(holds(secret), None, "{secret}");
    }
}
