//! What is asked more than once, page by page, or by several at the same time.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, TENANT, World};

use super::{URL, call, everything, get, send, text};

async fn publish(world: &World, name: &str, number: usize) {
    for one in 0..number {
        let message = json!({ "eventType": "a.b", "eventId": format!("{name}-{one}"), "payload": {} });
        send(world, "POST", &format!("/app/{TENANT}/msg"), message).await.expect(202);
    }
    world.drain().await;
}

#[tokio::test]
async fn a_list_of_attempts_goes_on_where_it_was_however_many_came_since() {
    let world = World::new().await;
    let endpoint = everything(&world, TENANT).await.endpoint;
    // Most succeed at once, and some at the second attempt.
    world.endpoint.answer(URL, (0..6).map(|one| Answer::Status(if one % 2 == 0 { 500 } else { 204 })));
    publish(&world, "early", 12).await;
    world.settle().await;
    let list = format!("/app/{TENANT}/attempt/endpoint/{endpoint}");
    let all = get(&world, &format!("{list}?limit=250")).await.expect(200).json();
    let expected: Vec<String> = all["data"].as_array().unwrap().iter().map(|one| text(&one["id"]).to_owned()).collect();
    assert_eq!((expected.len(), &all["done"]), (1 + 12 + 3, &json!(true)));
    for limit in [1, 2, 3, 5] {
        let (mut found, mut iterator) = (Vec::new(), String::new());
        for page in 0.. {
            let asked = format!("{list}?limit={limit}&with_msg=true{iterator}");
            let shown = get(&world, &asked).await.expect(200).json();
            let data = shown["data"].as_array().unwrap();
            assert!(data.len() <= limit);
            found.extend(data.iter().map(|one| text(&one["id"]).to_owned()));
            if shown["done"] == true {
                break;
            }
            iterator = format!("&iterator={}", text(&shown["iterator"]));
            publish(&world, &format!("late-{limit}-{page}"), 4).await;
        }
        // Those that came before this list began are there, each once, and in their order.
        let known: BTreeSet<&String> = expected.iter().collect();
        let early: Vec<&String> = found.iter().filter(|id| known.contains(id)).collect();
        assert_eq!(early, expected.iter().collect::<Vec<_>>(), "{limit}");
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "{limit}: none twice");
    }
}

#[tokio::test]
async fn headers_that_several_set_at_once_are_all_there() {
    let world = World::new().await;
    let endpoint = everything(&world, TENANT).await.endpoint;
    let path = format!("/app/{TENANT}/endpoint/{endpoint}/headers");
    let names = ["x-a", "x-b", "x-c", "x-d"];
    let patches = names.map(|name| send(&world, "PATCH", &path, json!({ "headers": { name: "1" } })));
    for reply in futures::future::join_all(patches).await {
        reply.expect(204);
    }
    let shown = get(&world, &path).await.expect(200).json();
    let set: Vec<&String> = shown["headers"].as_object().unwrap().keys().collect();
    assert_eq!((set, &shown["sensitive"]), (names.map(str::to_owned).iter().collect(), &json!(["x-api-key"])));
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_link_and_token_and_sends_one_example() {
    let world = World::new().await;
    let endpoint = everything(&world, TENANT).await.endpoint;
    let again = async |path: &str, body: &Value, key: &str| {
        call(&world, "POST", path, OPERATOR, body, Some(key)).await.expect(200).json()
    };
    let access = format!("/auth/app-portal-access/{TENANT}");
    let first = again(&access, &json!({}), "k").await;
    assert_eq!(again(&access, &json!({}), "k").await, first);
    let other = again(&access, &json!({}), "another").await;
    assert!(other["url"] != first["url"] && other["token"] != first["token"]);
    let before = world.endpoint.seen().len();
    let example = format!("/app/{TENANT}/endpoint/{endpoint}/send-example");
    let schema = json!({ "name": "c.d", "description": "", "schemas": { "1": { "examples": [{ "n": 1 }] } } });
    send(&world, "POST", "/event-type", schema).await.expect(201);
    for _ in 0..2 {
        let asked = json!({ "eventType": "c.d" });
        let sent = call(&world, "POST", &example, OPERATOR, &asked, Some("e")).await;
        assert!((200..300).contains(&sent.status), "{}", sent.text());
    }
    assert_eq!(world.endpoint.seen().len(), before + 1);
}
