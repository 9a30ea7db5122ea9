//! A key is of who asks: the same one of somebody else is another request.

use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, TENANT, World};

use super::{hooks, new_hook, once, once_as};

async fn operator(world: &World, name: &str) -> String {
    let made = world.post("/v1/keys", json!({ "name": name })).await.expect(201).json();
    made["key"].as_str().unwrap().to_owned()
}

/// The token of a portal session that may do this.
async fn session(world: &World, capabilities: &[&str]) -> String {
    let asked = json!({ "capabilities": capabilities });
    let link = world.post(&format!("/v1/tenants/{TENANT}/portal-links"), asked).await.expect(201).json();
    let entered = world.call("POST", "/v1/portal/sessions", None, json!({ "code": link["code"] }).to_string()).await;
    entered.expect(201).json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_operators_key_names_requests_of_its_own() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.endpoint.answer(&hook.url, vec![Answer::Status(400); 1]);
    let event = world.publish(json!({ "type": "a", "data": 1 })).await;
    world.drain().await;
    let delivery = world.delivery(&event).await["id"].as_str().unwrap().to_owned();
    let (jane, joe) = (operator(&world, "Jane").await, operator(&world, "Joe").await);
    let plan = json!({ "title": "t", "change": { "kind": "external", "target": "x", "before": 1, "after": 2 } });
    for (path, body, status) in [
        ("/v1/tenants", json!({}), 201),
        (&*hooks(), new_hook(&json!({})), 201),
        (&*format!("/v1/tenants/{TENANT}/plans"), plan, 201),
        (&*format!("/v1/tenants/{TENANT}/keys"), json!({ "scope": "publish" }), 201),
        (&*format!("{}/replays", hook.path()), json!({ "kind": "range" }), 202),
    ] {
        let mut made = Vec::new();
        for asker in [&*jane, &*joe, OPERATOR] {
            let first = once_as(&world, asker, path, &body, "k").await.expect(status).json();
            let again = once_as(&world, asker, path, &body, "k").await.expect(status).json();
            assert_eq!(again["id"], first["id"], "{path}");
            assert!(!made.contains(&first["id"]), "{path}: {first}");
            made.push(first["id"].clone());
        }
    }
    world.settle().await;
    let before = world.endpoint.sent_to(&hook.url).len();
    for asker in [&*jane, &*joe] {
        let path = format!("/v1/tenants/{TENANT}/deliveries/{delivery}/retry");
        for _ in 0..2 {
            once_as(&world, asker, &path, &json!({}), "k").await.expect(202);
            world.drain().await;
        }
    }
    assert_eq!(world.endpoint.sent_to(&hook.url).len(), before + 2, "each asked once more");
}

#[tokio::test]
async fn who_rotates_again_with_his_key_is_shown_no_secret_that_came_after_his_own() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/secret/rotate", hook.path());
    let (blind, seeing) = (["view", "rotate"], ["view", "rotate", "reveal_secret"]);
    let (blind, seeing) = (session(&world, &blind).await, session(&world, &seeing).await);
    let secret_of = |answer: &Value| answer["secret"].as_str().map(str::to_owned);
    let own = secret_of(&once_as(&world, &blind, &path, &json!({}), "k").await.expect(200).json()).unwrap();
    let again = once_as(&world, &blind, &path, &json!({}), "k").await.expect(200).json();
    assert_eq!(secret_of(&again), Some(own.clone()), "until there is another one");
    // The same key, of another session.
    let other = secret_of(&once_as(&world, &seeing, &path, &json!({}), "k").await.expect(200).json()).unwrap();
    assert_ne!(other, own);
    let again = once_as(&world, &blind, &path, &json!({}), "k").await.expect(200);
    assert!(!again.text().contains(&other), "{}", again.text());
    let last = secret_of(&world.post(&path, json!({})).await.expect(200).json()).unwrap();
    let again = once_as(&world, &seeing, &path, &json!({}), "k").await.expect(200).json();
    assert_eq!(secret_of(&again), Some(last), "who may reveal it sees the one that signs now");
}

#[tokio::test]
async fn of_many_who_ask_for_a_replay_at_once_one_makes_it() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{}/replays", hook.path());
    let body = json!({ "kind": "failed" });
    let replies = futures::future::join_all((0..8).map(|_| once(&world, &path, &body, "one"))).await;
    for reply in replies.iter().filter(|reply| reply.status != 202) {
        assert_eq!((reply.status, &reply.json()["code"]), (409, &json!("request_under_way")));
    }
    assert!(replies.iter().any(|reply| reply.status == 202));
    assert_eq!(world.get(&path).await.json()["items"].as_array().unwrap().len(), 1);
}
