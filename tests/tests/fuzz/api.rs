//! Whole requests to the API: method, path, query, header and body.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use serde_json::json;
use serde_json::value::RawValue;
use tests::world::{OPERATOR, Reply, World};
use tokio::runtime::{Builder, Runtime};

use crate::{corpus, fuzz};

/// A check is to take 0.1 s; this build is slow, and so may the machine be.
const SCHEMA_PATIENCE: Duration = Duration::from_secs(5);

/// First line: method and path; below it the body. `{hook}` and `{delivery}` exist.
const REQUESTS: &[&str] = &[
    "POST /v1/tenants/acme/hooks\n{\"url\":\"https://a.example.com/\",\"events\":[\"a\",\"post.*\"],\"channels\":[\"c\"],\"name\":\"n\",\"description\":\"d\",\"enabled\":true,\"filter\":{\"a\":[{\"numeric\":[\">\",1]}]},\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}",
    "PATCH /v1/tenants/acme/hooks/{hook}\n{\"retry\":{\"exponential\":{\"initial\":5,\"factor\":5,\"retries\":3,\"max\":125},\"jitter\":0.1},\"auth\":{\"type\":\"oauth2\",\"token_url\":\"https://a.example.com/t\",\"client_id\":\"c\",\"client_secret\":\"s\"}}",
    "PATCH /v1/tenants/acme/hooks/{hook}\n{\"payload\":{\"mappings\":[{\"field\":\"a.b[0]\",\"from\":\"data.x\",\"default\":null}],\"variants\":[]},\"signatures\":[{\"scheme\":\"v1a\"},{\"scheme\":\"hmac_sha256\",\"header\":\"X-S\"}],\"headers\":[{\"name\":\"X-A\",\"from\":\"event.id\"}]}",
    "PATCH /v1/tenants/acme/hooks/{hook}\n{\"timeout\":{\"connect\":1,\"total\":2},\"batch\":{\"max_events\":2},\"success\":{\"statuses\":[\"2xx\"]},\"circuit_breaker\":{\"failures\":5},\"verification\":{\"required\":false},\"method\":null,\"profile\":\"github\"}",
    "POST /v1/tenants/acme/hooks/{hook}/secret/rotate\n{\"secret\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\",\"overlap\":60,\"cutover\":\"at_end\"}",
    "POST /v1/tenants/acme/hooks/{hook}/secret/cutover\n",
    "POST /v1/tenants/acme/hooks/{hook}/test\n{\"event_type\":\"a\",\"data\":{\"x\":1.50}}",
    "POST /v1/tenants/acme/hooks/{hook}/replays\n{\"kind\":\"range\",\"since\":\"2026-01-31T09:00:00Z\",\"until\":\"2026-01-31T10:00:00+01:00\",\"only_status\":\"failed\",\"dry_run\":true,\"rate\":5}",
    "POST /v1/tenants/acme/events\n{\"id\":\"e-1\",\"type\":\"checked\",\"data\":{\"n\":1,\"list\":[\"x\"]},\"timestamp\":\"2026-01-31T09:30:00Z\",\"channels\":[\"c\"],\"deliver_at\":\"2026-02-01T00:00:00Z\",\"ttl\":1.5}",
    "POST /v1/tenants/acme/events/batch\n{\"events\":[{\"type\":\"a\",\"data\":1},{\"type\":\"checked\",\"data\":{}}]}",
    "POST /v1/tenants/acme/event-types\n{\"name\":\"t\",\"schema\":{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#/$defs/n\"}}}},\"allOf\":[{\"$ref\":\"#/$defs/n\"}],\"properties\":{\"a\":{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"pattern\":\"^(a|b){1,9}$\"}}}},\"example\":{\"a\":[\"a\"]}}",
    "PATCH /v1/tenants/acme/event-types/checked\n{\"description\":\"d\",\"schema\":{\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\",\"multipleOf\":0.01}},\"if\":{\"minProperties\":1},\"then\":{\"propertyNames\":{\"maxLength\":9}}},\"deprecated\":true,\"archived\":false}",
    "PUT /v1/tenants/acme/catalogue\n{\"event_types\":[{\"name\":\"checked\",\"schema\":{\"type\":\"object\"},\"example\":{}},{\"name\":\"b\",\"archived\":true}]}",
    "POST /v1/profiles\n{\"name\":\"house\",\"description\":\"d\",\"retry\":{\"delays\":[1,2.5]},\"event_types\":[{\"name\":\"a\"}],\"name_pattern\":\"[a-z]+\",\"max_hooks\":7}",
    "PATCH /v1/profiles/house\n{\"description\":\"\",\"content_type\":\"form\",\"method\":\"GET\",\"rate_limit\":null}",
    "POST /v1/tenants\n{\"id\":\"other\",\"name\":\"o\",\"profile\":\"house\",\"retention_days\":7,\"strict_event_types\":true,\"disable_after\":60}",
    "PATCH /v1/tenants/other\n{\"name\":\"p\",\"profile\":null,\"retention_days\":null}",
    "POST /v1/tenants/acme/keys\n{\"name\":\"k\",\"scope\":\"portal\",\"expires_in\":60}",
    "POST /v1/keys\n{\"name\":\"k\",\"expires_in\":60}",
    "GET /v1/tenants/acme/hooks?event=a&name=x&enabled=true&order=-last_execution&limit=5&page=1\n",
    "GET /v1/tenants/acme/hooks/{hook}/deliveries?status=failed&event=e-1&event_type=a&code=5xx&since=2026-01-31T09:30:00Z&limit=1&count=true\n",
    "GET /v1/tenants/acme/deliveries/{delivery}\n",
    "GET /v1/tenants/acme/stats?since=2026-01-31T09:30:00Z\n",
    "DELETE /v1/tenants/acme/keys/key_01KDYVGY008YH3QK2V7M4N9P0T\n",
];

struct Target {
    runtime: Runtime,
    world: World,
    requests: Vec<Vec<u8>>,
}

impl Target {
    /// A world with one of each, and real cursors among the requests.
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (world, requests) = runtime.block_on(async {
            let world = World::new().await;
            let hook = world.hook(json!({ "events": ["*"] })).await;
            let mut lists = Vec::new();
            for path in [hook.path() + "/deliveries", hook.path() + "/audit", "/v1/tenants/acme/hooks".to_owned()] {
                lists.push(path);
            }
            let mut event = String::new();
            for n in 0..3 {
                event = world.publish(json!({ "type": "a", "data": n })).await;
                world.hook(json!({ "events": ["a"] })).await;
                world.patch(&hook.path(), json!({ "name": n.to_string() })).await.expect(200);
            }
            let checked = json!({ "name": "checked", "schema": { "required": ["n"] } });
            world.post("/v1/tenants/acme/event-types", checked).await.expect(201);
            world.post("/v1/tenants/acme/event-types", json!({ "name": "b" })).await.expect(201);
            world.post("/v1/tenants", json!({ "id": "another" })).await.expect(201);
            world.settle().await;
            lists.push(format!("/v1/tenants/acme/events/{event}/deliveries"));
            lists.extend(["/v1/tenants".to_owned(), "/v1/tenants/acme/event-types".to_owned()]);
            let delivery = world.deliveries(&event).await[0]["id"].as_str().unwrap().to_owned();
            let named = |text: &&str| text.replace("{hook}", &hook.id).replace("{delivery}", &delivery);
            let mut requests: Vec<String> = REQUESTS.iter().map(named).collect();
            for path in lists {
                let page = world.get(&format!("{path}?limit=1")).await.expect(200).json();
                let cursor = page["next_cursor"].as_str().map(str::to_owned).unwrap_or_default();
                requests.push(format!("GET {path}?limit=1&cursor={cursor}\n"));
            }
            (world, requests.into_iter().map(String::into_bytes).collect())
        });
        Self { runtime, world, requests }
    }

    fn send(&self, request: Request<Body>) -> Reply {
        self.runtime.block_on(self.world.send(request))
    }
}

fn assert_in_order(reply: &Reply) {
    let what = || format!("{} gives {} {}", reply.what, reply.status, reply.text());
    assert!(reply.status < 500, "{}", what());
    if reply.status < 400 {
        // Constants and data may be nested as deeply as their authors like.
        assert!(reply.body.is_empty() || serde_json::from_slice::<&RawValue>(&reply.body).is_ok(), "{}", what());
        return;
    }
    assert_eq!(reply.content_type(), "application/problem+json", "{}", what());
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status, "{}", what());
    assert!(reply.status != 405 || reply.headers.contains_key(header::ALLOW), "{}", what());
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(reply.status != 422 || !errors.is_empty(), "a 422 names a field: {}", what());
    let fields: HashSet<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields.len(), errors.len(), "each field once: {}", what());
    for error in errors {
        let text = |name: &str| error[name].as_str().map_or(0, str::len);
        assert!(text("field") > 0 && text("message") > 0, "{}", what());
    }
}

#[test]
fn no_request_is_answered_with_5xx_or_with_anything_but_a_problem_that_names_what_is_wrong() {
    let target = Target::new();
    fuzz("requests", &target.requests, |input| {
        let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        let (line, body) = input.split_at(at);
        let Some((method, path)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else { return };
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, bearer(OPERATOR));
        let body = body.strip_prefix(b"\n").unwrap_or_default().to_vec();
        // What is no method or path at all does not get past the server.
        let Ok(request) = request.body(Body::from(body)) else { return };
        if method == "DELETE" && ["/v1/tenants/acme", "/v1/tenants/acme/"].contains(&path) {
            return;
        }
        let is_new_hook = method == "POST" && path == "/v1/tenants/acme/hooks";
        let reply = target.send(request);
        assert_in_order(&reply);
        if is_new_hook && reply.status == 201 {
            let hook = reply.json()["id"].as_str().expect("a hook has an id").to_owned();
            target.runtime.block_on(target.world.delete(&format!("{path}/{hook}"))).expect(204);
        }
        target.runtime.block_on(target.world.drain());
    });
}

/// Compiled when an event type is made, checked when an event is published: both
/// while somebody waits, so neither may take long, whatever the schema says.
#[test]
fn a_schema_is_refused_or_checks_any_data_in_bounded_time() {
    const SCHEMAS: [&str; 5] = [
        r##"{"$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"}},"required":["v"]}},"$ref":"#/$defs/n"}"##,
        r##"{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}],"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]},"b":{"items":{"type":"integer"}}}}"##,
        r#"{"type":"array","uniqueItems":true,"items":{"enum":[1,"x",null]},"contains":{"multipleOf":0.01},"maxContains":3}"#,
        r#"{"patternProperties":{"^(a|b){1,30}$":{"pattern":"(x+x+)+y"}},"propertyNames":{"maxLength":9},"unevaluatedProperties":false}"#,
        r#"{"if":{"minProperties":1},"then":{"oneOf":[{"required":["a"]},{"not":{"const":{"b":1}}}]},"dependentSchemas":{"a":{"minItems":2}}}"#,
    ];
    let target = Target::new();
    let long: Vec<usize> = (0..5_000).collect();
    let deep = (0..100).fold(json!({ "v": 1 }), |inner, n| json!({ "next": inner, "v": n }));
    let data = [json!(long), json!({ "a": "x".repeat(50_000), "next": { "v": 1 } }), deep];
    let call = |method: &str, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, bearer(OPERATOR));
        let started = Instant::now();
        let reply = target.send(request.body(Body::from(body)).unwrap());
        assert!(started.elapsed() < SCHEMA_PATIENCE, "{method} {path} took {:?}", started.elapsed());
        assert_in_order(&reply);
        reply
    };
    fuzz("schemas", &corpus(&SCHEMAS), |input| {
        let Ok(schema) = std::str::from_utf8(input) else { return };
        let change = format!(r#"{{"schema":{schema}}}"#);
        if call("PATCH", "/v1/tenants/acme/event-types/checked", change).status != 200 {
            return;
        }
        for data in &data {
            let event = json!({ "type": "checked", "data": data }).to_string();
            let status = call("POST", "/v1/tenants/acme/events", event).status;
            assert!([202, 422].contains(&status), "{status}");
        }
        target.runtime.block_on(target.world.drain());
    });
}

fn bearer(key: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer {key}")).expect("keys are text")
}

#[test]
fn only_the_key_itself_opens_anything_whatever_the_header_looks_like() {
    let target = Target::new();
    let call = |header: HeaderValue| {
        let request = Request::get("/v1/tenants/acme/hooks?limit=1").header(header::AUTHORIZATION, header);
        target.send(request.body(Body::empty()).unwrap())
    };
    let made = target.runtime.block_on(target.world.post("/v1/tenants/acme/keys", json!({ "scope": "tenant" })));
    let key = made.expect(201).json()["key"].as_str().unwrap().to_owned();
    let basic = format!("Basic {}", base64(&format!("acme:{key}")));
    assert_eq!(call(HeaderValue::from_str(&basic).unwrap()).status, 200);
    let seeds = [format!("Bearer {key}"), basic, format!("bearer {OPERATOR}"), "Basic Og==".to_owned()];
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    fuzz("authorization", &corpus(&seeds), |input| {
        let Ok(header) = HeaderValue::from_bytes(input) else { return };
        let reply = call(header);
        assert_in_order(&reply);
        if reply.status == 200 {
            let text = std::str::from_utf8(input).expect("keys are text");
            let (scheme, rest) = text.split_once(' ').expect("a scheme and a key");
            let rest = rest.trim();
            let known = match scheme.to_ascii_lowercase().as_str() {
                "bearer" => [OPERATOR, &key].contains(&rest),
                "basic" => {
                    [base64(&format!("acme:{key}"))].iter().any(|known| known == rest)
                        || decoded(rest).split_once(':').is_some_and(|(_, given)| given == OPERATOR)
                }
                other => panic!("{other} is no scheme"),
            };
            assert!(known, "{text}");
        } else {
            assert!([401, 403, 404, 429].contains(&reply.status), "{}", reply.status);
        }
    });
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn decoded(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
