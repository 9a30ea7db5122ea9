//! Every call with keys of its own tenant and of another one.

use serde_json::{Value, json};
use tests::world::{TENANT, World};

use super::{Everything, SECRET, URL, call, everything, send, text};

/// Every call there is, of an application and of the things in it.
fn calls(app: &str, of: &Everything) -> Vec<(&'static str, String, Value)> {
    let Everything { endpoint, message, attempt, task } = of;
    let (ep, msg) = (format!("/app/{app}/endpoint/{endpoint}"), format!("/app/{app}/msg/{message}"));
    let since = json!({ "since": "2026-01-01T00:00:00Z" });
    let named = json!({ "name": "Taken" });
    vec![
        ("GET", format!("/app/{app}"), Value::Null),
        ("PUT", format!("/app/{app}"), named.clone()),
        ("PATCH", format!("/app/{app}"), named),
        ("GET", format!("/app/{app}/endpoint"), Value::Null),
        ("POST", format!("/app/{app}/endpoint"), json!({ "url": URL })),
        ("GET", ep.clone(), Value::Null),
        ("PUT", ep.clone(), json!({ "url": URL })),
        ("PATCH", ep.clone(), json!({ "description": "taken" })),
        ("GET", format!("{ep}/headers"), Value::Null),
        ("PUT", format!("{ep}/headers"), json!({ "headers": {} })),
        ("PATCH", format!("{ep}/headers"), json!({ "headers": {} })),
        ("GET", format!("{ep}/secret"), Value::Null),
        ("POST", format!("{ep}/secret/rotate"), json!({})),
        ("POST", format!("{ep}/recover"), since.clone()),
        ("POST", format!("{ep}/replay-missing"), since.clone()),
        ("POST", format!("{ep}/bulk-replay"), since),
        ("POST", format!("{ep}/send-example"), json!({ "eventType": "a.b" })),
        ("GET", format!("{ep}/stats"), Value::Null),
        ("GET", format!("{ep}/attempt-stats"), Value::Null),
        ("GET", format!("{ep}/msg"), Value::Null),
        ("GET", format!("/app/{app}/msg"), Value::Null),
        ("POST", format!("/app/{app}/msg"), json!({ "eventType": "a.b", "payload": {} })),
        ("POST", format!("/app/{app}/msg/precheck/active"), json!({ "eventType": "a.b" })),
        ("GET", msg.clone(), Value::Null),
        ("GET", format!("{msg}/attempt"), Value::Null),
        ("GET", format!("{msg}/attempt/{attempt}"), Value::Null),
        ("DELETE", format!("{msg}/attempt/{attempt}/content"), Value::Null),
        ("GET", format!("{msg}/endpoint"), Value::Null),
        ("POST", format!("{msg}/endpoint/{endpoint}/resend"), Value::Null),
        ("GET", format!("/app/{app}/attempt/msg/{message}"), Value::Null),
        ("GET", format!("/app/{app}/attempt/endpoint/{endpoint}"), Value::Null),
        ("GET", format!("/background-task/{task}"), Value::Null),
        ("POST", format!("/auth/app-portal-access/{app}"), json!({})),
        ("POST", format!("/auth/dashboard-access/{app}"), Value::Null),
        ("POST", format!("/auth/app/{app}/expire-all"), json!({})),
        ("DELETE", format!("{msg}/content"), Value::Null),
        ("DELETE", ep, Value::Null),
        ("DELETE", format!("/app/{app}"), Value::Null),
    ]
}

async fn key(world: &World, tenant: &str, settings: Value) -> String {
    let created = world.post(&format!("/v1/tenants/{tenant}/keys"), settings).await.expect(201).json();
    text(&created["key"]).to_owned()
}

#[tokio::test]
async fn no_call_with_another_tenants_key_reads_or_changes_anything() {
    let world = World::new().await;
    let of_acme = everything(&world, TENANT).await;
    send(&world, "POST", "/app", json!({ "name": "Other", "uid": "other" })).await.expect(201);
    everything(&world, "other").await;
    let theirs = key(&world, "other", json!({ "scope": "tenant" })).await;
    let hook = async || world.get(&format!("/v1/tenants/{TENANT}/hooks/uid:mine")).await.expect(200).text();
    let before = hook().await;
    let sent = world.endpoint.seen().len();
    for (method, path, body) in calls(TENANT, &of_acme) {
        let refused = call(&world, method, &path, &theirs, &body, None).await;
        assert!([403, 404].contains(&refused.status), "{method} {path}: {}", refused.text());
        assert!(!refused.text().contains("hush") && !refused.text().contains(SECRET), "{method} {path}");
        call(&world, method, &path, "no such key", &body, None).await.expect(401);
    }
    // Its own application, with the ids of another one's things.
    for (method, path, body) in calls("other", &of_acme) {
        let names_a_thing = path.matches('/').count() > 3 && path.contains('_') || path.contains("background-task");
        if names_a_thing {
            let refused = call(&world, method, &path, &theirs, &body, None).await;
            // Both have a message of this eventId, and what is put where nothing is, is made there.
            let is_own = path.contains("/msg/msg_one") && !path.contains("atmpt") && !path.contains("ep_")
                || method == "PUT" && !path.ends_with("/headers");
            assert!(is_own || [403, 404].contains(&refused.status), "{method} {path}: {}", refused.text());
        }
    }
    assert_eq!(hook().await, before);
    world.settle().await;
    assert_eq!(world.endpoint.seen().len(), sent, "nothing was sent to anybody");
    for (method, path) in [("GET", "/app"), ("POST", "/app"), ("POST", "/event-type"), ("GET", "/background-task")] {
        let refused = call(&world, method, path, &theirs, &json!({ "name": "x", "description": "" }), None).await;
        assert!([403, 422].contains(&refused.status), "{method} {path}: {}", refused.text());
    }
}

#[tokio::test]
async fn every_call_is_answered_and_a_tenants_own_key_does_what_is_the_tenants() {
    let world = World::new().await;
    let of_acme = everything(&world, TENANT).await;
    let own = key(&world, TENANT, json!({ "scope": "tenant" })).await;
    for (method, path, body) in calls(TENANT, &of_acme) {
        let is_the_operators = path == format!("/app/{TENANT}") && method != "GET";
        let answer = call(&world, method, &path, &own, &body, None).await;
        match path.ends_with("/content") && path.contains("/attempt/") {
            true => answer.expect(501),
            false if is_the_operators => answer.expect(403),
            false => {
                assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
                answer
            }
        };
    }
    for (method, path, body) in calls(TENANT, &of_acme).into_iter().filter(|(_, path, _)| path.starts_with("/app/")) {
        let slashed = call(&world, method, &format!("{path}/"), "no such key", &body, None).await;
        slashed.expect(401);
    }
    let looking = key(&world, TENANT, json!({ "scope": "portal", "capabilities": ["view"], "expires_in": 3600 })).await;
    call(&world, "GET", "/app/acme/endpoint", &looking, &Value::Null, None).await.expect(200);
    call(&world, "POST", "/app/acme/endpoint", &looking, &json!({ "url": URL }), None).await.expect(403);
}
