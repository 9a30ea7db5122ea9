//! `/mcp/{tenant}`: events of the Model Context Protocol, subscribed to, received, polled and ended.

mod endings;
mod flooding;
mod lifetimes;
mod subscriptions;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tests::mcp::{echo, request};
use tests::world::{OPERATOR, Reply, Sent, TENANT, World};

const URL: &str = "https://agent.example.com/in";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const OTHER_SECRET: &str = "whsec_CAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const DAY: u64 = 24 * 3600;

async fn call(world: &World, key: &str, method: &str, params: Value) -> Reply {
    world.send(request(TENANT, key, method, params)).await
}

async fn result(world: &World, key: &str, method: &str, params: Value) -> Value {
    let answer = call(world, key, method, params).await.expect(200).json();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{answer}");
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    answer["result"].clone()
}

async fn error(world: &World, key: &str, method: &str, params: Value) -> (i64, Value) {
    let answer = call(world, key, method, params).await.json();
    (answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{answer}")), answer["error"]["data"].clone())
}

async fn key(world: &World) -> String {
    let made = world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    made["key"].as_str().unwrap().to_owned()
}

/// A tenant with an event type, an agent's key, and an endpoint that returns challenges.
async fn start() -> (World, String) {
    let world = World::new().await;
    let schema = json!({ "type": "object", "properties": {
        "ticket": { "type": "string" }, "priority": { "type": "integer" }, "lines": { "type": "array" } } });
    let kind = json!({ "name": "ticket.updated", "description": "A ticket was updated.", "schema": schema });
    world.post("/v1/tenants/acme/event-types", kind).await.expect(201);
    world.endpoint.trust(URL, SECRET);
    world.endpoint.receive(URL, echo);
    let key = key(&world).await;
    (world, key)
}

fn subscription() -> Value {
    json!({ "name": "ticket.updated", "arguments": { "ticket": "T-1" },
            "delivery": { "mode": "webhook", "url": URL, "secret": SECRET } })
}

#[expect(clippy::needless_pass_by_value, reason = "it is called with what json! makes")]
fn with(changes: Value) -> Value {
    let mut asked = subscription();
    asked.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    asked
}

async fn hooks(world: &World) -> Vec<Value> {
    world.get("/v1/tenants/acme/hooks").await.expect(200).json()["items"].as_array().unwrap().clone()
}

async fn publish(world: &World, id: &str, ticket: &str) {
    world.publish(json!({ "id": id, "type": "ticket.updated", "data": { "ticket": ticket, "priority": 1 } })).await;
    world.drain().await;
}

fn bodies(sent: &[Sent]) -> Vec<Value> {
    sent.iter().map(|sent| serde_json::from_slice(&sent.body).unwrap()).collect()
}

#[tokio::test]
async fn events_are_listed_from_the_catalogue_and_polled_from_a_cursor_on() {
    let (world, key) = start().await;
    let listed = result(&world, &key, "events/list", json!({})).await;
    let event = &listed["events"][0];
    assert_eq!((&event["name"], &event["delivery"]), (&json!("ticket.updated"), &json!(["webhook", "poll"])));
    assert_eq!(
        event["inputSchema"]["properties"],
        json!({ "ticket": { "type": "string" }, "priority": { "type": "integer" } })
    );
    assert_eq!(event["payloadSchema"]["properties"]["lines"]["type"], "array");
    let asked = |cursor: &Value, most: u64| {
        json!({ "name": "ticket.updated", "arguments": { "ticket": "T-1" },
                                                    "cursor": cursor, "maxEvents": most })
    };
    let begun = result(&world, &key, "events/poll", asked(&Value::Null, 10)).await;
    assert_eq!((&begun["events"], &begun["hasMore"], &begun["truncated"]), (&json!([]), &json!(false), &json!(false)));
    for (id, ticket) in [("e-1", "T-1"), ("e-2", "T-2"), ("e-3", "T-1")] {
        world.clock.advance(Duration::from_secs(1));
        publish(&world, id, ticket).await;
    }
    world.clock.advance(Duration::from_secs(3));
    let first = result(&world, &key, "events/poll", asked(&begun["cursor"], 2)).await;
    assert_eq!((first["events"].as_array().unwrap().len(), &first["hasMore"]), (1, &json!(true)), "{first}");
    assert_eq!((&first["events"][0]["eventId"], &first["events"][0]["data"]["priority"]), (&json!("e-1"), &json!(1)));
    let second = result(&world, &key, "events/poll", asked(&first["cursor"], 2)).await;
    assert_eq!((&second["events"][0]["eventId"], &second["hasMore"]), (&json!("e-3"), &json!(false)), "{second}");
    let third = result(&world, &key, "events/poll", asked(&second["cursor"], 2)).await;
    assert_eq!(third["events"], json!([]), "{third}");
    world.clock.advance(Duration::from_secs(2 * DAY));
    let late = result(&world, &key, "events/poll", asked(&begun["cursor"], 2)).await;
    assert_eq!((&late["truncated"], &late["events"]), (&json!(true), &json!([])));
    // A place that nobody knows is now, and something may be missing.
    let lost = result(&world, &key, "events/poll", asked(&json!("x"), 2)).await;
    assert_eq!((&lost["truncated"], &lost["events"], &lost["hasMore"]), (&json!(true), &json!([]), &json!(false)));
    let next = result(&world, &key, "events/poll", asked(&lost["cursor"], 2)).await;
    assert_eq!(next["truncated"], false, "from there on it goes on");
    assert_eq!(error(&world, &key, "events/poll", json!({ "name": "no.such" })).await.0, -32_023);
}

#[tokio::test]
async fn tools_are_those_of_the_keys_capabilities_and_do_what_the_api_does() {
    let (world, key) = start().await;
    result(&world, &key, "events/subscribe", subscription()).await;
    publish(&world, "e-1", "T-1").await;
    let names = |listed: &Value| -> Vec<String> {
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = result(&world, &key, "tools/list", json!({})).await;
    let reading = ["list_hooks", "find_deliveries", "explain_event", "delivery_stats"];
    assert_eq!(names(&all), [&reading[..], &["send_again", "test_hook"]].concat());
    assert!(all["tools"].as_array().unwrap().iter().all(|tool| {
        let reads = reading.contains(&tool["name"].as_str().unwrap());
        tool["annotations"]["readOnlyHint"] == reads && tool["inputSchema"]["additionalProperties"] == false
    }));
    let viewer = json!({ "scope": "portal", "expires_in": 3_600, "capabilities": ["view"] });
    let viewer =
        world.post("/v1/tenants/acme/keys", viewer).await.expect(201).json()["key"].as_str().unwrap().to_owned();
    assert_eq!(names(&result(&world, &viewer, "tools/list", json!({})).await), reading);
    let tool = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let found = result(&world, &viewer, "tools/call", tool("find_deliveries", json!({ "event": "e-1" }))).await;
    let delivery = &found["structuredContent"]["items"][0];
    assert_eq!((&delivery["status"], &found["isError"]), (&json!("succeeded"), &json!(false)), "{found}");
    let again = tool("send_again", json!({ "delivery": delivery["id"] }));
    let refused = result(&world, &viewer, "tools/call", again.clone()).await;
    assert_eq!(refused["isError"], true, "{refused}");
    let before = world.endpoint.seen().len();
    assert_eq!(result(&world, &key, "tools/call", again).await["isError"], false);
    world.drain().await;
    assert_eq!(world.endpoint.seen().len(), before + 1);
    let explained = result(&world, &key, "tools/call", tool("explain_event", json!({ "event": "e-1" }))).await;
    assert_eq!(explained["structuredContent"]["items"][0]["verdict"], "chosen", "{explained}");
    for wrong in [
        tool("list_hooks", json!({ "x": 1 })),
        tool("explain_event", json!({})),
        tool("find_deliveries", json!({ "limit": "1" })),
        tool("explain_event", json!({ "event": "none" })),
    ] {
        assert_eq!(result(&world, &key, "tools/call", wrong.clone()).await["isError"], true, "{wrong}");
    }
    assert_eq!(error(&world, &key, "tools/call", tool("shred", json!({}))).await.0, -32_602);
}

#[tokio::test]
async fn each_method_is_for_whoever_has_a_key_of_the_tenant() {
    let (world, key) = start().await;
    world.post("/v1/tenants", json!({ "id": "other" })).await.expect(201);
    let stranger = world.post("/v1/tenants/other/keys", json!({ "scope": "tenant" })).await.expect(201).json();
    let stranger = stranger["key"].as_str().unwrap();
    let methods = [
        "server/discover",
        "ping",
        "events/list",
        "events/subscribe",
        "events/unsubscribe",
        "events/poll",
        "tools/list",
        "tools/call",
    ];
    for method in methods {
        let params = match method {
            "tools/call" => json!({ "name": "list_hooks" }),
            _ => subscription(),
        };
        let refused = call(&world, "nobody", method, params.clone()).await.expect(401).json();
        let is_forbidden = ["events/subscribe", "events/unsubscribe"].contains(&method);
        assert_eq!(refused["error"]["code"], if is_forbidden { -32_024 } else { -32_600 }, "{method}");
        assert_eq!(error(&world, stranger, method, params.clone()).await.0, -32_023, "{method}");
        let missing = world.send(request("missing", stranger, method, params)).await.json();
        assert_eq!(missing["error"]["code"], -32_023, "{method}");
    }
    assert_eq!((hooks(&world).await.len(), world.endpoint.seen().len()), (0, 0));
    let discovered = result(&world, &key, "server/discover", json!({})).await;
    assert_eq!(discovered["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(discovered["capabilities"]["events"], json!({}));
    assert_eq!(discovered["capabilities"]["extensions"]["io.modelcontextprotocol/events"], json!({}));
}

#[tokio::test]
async fn requests_are_of_the_protocol_or_are_refused() {
    let (world, key) = start().await;
    let post = |body: &str| {
        Request::post("/mcp/acme")
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .body(Body::from(body.to_owned()))
    };
    for (body, code) in [
        ("{", -32_700),
        ("[]", -32_600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32_600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32_600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32_600),
    ] {
        assert_eq!(world.send(post(body).unwrap()).await.expect(400).json()["error"]["code"], code, "{body}");
    }
    let unknown = world.send(post(r#"{"jsonrpc":"2.0","id":1,"method":"events/stream"}"#).unwrap()).await.expect(404);
    assert_eq!(unknown.json()["error"]["code"], -32_601);
    world.send(post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap()).await.expect(202);
    let begun = r#"{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
    let begun = world.send(post(begun).unwrap()).await.expect(200).json();
    assert_eq!((&begun["id"], &begun["result"]["protocolVersion"]), (&json!("a"), &json!("2025-06-18")));
    let mut mismatch = request(TENANT, &key, "ping", json!({}));
    mismatch.headers_mut().insert("mcp-method", "events/list".parse().unwrap());
    assert_eq!(world.send(mismatch).await.expect(400).json()["error"]["code"], -32_020);
    let mut elsewhere = request(TENANT, &key, "ping", json!({}));
    elsewhere.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    world.send(elsewhere).await.expect(403);
    world.call("GET", "/mcp/acme", Some(OPERATOR), "").await.expect(405);
    // Of before the SEP was final, by its numbers of then.
    let former = json!({ "jsonrpc": "2.0", "id": 1, "method": "events/poll", "params": { "name": "no.such" } });
    assert_eq!(world.send(post(&former.to_string()).unwrap()).await.json()["error"]["code"], -32_011);
}
