//! `/api/v1`, called as Svix's document says. What its SDKs make of it is tested with the SDKs themselves.

mod access;
mod refusals;
mod repeated;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, Reply, TENANT, World};

const URL: &str = "https://hooks.example.com/svix";
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn call(world: &World, method: &str, path: &str, key: &str, body: &Value, once: Option<&str>) -> Reply {
    let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
    request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    if let Some(once) = once {
        request = request.header("idempotency-key", once);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    world.send(request.body(body).unwrap()).await
}

async fn get(world: &World, path: &str) -> Reply {
    call(world, "GET", path, OPERATOR, &Value::Null, None).await
}

async fn send(world: &World, method: &str, path: &str, body: Value) -> Reply {
    call(world, method, path, OPERATOR, &body, None).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// An application with one of everything that a path can name.
struct Everything {
    endpoint: String,
    message: String,
    attempt: String,
    task: String,
}

async fn everything(world: &World, app: &str) -> Everything {
    send(world, "POST", "/event-type", json!({ "name": "a.b", "description": "" })).await;
    let endpoint = json!({ "url": URL, "uid": "mine", "secret": SECRET, "headers": { "x-api-key": "hush" } });
    let endpoint = send(world, "POST", &format!("/app/{app}/endpoint"), endpoint).await.expect(201).json();
    let message = json!({ "eventType": "a.b", "eventId": "one", "payload": { "n": 1 } });
    let message = send(world, "POST", &format!("/app/{app}/msg"), message).await.expect(202).json();
    world.settle().await;
    let attempts = get(world, &format!("/app/{app}/attempt/msg/one")).await.expect(200).json();
    let recover = json!({ "since": "2026-01-01T00:00:00Z" });
    let task = send(world, "POST", &format!("/app/{app}/endpoint/mine/recover"), recover).await.expect(202).json();
    world.settle().await;
    let id = |value: &Value| text(&value["id"]).to_owned();
    Everything { endpoint: id(&endpoint), message: id(&message), attempt: id(&attempts["data"][0]), task: id(&task) }
}

#[tokio::test]
async fn secrets_are_shown_where_they_are_asked_for_and_in_no_list() {
    let world = World::new().await;
    let Everything { endpoint, message, .. } = everything(&world, TENANT).await;
    let ep = format!("/app/{TENANT}/endpoint/{endpoint}");
    for path in [
        format!("/app/{TENANT}/endpoint"),
        ep.clone(),
        format!("{ep}/headers"),
        format!("{ep}/msg"),
        format!("/app/{TENANT}/msg/{message}/endpoint"),
        format!("/app/{TENANT}/attempt/endpoint/{endpoint}?with_msg=true"),
    ] {
        let shown = get(&world, &path).await.expect(200).text();
        assert!(!shown.contains(SECRET) && !shown.contains("hush") && !shown.contains("********"), "{path}: {shown}");
    }
    assert_eq!(get(&world, &format!("{ep}/secret")).await.expect(200).json(), json!({ "key": SECRET }));
    let headers = get(&world, &format!("{ep}/headers")).await.json();
    assert_eq!(headers, json!({ "headers": {}, "sensitive": ["x-api-key"] }));
    // What is kept beside it stays as it is.
    send(&world, "PATCH", &format!("{ep}/headers"), json!({ "headers": { "x-env": "live" } })).await.expect(204);
    let message = json!({ "eventType": "a.b", "payload": {} });
    send(&world, "POST", "/app/acme/msg", message).await.expect(202);
    world.settle().await;
    let sent = world.endpoint.seen().pop().unwrap();
    assert_eq!((sent.values("x-api-key"), sent.values("x-env")), (vec!["hush"], vec!["live"]));
}

#[tokio::test]
async fn a_request_that_is_sent_again_after_a_crash_does_nothing_more() {
    let mut world = World::new().await;
    everything(&world, TENANT).await;
    let since = json!({ "since": "2026-01-01T00:00:00Z" });
    let calls = [
        ("/app".to_owned(), json!({ "name": "New", "uid": "new.app" }), 201),
        ("/app".to_owned(), json!({ "name": "Nameless" }), 201),
        ("/app/acme/endpoint".to_owned(), json!({ "url": URL, "uid": "again", "disabled": true }), 201),
        ("/app/acme/endpoint".to_owned(), json!({ "url": URL, "disabled": true }), 201),
        ("/app/acme/msg".to_owned(), json!({ "eventType": "a.b", "eventId": "two", "payload": {} }), 202),
        ("/app/acme/msg".to_owned(), json!({ "eventType": "a.b", "payload": {} }), 202),
        ("/app/acme/endpoint/mine/secret/rotate".to_owned(), json!({}), 204),
        ("/app/acme/endpoint/mine/replay-missing".to_owned(), since, 202),
        ("/app/acme/msg/one/endpoint/mine/resend".to_owned(), json!({}), 202),
    ];
    for (number, (path, body, status)) in calls.iter().enumerate() {
        let key = format!("key-{number}");
        let asked = async |world: &World| {
            let answer = call(world, "POST", path, OPERATOR, body, Some(&key)).await.expect(*status);
            // What a rotation made is shown elsewhere.
            match status {
                204 => get(world, "/app/acme/endpoint/mine/secret").await.json(),
                _ => answer.json(),
            }
        };
        let first = asked(&world).await;
        // Once before anything came of it, and once after.
        world = world.restart().await;
        let second = asked(&world).await;
        world.settle().await;
        let sent = world.endpoint.seen().len();
        let third = asked(&world).await;
        world.settle().await;
        assert_eq!(world.endpoint.seen().len(), sent, "{path}");
        for again in [second, third] {
            let id = |answer: &Value| (answer["id"].clone(), answer["key"].clone(), answer["timestamp"].clone());
            assert_eq!(id(&again), id(&first), "{path}");
        }
    }
    assert_eq!(get(&world, "/app/acme/endpoint").await.json()["data"].as_array().unwrap().len(), 3);
    assert_eq!(get(&world, "/app").await.json()["data"].as_array().unwrap().len(), 3);
    // Without the key it is another request.
    for index in [0, 2, 4] {
        let (path, body, _) = &calls[index];
        assert_eq!(send(&world, "POST", path, body.clone()).await.expect(409).json()["code"], "conflict");
    }
}

#[tokio::test]
async fn a_payload_keeps_its_bytes_and_every_endpoint_gets_it_under_one_id() {
    let world = World::new().await;
    everything(&world, TENANT).await;
    let other = "https://other.example.com/in";
    send(&world, "POST", "/app/acme/endpoint", json!({ "url": other })).await.expect(201);
    let body = r#"{"eventType":"a.b","payload":{ "a" : 1.50,"b":[ ] }}"#;
    let request = Request::post("/api/v1/app/acme/msg").header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"));
    let made = world.send(request.body(Body::from(body)).unwrap()).await.expect(202);
    assert!(made.text().contains(r#""payload":{ "a" : 1.50,"b":[ ] }"#), "{}", made.text());
    world.settle().await;
    let sent = world.endpoint.seen();
    for url in [URL, other] {
        let request = sent.iter().rev().find(|sent| sent.url == url).unwrap();
        assert_eq!(request.text(), r#"{ "a" : 1.50,"b":[ ] }"#);
        assert_eq!(request.values("svix-id"), [text(&made.json()["id"])]);
        assert_eq!(request.values("webhook-id"), request.values("svix-id"));
    }
    let raw = json!({ "eventType": "a.b", "payload": {}, "transformationsParams": { "rawPayload": "[1, 2]" } });
    send(&world, "POST", "/app/acme/msg", raw).await.expect(202);
    world.settle().await;
    assert_eq!(world.endpoint.seen().pop().unwrap().text(), "[1, 2]");
}

#[tokio::test]
async fn endpoints_change_their_uids_and_a_uid_that_is_free_can_be_taken() {
    let world = World::new().await;
    let Everything { endpoint, .. } = everything(&world, TENANT).await;
    let mine = |uid: Value| json!({ "url": URL, "uid": uid });
    send(&world, "POST", "/app/acme/endpoint", mine(json!("mine"))).await.expect(409);
    let changed = send(&world, "PATCH", "/app/acme/endpoint/mine", json!({ "uid": "yours" })).await.expect(200).json();
    assert_eq!((text(&changed["id"]), &changed["uid"]), (&*endpoint, &json!("yours")));
    get(&world, "/app/acme/endpoint/mine").await.expect(404);
    send(&world, "POST", "/app/acme/endpoint", mine(json!("mine"))).await.expect(201);
    send(&world, "PATCH", "/app/acme/endpoint/mine", json!({ "uid": "yours" })).await.expect(409);
    send(&world, "DELETE", "/app/acme/endpoint/yours", Value::Null).await.expect(204);
    send(&world, "PATCH", "/app/acme/endpoint/mine", json!({ "uid": "yours" })).await.expect(200);
    // As there, what replaces an endpoint says all of it.
    let put = send(&world, "PUT", "/app/acme/endpoint/yours", json!({ "url": URL })).await.expect(200).json();
    assert!(put.get("uid").is_none(), "{put}");
    get(&world, "/app/acme/endpoint/yours").await.expect(404);
    let made =
        send(&world, "PUT", "/app/acme/endpoint/new", json!({ "url": URL, "uid": "new" })).await.expect(201).json();
    assert_eq!(get(&world, "/app/acme/endpoint/new").await.expect(200).json()["id"], made["id"]);
}

#[tokio::test]
async fn attempts_are_listed_as_they_were_made_page_by_page() {
    let world = World::new().await;
    everything(&world, TENANT).await;
    for number in 0..5 {
        world.endpoint.answer(URL, [Answer::Status(500), Answer::Timeout]);
        let message = json!({ "eventType": "a.b", "eventId": format!("m{number}"), "payload": {}, "tags": ["t"] });
        send(&world, "POST", "/app/acme/msg", message).await.expect(202);
        world.settle().await;
    }
    let all = async |query: &str, limit: usize| {
        let (mut seen, mut iterator) = (Vec::new(), String::new());
        loop {
            let path = format!("/app/acme/attempt/endpoint/mine?limit={limit}{query}{iterator}");
            let page = get(&world, &path).await.expect(200).json();
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= limit);
            seen.extend(data.iter().map(|attempt| {
                (
                    text(&attempt["msgId"]).to_owned(),
                    attempt["responseStatusCode"].as_u64().unwrap(),
                    text(&attempt["id"]).to_owned(),
                )
            }));
            if page["done"] == true {
                return seen;
            }
            iterator = format!("&iterator={}", text(&page["iterator"]));
        }
    };
    let whole = all("", 250).await;
    assert_eq!(whole.len(), 16, "one of the first message, and three of each other");
    let codes: Vec<u64> = whole.iter().take(4).map(|(_, code, _)| *code).collect();
    assert_eq!(codes, [200, 0, 500, 200]);
    for limit in [1, 2, 3, 5, 7] {
        assert_eq!(all("", limit).await, whole, "{limit}");
    }
    assert_eq!(all("&status=2", 3).await.len(), 10);
    assert_eq!(all("&status=2&status_code_class=500", 2).await.len(), 5);
    assert_eq!(all("&status_code_class=0", 2).await.len(), 5);
    assert_eq!(all("&tag=t", 4).await.len(), 15);
    assert_eq!(all("&tag=none", 4).await.len(), 0);
    let of_one = get(&world, "/app/acme/attempt/msg/m1?limit=2").await.expect(200).json();
    assert_eq!((of_one["data"].as_array().unwrap().len(), &of_one["done"]), (2, &json!(false)));
    let rest = get(&world, &format!("/app/acme/attempt/msg/m1?limit=2&iterator={}", text(&of_one["iterator"]))).await;
    assert_eq!(rest.expect(200).json()["data"].as_array().unwrap().len(), 1);
}
