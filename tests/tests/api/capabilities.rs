//! What a session or portal key may do is what its capabilities say, on every route of the
//! OpenAPI document, whatever pages show.

use std::cmp::Reverse;

use serde_json::{Value, json};
use tests::world::World;

use super::tenancy::{Owner, Route, assert_refused, call, everything_of, guarded};

const CAPABILITIES: [&str; 7] = ["view", "manage", "reveal_secret", "rotate", "test", "send_again", "approve"];

/// What each route of a tenant takes; those that are not named are for whoever looks after the
/// whole tenant.
const NEEDS: &[(&str, &str, &str)] = &[
    ("POST", "/hooks", "manage"),
    ("GET", "/hooks", "view"),
    ("GET", "/hooks/{hook}", "view"),
    ("PATCH", "/hooks/{hook}", "manage"),
    ("DELETE", "/hooks/{hook}", "manage"),
    ("GET", "/hooks/{hook}/secret", "reveal_secret"),
    ("POST", "/hooks/{hook}/secret/rotate", "rotate"),
    ("POST", "/hooks/{hook}/secret/cutover", "rotate"),
    ("POST", "/hooks/{hook}/test", "test"),
    ("POST", "/hooks/{hook}/verify", "test"),
    ("GET", "/hooks/{hook}/audit", "view"),
    ("GET", "/hooks/{hook}/stats", "view"),
    ("GET", "/stats", "view"),
    ("GET", "/caller", "view"),
    ("GET", "/hooks/{hook}/deliveries", "view"),
    ("GET", "/events", "view"),
    ("GET", "/events/{event}", "view"),
    ("GET", "/events/{event}/deliveries", "view"),
    ("GET", "/events/{event}/explain", "view"),
    ("GET", "/deliveries", "view"),
    ("GET", "/counts", "view"),
    ("GET", "/deliveries/{delivery}", "view"),
    ("POST", "/deliveries/{delivery}/retry", "send_again"),
    ("POST", "/deliveries/{delivery}/cancel", "send_again"),
    ("POST", "/hooks/{hook}/preview", "manage"),
    ("POST", "/hooks/{hook}/replays", "send_again"),
    ("GET", "/hooks/{hook}/replays", "view"),
    ("GET", "/hooks/{hook}/replays/{replay}", "view"),
    ("DELETE", "/hooks/{hook}/replays/{replay}", "send_again"),
    ("GET", "/event-types", "view"),
    ("GET", "/fields", "view"),
    ("GET", "/openapi.json", "view"),
    ("GET", "/hooks/{hook}/fields", "view"),
    ("GET", "/event-types/{type}", "view"),
    ("GET", "/catalogue", "view"),
    ("GET", "/plans", "view"),
    ("GET", "/plans/{plan}", "view"),
    ("POST", "/plans/{plan}/approve", "approve"),
    ("POST", "/plans/{plan}/reject", "approve"),
    ("GET", "/adjustments", "view"),
    ("GET", "/adjustments/{adjustment}", "view"),
    ("POST", "/adjustments/{adjustment}/revert", "approve"),
    ("GET", "/advisor", "view"),
    ("PATCH", "/advisor", "approve"),
];

/// What no tenant owns.
const SHARED: [&str; 5] =
    ["/v1/profiles", "/v1/profiles/{profile}", "/v1/event-types", "/v1/event-types/{type}", "/v1/catalogue"];

enum Need {
    Capability(&'static str),
    /// A session, whatever it may do.
    Session,
    More,
}

fn need(route: &Route) -> Need {
    if route.is_a_sessions() {
        return Need::Session;
    }
    if route.method == "GET" && SHARED.contains(&route.path.as_str()) {
        return Need::Capability("view");
    }
    let own = route.path.strip_prefix("/v1/tenants/{tenant}");
    let of = NEEDS.iter().find(|(method, path, _)| *method == route.method && own == Some(path));
    of.map_or(Need::More, |(_, _, capability)| Need::Capability(capability))
}

async fn session_with(world: &World, capabilities: &[&str]) -> String {
    let asked = json!({ "capabilities": capabilities });
    let link = world.post("/v1/tenants/owner/portal-links", asked).await.expect(201).json();
    let session = world.post("/v1/portal/sessions", json!({ "code": link["code"] })).await.expect(201).json();
    assert_eq!(session["capabilities"], json!(capabilities));
    session["token"].as_str().unwrap().to_owned()
}

async fn key_with(world: &World, capabilities: &[&str]) -> String {
    let asked = json!({ "scope": "portal", "expires_in": 3_600, "capabilities": capabilities });
    let key = world.post("/v1/tenants/owner/keys", asked).await.expect(201).json();
    assert_eq!((&key["scope"], &key["capabilities"]), (&json!("portal"), &json!(capabilities)));
    key["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_route_takes_the_capability_it_needs_and_no_other_opens_it() {
    let mut opened = 0;
    for capability in CAPABILITIES {
        for by_session in [true, false] {
            let world = World::new().await;
            let owner = Owner::settle_in(&world, "owner").await;
            let token = match by_session {
                true => session_with(&world, &[capability]).await,
                false => key_with(&world, &[capability]).await,
            };
            let token = Some(token.as_str());
            let before = everything_of(&world, &owner).await;
            let mut open = Vec::new();
            for route in guarded(&world).await {
                match need(&route) {
                    Need::Capability(needed) if needed == capability => open.push(route),
                    Need::Session if by_session => {}
                    needed => {
                        let reply = call(&world, &route, &owner.path(&route, &owner), token).await;
                        assert_refused(&reply, &[403]);
                        if let Need::Capability(needed) = needed {
                            let named = reply.json()["detail"].as_str().unwrap().contains(&format!("`{needed}`"));
                            assert!(named, "{}: {}", reply.what, reply.text());
                        }
                    }
                }
            }
            assert_eq!(everything_of(&world, &owner).await, before, "{capability}");
            assert_eq!(world.messages_left(), 0);
            // What deletes comes last, parts before the whole.
            open.sort_by_key(|route| (route.method == "DELETE", Reverse(route.path.len())));
            for route in &open {
                let reply = call(&world, route, &owner.path(route, &owner), token).await;
                // Only who may ask is told that there is none, or that it makes no sense now.
                let absent = SHARED.contains(&route.path.as_str()) && reply.status == 404;
                let moot = ["/verify", "/cancel", "/{replay}", "/approve", "/reject", "/revert"]
                    .iter()
                    .any(|end| route.path.ends_with(end))
                    && reply.status == 409;
                let fine = (200..300).contains(&reply.status) || absent || moot;
                assert!(fine, "{capability}, {}: {}", reply.what, reply.text());
                opened += 1;
            }
        }
    }
    assert_eq!(opened, 2 * (NEEDS.len() + SHARED.len()));
}

#[tokio::test]
async fn a_portal_key_without_capabilities_has_the_usual_ones() {
    let world = World::new().await;
    let key =
        world.post("/v1/tenants/acme/keys", json!({ "scope": "portal", "expires_in": 60 })).await.expect(201).json();
    let usual = json!(["view", "manage", "test", "send_again"]);
    assert_eq!((&key["scope"], &key["capabilities"]), (&json!("portal"), &usual));
    // It does not replace the secret of a hook.
    let hook = world.hook(json!({})).await;
    let change = json!({ "secret": "whsec_dGhpcyBpcyBhbiBleGFtcGxlIG9mIGEgc2VjcmV0IQ==" }).to_string();
    world.call("PATCH", &hook.path(), key["key"].as_str(), change).await.expect(422);
    let listed = world.get("/v1/tenants/acme/keys").await.expect(200).json();
    assert_eq!(listed["items"][0]["capabilities"], usual);
}

#[tokio::test]
async fn capabilities_are_for_portal_keys_and_each_is_known() {
    let world = World::new().await;
    let keys = "/v1/tenants/acme/keys";
    for (body, field, words) in [
        (json!({ "scope": "tenant", "capabilities": ["view"] }), "capabilities", "for portal keys"),
        (json!({ "scope": "portal", "expires_in": 60, "capabilities": [] }), "capabilities", "at least one"),
        (json!({ "scope": "portal", "expires_in": 60, "capabilities": ["fly"] }), "capabilities[0]", "`reveal_secret`"),
        (
            json!({ "scope": "limited", "expires_in": 60 }),
            "scope",
            "expected one of `tenant`, `publish`, `portal`, `planner`",
        ),
    ] {
        let refused = world.post(keys, body.clone()).await.expect(422).json();
        let error = &refused["errors"][0];
        assert_eq!(error["field"], field, "{body}");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
}

#[tokio::test]
async fn who_may_rotate_and_not_reveal_sees_the_new_secret_only() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let hook = world.get("/v1/tenants/owner/hooks").await.expect(200).json()["items"][0]["id"].clone();
    let path = format!("/v1/tenants/owner/hooks/{}/secret", hook.as_str().unwrap());
    let before = world.get(&path).await.expect(200).json()["secret"].clone();
    let rotating = session_with(&world, &["rotate"]).await;
    let rotated = world.call("POST", &format!("{path}/rotate"), Some(&rotating), "{}").await.expect(200);
    assert!(!rotated.text().contains(before.as_str().unwrap()), "the former secret is not shown");
    let now = world.get(&path).await.expect(200).json();
    assert_eq!(rotated.json()["secret"], now["secret"]);
    assert_eq!(rotated.json()["others"][0]["secret"], "********");
    let both = session_with(&world, &["reveal_secret", "rotate"]).await;
    let rotated = world.call("POST", &format!("{path}/rotate"), Some(&both), "{}").await.expect(200).json();
    assert_eq!(rotated["others"][0]["secret"], now["secret"]);
    drop(owner);
}

#[tokio::test]
async fn a_secret_is_not_replaced_in_passing_by_who_may_only_manage() {
    let world = World::new().await;
    let _owner = Owner::settle_in(&world, "owner").await;
    let hooks = "/v1/tenants/owner/hooks";
    let hook = world.get(hooks).await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{hooks}/{hook}");
    let before = world.get(&format!("{path}/secret")).await.expect(200).json();
    let change = |secret: Value| json!({ "name": "moved", "secret": secret }).to_string();
    let secret = json!("whsec_dGhpcyBpcyBhbiBleGFtcGxlIG9mIGEgc2VjcmV0IQ==");
    for token in [session_with(&world, &["view", "manage"]).await, key_with(&world, &["view", "manage"]).await] {
        for given in [secret.clone(), Value::Null] {
            let refused = world.call("PATCH", &path, Some(&token), change(given)).await.expect(403);
            assert!(refused.text().contains("`rotate`"), "{}", refused.text());
        }
        // Blank keeps it, which takes nothing.
        world.call("PATCH", &path, Some(&token), change(json!(""))).await.expect(200);
    }
    assert_eq!(world.get(&format!("{path}/secret")).await.expect(200).json(), before);
    let token = session_with(&world, &["manage", "rotate"]).await;
    world.call("PATCH", &path, Some(&token), change(secret.clone())).await.expect(200);
    assert_eq!(world.get(&format!("{path}/secret")).await.expect(200).json()["secret"], secret);
}
