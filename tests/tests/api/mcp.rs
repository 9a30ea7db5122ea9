//! `/mcp/{tenant}`: events of the Model Context Protocol, subscribed to, received, polled and ended.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use contract::ports::HttpRequest;
use futures::future::join;
use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, Reply, Sent, TENANT, World};

const URL: &str = "https://agent.example.com/in";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const OTHER_SECRET: &str = "whsec_CAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const DAY: u64 = 24 * 3600;

/// As a client of 2026-07-28 sends it.
fn request(tenant: &str, key: &str, method: &str, mut params: Value) -> Request<Body> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "extensions": { "io.modelcontextprotocol/events": {} } },
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    Request::post(format!("/mcp/{tenant}"))
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .header("mcp-name", name)
        .body(Body::from(body.to_string()))
        .unwrap()
}

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

/// As the AI SDK's receiver answers a challenge.
fn echo(request: &HttpRequest) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    match body["type"].as_str() {
        Some("verification") => Answer::Body(200, json!({ "challenge": body["challenge"] }).to_string()),
        _ => Answer::Status(204),
    }
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
async fn a_subscription_lives_from_its_challenge_over_refreshes_to_its_end() {
    let (world, key) = start().await;
    let made = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 3_600_000 }))).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("sub_") && id.len() == 36, "{id}");
    assert_eq!((&made["refreshBefore"], &made["cursor"]), (&json!("2026-01-31T10:30:00.000Z"), &Value::Null));
    assert_eq!(made["truncated"], false);
    let challenge = world.endpoint.seen().remove(0);
    assert_eq!(bodies(std::slice::from_ref(&challenge))[0]["type"], "verification");
    assert!(challenge.id.starts_with("msg_verification_"));
    assert_eq!((challenge.values("x-mcp-subscription-id"), challenge.signed_by.len()), (vec![&*id], 1));
    publish(&world, "e-1", "T-1").await;
    publish(&world, "e-2", "T-2").await;
    let sent = world.endpoint.seen();
    assert_eq!(sent.len(), 2, "{:?}", bodies(&sent));
    let told = json!({ "eventId": "e-1", "name": "ticket.updated", "timestamp": "2026-01-31T09:30:00Z",
                       "data": { "ticket": "T-1", "priority": 1 }, "cursor": null });
    let mut body = bodies(&sent)[1].clone();
    body["timestamp"] = told["timestamp"].clone();
    assert_eq!((body, &*sent[1].id), (told, "e-1"));
    assert_eq!(sent[1].values("x-mcp-subscription-id"), [&*id]);
    // Refreshed, with another secret: both sign for a while.
    world.clock.advance(Duration::from_secs(1800));
    let other = json!({ "mode": "webhook", "url": URL, "secret": OTHER_SECRET });
    let refreshed =
        result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 3_600_000, "delivery": other }))).await;
    assert_eq!((&refreshed["id"], &refreshed["refreshBefore"]), (&json!(id), &json!("2026-01-31T11:00:00.000Z")));
    assert_eq!(refreshed["deliveryStatus"]["active"], true);
    assert_eq!(hooks(&world).await.len(), 1);
    world.endpoint.trust(URL, OTHER_SECRET);
    world.clock.advance(Duration::from_secs(10));
    publish(&world, "e-3", "T-1").await;
    let sent = world.endpoint.seen();
    assert_eq!((sent.len(), sent[2].values("webhook-signature")[0].split(' ').count()), (3, 2));
    // It is not refreshed any more: nothing is sent, and it is removed a day later.
    world.clock.advance(Duration::from_secs(3600));
    publish(&world, "e-4", "T-1").await;
    assert_eq!(world.endpoint.seen().len(), 3);
    let hook = hooks(&world).await.remove(0);
    assert_eq!((&hook["expires_at"], &hook["uid"]), (&json!("2026-01-31T11:00:00.000Z"), &json!(id)));
    let why = world.get("/v1/tenants/acme/events/e-4/explain").await.expect(200).json();
    assert_eq!(why["items"][0]["verdict"], "hook_expired", "{why}");
    world.clock.advance(Duration::from_secs(DAY + 120));
    world.drain().await;
    assert_eq!(hooks(&world).await, [Value::Null; 0]);
    let audit = world.get("/v1/tenants/acme/audit").await.expect(200).json();
    assert!(audit["items"].as_array().unwrap().iter().any(|one| one["by"] == "hookline" && one["what"] == "deleted"));
}

#[tokio::test]
async fn what_expired_comes_back_when_it_is_refreshed_before_it_is_removed() {
    let (world, key) = start().await;
    let first = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 300_000 }))).await;
    world.clock.advance(Duration::from_secs(3600));
    let again = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": 3 * 24 * 3_600_000_u64 }))).await;
    assert_eq!(first["id"], again["id"]);
    world.clock.advance(Duration::from_secs(DAY + 120));
    world.drain().await;
    publish(&world, "e-1", "T-1").await;
    assert_eq!(bodies(&world.endpoint.seen()).last().unwrap()["eventId"], "e-1");
}

#[tokio::test]
async fn the_same_request_twice_and_at_once_is_one_subscription_and_another_key_has_its_own() {
    let (world, first) = start().await;
    let same = json!({ "arguments": { "priority": 1, "ticket": "T-1" } });
    let equal = json!({ "arguments": { "ticket": "T-1", "priority": 1.0 } });
    let (one, two) = join(
        result(&world, &first, "events/subscribe", with(same)),
        result(&world, &first, "events/subscribe", with(equal.clone())),
    )
    .await;
    assert_eq!((&one["id"], hooks(&world).await.len()), (&two["id"], 1));
    let second = key(&world).await;
    let other = result(&world, &second, "events/subscribe", with(equal.clone())).await;
    assert!(other["id"] != one["id"] && hooks(&world).await.len() == 2);
    // Whose it is not ends nothing.
    assert_eq!(
        error(&world, &second, "events/unsubscribe", subscription()).await,
        (-32_023, json!({ "kind": "subscription" }))
    );
    result(&world, &first, "events/unsubscribe", with(equal)).await;
    assert_eq!(hooks(&world).await.len(), 1);
    let shown = world.get("/v1/tenants/acme/hooks").await.text();
    assert!(!shown.contains("AAECAwQF"), "no secret is shown");
}

#[tokio::test]
async fn what_is_wrong_is_told_by_the_error_of_the_protocol_and_nothing_is_stored_or_dialled() {
    let (world, key) = start().await;
    let to = |url: &str| json!({ "delivery": { "mode": "webhook", "url": url, "secret": SECRET } });
    let signed = |secret: Value| json!({ "delivery": { "mode": "webhook", "url": URL, "secret": secret } });
    for (changes, code) in [
        (json!({ "name": "no.such" }), -32_023),
        (json!({ "name": 1 }), -32_602),
        (json!({ "arguments": { "nothing": 1 } }), -32_602),
        (json!({ "arguments": { "ticket": 1 } }), -32_602),
        (json!({ "arguments": { "lines": [] } }), -32_602),
        (json!({ "arguments": [] }), -32_602),
        (json!({ "delivery": null }), -32_602),
        (json!({ "delivery": { "mode": "push", "url": URL, "secret": SECRET } }), -32_026),
        (to("http://agent.example.com/in"), -32_602),
        (to("https://127.0.0.1/in"), -32_602),
        (to("https://[::1]/in"), -32_602),
        (to("https://10.0.0.1/in"), -32_602),
        (to("nothing"), -32_602),
        (signed(Value::Null), -32_602),
        (signed(json!("whsec_")), -32_602),
        (signed(json!("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFQ==")), -32_602),
        (signed(json!(format!("whsec_{}", "A".repeat(88)))), -32_602),
        (signed(json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")), -32_602),
        (json!({ "ttlMs": 0 }), -32_602),
        (json!({ "ttlMs": -1 }), -32_602),
        (json!({ "ttlMs": 1.5 }), -32_602),
        (json!({ "ttlMs": "1" }), -32_602),
        (json!({ "maxAgeMs": -1 }), -32_602),
        (json!({ "cursor": 1 }), -32_602),
    ] {
        assert_eq!(error(&world, &key, "events/subscribe", with(changes.clone())).await.0, code, "{changes}");
    }
    assert_eq!((hooks(&world).await.len(), world.endpoint.seen().len()), (0, 0));
    // What is out of range is brought into it.
    for (ttl, until) in [
        (json!(1), "2026-01-31T09:35:00.000Z"),
        (Value::Null, "2026-03-02T09:30:00.000Z"),
        (json!(u64::MAX), "2026-03-02T09:30:00.000Z"),
    ] {
        let made = result(&world, &key, "events/subscribe", with(json!({ "ttlMs": ttl }))).await;
        assert_eq!(made["refreshBefore"], until, "{ttl}");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_its_challenge_leaves_nothing() {
    let (world, key) = start().await;
    let url = "https://victim.example.com/in";
    world.endpoint.trust(url, SECRET);
    let to = || with(json!({ "delivery": { "mode": "webhook", "url": url, "secret": SECRET } }));
    for (answer, reason) in [
        (Answer::Status(200), "challenge_failed"),
        (Answer::Body(200, r#"{"challenge":"x"}"#.to_owned()), "challenge_failed"),
        (Answer::Status(302), "challenge_failed"),
        (Answer::Status(404), "http_4xx"),
        (Answer::Status(500), "http_5xx"),
        (Answer::Timeout, "timeout"),
    ] {
        world.endpoint.answer(url, [answer]);
        let expected = (-32_027, json!({ "reason": reason }));
        assert_eq!(error(&world, &key, "events/subscribe", to()).await, expected);
        assert_eq!(hooks(&world).await.len(), 0, "{reason}");
        world.clock.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn a_principal_has_so_many_subscriptions_and_no_more() {
    let (world, key) = start().await;
    for number in 0..500 {
        let asked = with(json!({ "arguments": { "priority": number } }));
        result(&world, &key, "events/subscribe", asked).await;
    }
    let dialled = world.endpoint.seen().len();
    let (code, data) = error(&world, &key, "events/subscribe", with(json!({ "arguments": { "priority": 500 } }))).await;
    assert_eq!((code, data), (-32_025, json!({ "limit": "subscriptions", "max": 500 })));
    assert_eq!(world.endpoint.seen().len(), dialled);
    // Those it has can be refreshed.
    result(&world, &key, "events/subscribe", with(json!({ "arguments": { "priority": 3 } }))).await;
    let total = world.get("/v1/tenants/acme/hooks").await.json()["total"].clone();
    assert_eq!(total, 500);
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
    assert_eq!(error(&world, &key, "events/poll", asked(&json!("x"), 2)).await.0, -32_602);
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
        call(&world, "nobody", method, params.clone()).await.expect(401);
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

#[tokio::test]
async fn when_a_hook_expires_is_a_time_ahead_and_can_be_changed_until_it_is_removed() {
    let world = World::new().await;
    let hook = world.hook(json!({ "expires_at": "2026-01-31T10:00:00Z" })).await;
    assert_eq!(world.get(&hook.path()).await.json()["expires_at"], "2026-01-31T10:00:00.000Z");
    for wrong in ["2026-01-31T09:30:00Z", "2027-05-01T00:00:00Z", "soon"] {
        let refused = world.patch(&hook.path(), json!({ "expires_at": wrong })).await.expect(422).json();
        assert_eq!(refused["errors"][0]["field"], "expires_at", "{refused}");
    }
    let event = world.publish(json!({ "type": "a", "data": {} })).await;
    world.drain().await;
    let delivery = world.deliveries(&event).await[0]["id"].as_str().unwrap().to_owned();
    world.clock.advance(Duration::from_secs(3600));
    world.post(&format!("/v1/tenants/acme/deliveries/{delivery}/retry"), json!({})).await.expect(409);
    world.post(&format!("{}/replays", hook.path()), json!({ "kind": "failed" })).await.expect(409);
    world.patch(&hook.path(), json!({ "expires_at": "2026-01-31T10:00:00.000Z" })).await.expect(200);
    world.patch(&hook.path(), json!({ "expires_at": null })).await.expect(200);
    world.clock.advance(Duration::from_secs(DAY + 7200));
    world.drain().await;
    assert_eq!(world.get(&hook.path()).await.expect(200).json()["expires_at"], Value::Null);
    world.patch(&hook.path(), json!({ "expires_at": "2026-02-03T00:00:00Z" })).await.expect(200);
    world.clock.advance(Duration::from_secs(3 * DAY));
    // Before the step that removes it has been made.
    world.patch(&hook.path(), json!({ "expires_at": null })).await.expect(404);
    world.get(&hook.path()).await.expect(404);
}

#[tokio::test]
async fn a_delivery_that_comes_due_after_its_hook_expired_is_skipped() {
    let world = World::new().await;
    let hook =
        world.hook(json!({ "expires_at": "2026-01-31T09:31:00Z", "retry": { "delays": [300], "jitter": 0 } })).await;
    world.endpoint.answer(&hook.url, [Answer::Status(500)]);
    let event = world.publish(json!({ "type": "a", "data": {} })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(400));
    world.drain().await;
    let delivery = world.delivery(&event).await;
    assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&json!("skipped"), &json!(1)), "{delivery}");
    assert_eq!(world.endpoint.seen().len(), 1);
}
