//! Nobody sees, changes or learns of what belongs to somebody else, on any
//! route of the OpenAPI document. A key does what its scope says, as long as it
//! lasts, and nothing else.

use std::cmp::Reverse;
use std::time::Duration;

use serde_json::{Value, json};

use tests::world::{Answer, OPERATOR, Reply, World};

/// One operation of the document.
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
}

impl Route {
    fn is_of_a_tenant(&self) -> bool {
        self.path.contains("{tenant}")
    }

    /// What no tenant owns and all may read, save who may only publish.
    fn is_everybodys(&self) -> bool {
        self.method == "GET" && (self.path.starts_with("/v1/profiles") || SHARED.contains(&self.path.as_str()))
    }

    fn is_the_operators(&self) -> bool {
        let tenant_itself = self.path == "/v1/tenants/{tenant}" && self.method != "GET";
        tenant_itself || (!self.is_of_a_tenant() && !self.is_everybodys() && !self.is_a_sessions())
    }

    /// What only a portal session has.
    pub(crate) fn is_a_sessions(&self) -> bool {
        self.path.starts_with("/v1/portal/session")
    }

    /// Whether a key of this scope may use it for its own tenant.
    fn is_open_to(&self, scope: &str) -> bool {
        let is = |list: &[(&str, &str)]| {
            let path = self.path.strip_prefix("/v1/tenants/{tenant}");
            list.iter().any(|(method, rest)| *method == self.method && path == Some(rest))
        };
        match scope {
            "tenant" => !self.is_the_operators() && !self.is_a_sessions(),
            "publish" => is(PUBLISHING),
            "planner" => is(PLANNING),
            _ => self.is_everybodys() || is(PORTAL),
        }
    }
}

/// Where it may be too late for what is asked, or makes no sense.
const MOOT: [&str; 9] =
    ["/verify", "/cancel", "/{replay}", "/{expungement}", "/approve", "/reject", "/applied", "/failed", "/revert"];

const SHARED: [&str; 3] = ["/v1/event-types", "/v1/event-types/{type}", "/v1/catalogue"];

const PLANNING: &[(&str, &str)] = &[("POST", "/plans")];

const PUBLISHING: &[(&str, &str)] = &[("POST", "/events"), ("POST", "/events/batch")];

const PORTAL: &[(&str, &str)] = &[
    ("GET", "/caller"),
    ("POST", "/hooks"),
    ("GET", "/hooks"),
    ("GET", "/hooks/{hook}"),
    ("PATCH", "/hooks/{hook}"),
    ("DELETE", "/hooks/{hook}"),
    ("GET", "/hooks/{hook}/deliveries"),
    ("GET", "/events/{event}"),
    ("GET", "/events/{event}/deliveries"),
    ("GET", "/events/{event}/explain"),
    ("GET", "/deliveries/{delivery}"),
    ("POST", "/deliveries/{delivery}/retry"),
    ("POST", "/deliveries/{delivery}/cancel"),
    ("GET", "/event-types"),
    ("GET", "/fields"),
    ("GET", "/openapi.json"),
    ("GET", "/hooks/{hook}/fields"),
    ("GET", "/event-types/{type}"),
    ("GET", "/catalogue"),
    ("POST", "/hooks/{hook}/test"),
    ("POST", "/hooks/{hook}/preview"),
    ("POST", "/hooks/{hook}/verify"),
    ("GET", "/hooks/{hook}/audit"),
    ("GET", "/hooks/{hook}/stats"),
    ("GET", "/stats"),
    ("GET", "/events"),
    ("GET", "/deliveries"),
    ("GET", "/counts"),
    ("POST", "/hooks/{hook}/replays"),
    ("GET", "/hooks/{hook}/replays"),
    ("GET", "/hooks/{hook}/replays/{replay}"),
    ("DELETE", "/hooks/{hook}/replays/{replay}"),
    ("GET", "/plans"),
    ("GET", "/plans/{plan}"),
    ("GET", "/adjustments"),
    ("GET", "/adjustments/{adjustment}"),
    ("GET", "/advisor"),
];

/// Every route that needs a key.
pub(crate) async fn guarded(world: &World) -> Vec<Route> {
    let open = [
        "/healthz",
        "/v1/portal/sessions",
        "/v1/tenants/{tenant}/hooks/{hook}/confirm",
        "/v1/tenants/{tenant}/.well-known/jwks.json",
        "/.well-known/http-message-signatures-directory",
    ];
    routes(world).await.into_iter().filter(|route| !open.contains(&route.path.as_str())).collect()
}

async fn routes(world: &World) -> Vec<Route> {
    let document = world.get("/openapi.json").await.expect(200).json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            routes.push(Route { method: method.to_uppercase(), path: path.clone() });
        }
    }
    routes
}

/// How long the keys of owners last.
const LASTS_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// A tenant with one of everything that a path can name.
pub(crate) struct Owner {
    pub(crate) tenant: &'static str,
    key: String,
    publish_key: String,
    portal_key: String,
    planner_key: String,
    /// The token of a session.
    pub(crate) session: String,
    /// The values of the parameters of paths.
    ids: [(&'static str, String); 11],
}

impl Owner {
    pub(crate) async fn settle_in(world: &World, tenant: &'static str) -> Self {
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
        let expungement = world.post(&format!("/v1/tenants/{tenant}/expungements"), json!({ "dry_run": true })).await;
        let expungement = expungement.expect(202).json();
        world.settle().await;
        let mut keys = Vec::new();
        for scope in ["tenant", "publish", "portal", "planner"] {
            let new = json!({ "scope": scope, "expires_in": LASTS_FOR.as_secs() });
            keys.push(world.post(&format!("/v1/tenants/{tenant}/keys"), new).await.expect(201).json());
        }
        let link = world.post(&format!("/v1/tenants/{tenant}/portal-links"), json!({})).await.expect(201).json();
        let entry = json!({ "code": link["code"] });
        let session = world.post("/v1/portal/sessions", entry).await.expect(201).json();
        let event_type = format!("type-of-{tenant}");
        let types = format!("/v1/tenants/{tenant}/event-types");
        world.post(&types, json!({ "name": event_type })).await.expect(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let plans = format!("/v1/tenants/{tenant}/plans");
        let described = json!({ "kind": "event_type", "event_type": event_type, "patch": { "description": "x" } });
        let plan = world.post(&plans, json!({ "title": "t", "change": described })).await.expect(201).json();
        let approve = format!("{plans}/{}/approve", plan["id"].as_str().unwrap());
        let applied = world.post(&approve, json!({})).await.expect(200).json();
        let asked = json!({ "title": "u", "change": { "kind": "external", "target": "x", "before": 1, "after": 2 } });
        let plan = world.post(&plans, asked).await.expect(201).json();
        world.settle().await;
        let ids = [
            ("{plan}", text(&plan["id"])),
            ("{adjustment}", text(&applied["adjustment_id"])),
            ("{hook}", hook.id),
            ("{event}", text(&event["id"])),
            ("{delivery}", text(&log["items"][0]["id"])),
            ("{key_id}", text(&keys[0]["id"])),
            ("{session}", text(&session["id"])),
            ("{replay}", text(&replay["id"])),
            ("{expungement}", text(&expungement["id"])),
            ("{type}", event_type),
            ("{profile}", "standard".to_owned()),
        ];
        let [key, publish_key, portal_key, planner_key] = [0, 1, 2, 3].map(|n: usize| text(&keys[n]["key"]));
        Self { tenant, key, publish_key, portal_key, planner_key, session: text(&session["token"]), ids }
    }

    /// Of the scopes tenant, publish, portal and planner.
    fn keys(&self) -> [&str; 4] {
        [&self.key, &self.publish_key, &self.portal_key, &self.planner_key]
    }

    /// The path with this tenant in it, and what it names taken from `others`.
    pub(crate) fn path(&self, route: &Route, others: &Self) -> String {
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
        ("POST", "expungements") => json!({ "dry_run": true }),
        ("POST", "replays") => json!({ "kind": "failed", "dry_run": true }),
        ("POST", "preview") => json!({ "event": "event-of-owner" }),
        ("POST", "plans") => json!({
            "title": "t", "change": { "kind": "external", "target": "x", "before": 1, "after": 2 },
        }),
        ("POST", "keys") if route.path == "/v1/keys" => json!({}),
        ("POST", "keys") => json!({ "scope": "tenant" }),
        ("POST", "event-types") => json!({ "name": "new" }),
        ("PUT", "catalogue") => json!({ "event_types": [] }),
        ("POST" | "PATCH", _) => json!({}),
        _ => return String::new(),
    };
    body.to_string()
}

pub(crate) async fn call(world: &World, route: &Route, path: &str, key: Option<&str>) -> Reply {
    world.call(&route.method, path, key, body(route)).await
}

/// All that a tenant has, save when its keys were used.
pub(crate) async fn everything_of(world: &World, owner: &Owner) -> Vec<Value> {
    let mut seen = Vec::new();
    for route in guarded(world).await.iter().filter(|route| route.method == "GET" && route.is_of_a_tenant()) {
        let mut answer = call(world, route, &owner.path(route, owner), Some(OPERATOR)).await.expect(200).json();
        for item in answer["items"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            item.remove("last_used_at");
        }
        // The time there.
        answer.as_object_mut().map(|answer| answer.remove("now"));
        seen.push(answer);
    }
    seen
}

#[track_caller]
pub(crate) fn assert_refused(reply: &Reply, allowed: &[u16]) {
    assert!(allowed.contains(&reply.status), "{}: {}", reply.what, reply.text());
    assert_eq!(reply.content_type(), "application/problem+json", "{}", reply.what);
}

#[tokio::test]
async fn every_route_but_health_needs_a_key_that_is_known() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let before = everything_of(&world, &owner).await;
    let forged = owner.key.replace("hl_owner", "hl_other");
    let operators = owner.key.replace("hl_owner", "hl_");
    let changed = format!("{}x", owner.key);
    for route in guarded(&world).await {
        // Whoever fails too often is told to wait.
        world.clock.advance(Duration::from_secs(60));
        let path = owner.path(&route, &owner);
        for key in [
            None,
            Some(""),
            Some("nonsense"),
            Some(forged.as_str()),
            Some(operators.as_str()),
            Some(changed.as_str()),
            Some("hl_owner.key_x.y"),
        ] {
            let reply = call(&world, &route, &path, key).await;
            assert_refused(&reply, &[401]);
            assert!(reply.headers.contains_key("www-authenticate"), "{}", reply.what);
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}

#[tokio::test]
async fn a_key_that_was_revoked_opens_nothing() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let keys = world.get("/v1/tenants/owner/keys").await.expect(200).json();
    for key in keys["items"].as_array().unwrap() {
        world.delete(&format!("/v1/tenants/owner/keys/{}", key["id"].as_str().unwrap())).await.expect(204);
    }
    world.delete("/v1/tenants/owner/portal-sessions").await.expect(204);
    let before = everything_of(&world, &owner).await;
    for route in guarded(&world).await {
        world.clock.advance(Duration::from_secs(60));
        for key in owner.keys().into_iter().chain([owner.session.as_str()]) {
            assert_refused(&call(&world, &route, &owner.path(&route, &owner), Some(key)).await, &[401]);
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}

#[tokio::test]
async fn a_key_that_has_expired_opens_nothing() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let operators = world.post("/v1/keys", json!({ "expires_in": LASTS_FOR.as_secs() })).await.expect(201).json();
    world.clock.advance(LASTS_FOR);
    let before = everything_of(&world, &owner).await;
    for route in guarded(&world).await {
        for key in owner.keys().into_iter().chain(operators["key"].as_str()).chain([owner.session.as_str()]) {
            assert_refused(&call(&world, &route, &owner.path(&route, &owner), Some(key)).await, &[401]);
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}

#[tokio::test]
async fn another_tenants_key_opens_nothing_and_learns_nothing() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let stranger = Owner::settle_in(&world, "stranger").await;
    let before = everything_of(&world, &owner).await;
    for route in guarded(&world).await.into_iter().filter(|route| !route.is_everybodys()) {
        for key in stranger.keys().into_iter().chain([stranger.session.as_str()]) {
            // Of its own session it may ask.
            if route.is_a_sessions() && key == stranger.session {
                continue;
            }
            let reply = call(&world, &route, &owner.path(&route, &owner), Some(key)).await;
            assert_refused(&reply, &[403, 404]);
            // A tenant that never was gets the same answer.
            let nobody = owner.path(&route, &owner).replace("/owner", "/nobody");
            assert_eq!(call(&world, &route, &nobody, Some(key)).await.text(), reply.text(), "{}", reply.what);
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
    let names_something = |route: &Route| owner.ids.iter().any(|(parameter, _)| route.path.contains(parameter));
    for route in guarded(&world).await.into_iter().filter(|route| route.is_of_a_tenant() && names_something(route)) {
        for key in [stranger.key.as_str(), OPERATOR] {
            assert_refused(&call(&world, &route, &stranger.path(&route, &owner), Some(key)).await, &[404]);
        }
        if route.is_open_to("portal") {
            for key in [stranger.portal_key.as_str(), stranger.session.as_str()] {
                assert_refused(&call(&world, &route, &stranger.path(&route, &owner), Some(key)).await, &[404]);
            }
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
    assert_eq!(world.messages_left(), 0);
}

#[tokio::test]
async fn a_key_opens_the_routes_of_its_scope_and_no_others() {
    for (index, scope) in ["tenant", "publish", "portal", "planner"].into_iter().enumerate() {
        let world = World::new().await;
        let owner = Owner::settle_in(&world, "owner").await;
        let key = Some(owner.keys()[index]);
        let before = everything_of(&world, &owner).await;
        let (mut open, closed): (Vec<_>, Vec<_>) =
            guarded(&world).await.into_iter().partition(|route| route.is_open_to(scope));
        for route in &closed {
            assert_refused(&call(&world, route, &owner.path(route, &owner), key).await, &[403]);
        }
        assert_eq!(everything_of(&world, &owner).await, before, "{scope}");
        assert_eq!(world.messages_left(), 0);
        // What deletes comes last, parts before the whole, and last of all what deletes the key itself.
        let rank = |route: &Route| match route.method.as_str() {
            "DELETE" => 1,
            "PUT" => 2,
            _ => 0,
        };
        open.sort_by_key(|route| (route.path.contains("{key_id}"), rank(route), Reverse(route.path.len())));
        for route in &open {
            let reply = call(&world, route, &owner.path(route, &owner), key).await;
            // What is everybody's has to be allowed; it need not be there.
            let absent = route.is_everybodys() && reply.status == 404;
            // Only who may ask is told that a verification is not asked for, or a delivery or replay over.
            let moot = MOOT.iter().any(|end| route.path.ends_with(end)) && reply.status == 409;
            let fine = (200..300).contains(&reply.status) || absent || moot;
            assert!(fine, "{scope} {}: {}", reply.what, reply.text());
        }
    }
}
