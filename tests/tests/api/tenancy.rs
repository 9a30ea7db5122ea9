//! Nobody sees, changes or learns of what belongs to somebody else, on any
//! route of the OpenAPI document.

use serde_json::{Value, json};
use tests::world::{Answer, OPERATOR, Reply, World};

/// One operation of the document.
struct Route {
    method: String,
    path: String,
}

fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&api::openapi_document()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            routes.push(Route { method: method.to_uppercase(), path: path.clone() });
        }
    }
    routes
}

/// A tenant with one of everything that a path can name.
struct Owner {
    tenant: &'static str,
    key: String,
    publish_key: String,
    /// The values of the parameters of paths.
    ids: [(&'static str, String); 5],
}

impl Owner {
    async fn settle_in(world: &World, tenant: &'static str) -> Self {
        world.post("/v1/tenants", json!({ "id": tenant })).await.expect(201);
        let hook = world.hook_of(tenant, json!({})).await;
        world.endpoint.answer(&hook.url, [Answer::Status(500)]);
        let event = json!({ "id": format!("event-of-{tenant}"), "type": "a", "data": tenant });
        world.post(&format!("/v1/tenants/{tenant}/events"), event.clone()).await.expect(202);
        world.settle().await;
        let log = world.get(&format!("{}/deliveries", hook.path())).await.expect(200).json();
        let asked = json!({ "kind": "failed", "dry_run": true });
        let replay = world.post(&format!("{}/replays", hook.path()), asked).await.expect(202).json();
        world.settle().await;
        let mut keys = Vec::new();
        for scope in ["tenant", "publish"] {
            keys.push(
                world.post(&format!("/v1/tenants/{tenant}/keys"), json!({ "scope": scope })).await.expect(201).json(),
            );
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ids = [
            ("{hook}", hook.id),
            ("{event}", text(&event["id"])),
            ("{delivery}", text(&log["items"][0]["id"])),
            ("{key}", text(&keys[0]["id"])),
            ("{replay}", text(&replay["id"])),
        ];
        Self { tenant, key: text(&keys[0]["key"]), publish_key: text(&keys[1]["key"]), ids }
    }

    /// The path with this tenant in it, and what it names taken from `others`.
    fn path(&self, route: &Route, others: &Self) -> String {
        let path = route.path.replace("{tenant}", self.tenant);
        others.ids.iter().fold(path, |path, (parameter, id)| path.replace(parameter, id))
    }
}

/// A body that the route takes, so that nothing but the key stands in the way.
fn body(route: &Route) -> String {
    let event = json!({ "type": "a", "data": 1 });
    let body = match (route.method.as_str(), route.path.rsplit('/').next().unwrap()) {
        ("POST", "hooks") => json!({ "url": "https://a.example.com/", "events": ["a"] }),
        ("POST", "events") => event,
        ("POST", "batch") => json!({ "events": [event] }),
        ("POST", "replays") => json!({ "kind": "failed", "dry_run": true }),
        ("POST", "keys") => json!({ "scope": "tenant" }),
        ("POST" | "PATCH", _) => json!({}),
        _ => return String::new(),
    };
    body.to_string()
}

async fn call(world: &World, route: &Route, path: &str, key: Option<&str>) -> Reply {
    world.call(&route.method, path, key, body(route)).await
}

/// All that a tenant has, as its own key sees it.
async fn everything_of(world: &World, owner: &Owner) -> Vec<Value> {
    let mut seen = Vec::new();
    for route in routes().iter().filter(|route| route.method == "GET" && route.path.contains("{tenant}")) {
        seen.push(call(world, route, &owner.path(route, owner), Some(&owner.key)).await.expect(200).json());
    }
    seen
}

#[track_caller]
fn assert_refused(reply: &Reply, allowed: &[u16]) {
    assert!(allowed.contains(&reply.status), "{}: {}", reply.what, reply.text());
    assert_eq!(reply.content_type(), "application/problem+json", "{}", reply.what);
}

#[tokio::test]
async fn every_route_but_health_needs_a_key_that_is_known() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let before = everything_of(&world, &owner).await;
    let forged = owner.key.replace("hl_owner", "hl_other");
    let changed = format!("{}x", owner.key);
    for route in routes().iter().filter(|route| route.path != "/healthz") {
        let path = owner.path(route, &owner);
        for key in
            [None, Some(""), Some("nonsense"), Some(forged.as_str()), Some(changed.as_str()), Some("hl_owner.key_x.y")]
        {
            let reply = call(&world, route, &path, key).await;
            assert_refused(&reply, &[401]);
            assert!(reply.headers.contains_key("www-authenticate"), "{}", reply.what);
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}

/// What no tenant owns and each may read.
fn is_everybodys(route: &Route) -> bool {
    route.path.starts_with("/v1/profiles") && route.method == "GET"
}

#[tokio::test]
async fn another_tenants_key_opens_nothing_and_learns_nothing() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let stranger = Owner::settle_in(&world, "stranger").await;
    let before = everything_of(&world, &owner).await;
    let of_a_tenant = |route: &&Route| route.path != "/healthz" && !is_everybodys(route);
    for route in routes().iter().filter(of_a_tenant) {
        for key in [&stranger.key, &stranger.publish_key] {
            let reply = call(&world, route, &owner.path(route, &owner), Some(key)).await;
            assert_refused(&reply, &[403, 404]);
            // A tenant that never was gets the same answer.
            let nobody = owner.path(route, &owner).replace("/owner", "/nobody");
            assert_eq!(call(&world, route, &nobody, Some(key)).await.text(), reply.text(), "{}", reply.what);
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn another_tenants_ids_name_nothing_under_ones_own_path() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let stranger = Owner::settle_in(&world, "stranger").await;
    let before = everything_of(&world, &owner).await;
    for route in routes().iter().filter(|route| owner.ids.iter().any(|(parameter, _)| route.path.contains(parameter))) {
        for key in [stranger.key.as_str(), OPERATOR] {
            assert_refused(&call(&world, route, &stranger.path(route, &owner), Some(key)).await, &[404]);
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn a_publish_only_key_publishes_and_does_nothing_else() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let before = everything_of(&world, &owner).await;
    for route in routes().iter().filter(|route| route.path != "/healthz") {
        let reply = call(&world, route, &owner.path(route, &owner), Some(&owner.publish_key)).await;
        match route.path.as_str() {
            "/v1/tenants/{tenant}/events" | "/v1/tenants/{tenant}/events/batch" => drop(reply.expect(202)),
            _ => assert_refused(&reply, &[403]),
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}

#[tokio::test]
async fn a_tenants_own_key_does_not_do_what_is_the_operators() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let tenants_only = |route: &&Route| {
        let of_profiles = route.path.starts_with("/v1/profiles") && !is_everybodys(route);
        let of_tenants = route.path == "/v1/tenants" || (route.path == "/v1/tenants/{tenant}" && route.method != "GET");
        of_profiles || of_tenants
    };
    for route in routes().iter().filter(tenants_only) {
        assert_refused(&call(&world, route, &owner.path(route, &owner), Some(&owner.key)).await, &[403]);
    }
    world.get("/v1/tenants/owner").await.expect(200);
}
