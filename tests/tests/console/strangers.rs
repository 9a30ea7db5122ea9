//! Every page and every form, with no session, and with the session of another tenant.

use axum::http::header;
use console::{Kind, PageRoute};
use serde_json::{Value, json};
use tests::browser::Browser;
use tests::world::{Answer, Hook, OPERATOR, World};

/// A tenant with one of everything that an address can name.
struct Owner {
    hook: Hook,
    ids: Vec<(&'static str, String)>,
}

impl Owner {
    async fn settle_in(world: &World, tenant: &str) -> Self {
        world
            .post("/v1/tenants", json!({ "id": tenant, "name": format!("Secret name of {tenant}") }))
            .await
            .expect(201);
        let hook = world.hook_of(tenant, json!({ "name": format!("Secret hook of {tenant}") })).await;
        world.endpoint.answer(&hook.url, [Answer::Status(500)]);
        let event = json!({ "id": format!("event-of-{tenant}"), "type": "a", "data": tenant });
        world.post(&format!("/v1/tenants/{tenant}/events"), event).await.expect(202);
        world.settle().await;
        let log = world.get(&format!("{}/deliveries", hook.path())).await.expect(200).json();
        let replay = json!({ "kind": "failed", "dry_run": true });
        let replay = world.post(&format!("{}/replays", hook.path()), replay).await.expect(202).json();
        world.settle().await;
        let plans = format!("/v1/tenants/{tenant}/plans");
        let plan = |name: &str| {
            let change = json!({ "kind": "hook", "hook": hook.id, "patch": { "description": name } });
            json!({ "title": format!("Secret name of {tenant}"), "change": change })
        };
        let plan_one = world.post(&plans, plan("one")).await.expect(201).json();
        let approve = format!("{plans}/{}/approve", plan_one["id"].as_str().unwrap());
        let applied = world.post(&approve, json!({})).await.expect(200).json();
        let pending = world.post(&plans, plan("two")).await.expect(201).json();
        world.settle().await;
        let kind = json!({ "name": format!("type-of-{tenant}") });
        world.post(&format!("/v1/tenants/{tenant}/event-types"), kind).await.expect(201);
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let ids = vec![
            ("{tenant}", tenant.to_owned()),
            ("{hook}", hook.id.clone()),
            ("{event}", format!("event-of-{tenant}")),
            ("{delivery}", text(&log["items"][0]["id"])),
            ("{replay}", text(&replay["id"])),
            ("{plan}", text(&pending["id"])),
            ("{adjustment}", text(&applied["adjustment_id"])),
            ("{type}", format!("type-of-{tenant}")),
            ("{profile}", "standard".to_owned()),
            ("{name}", "nothing".to_owned()),
            ("{letter}", "nothing".to_owned()),
        ];
        Self { hook, ids }
    }

    fn path(&self, route: &PageRoute) -> String {
        let path = self.ids.iter().fold(route.path.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{path}: say above what this parameter is");
        path
    }
}

async fn everything_of(world: &World, owner: &Owner) -> Vec<Value> {
    let tenant = &owner.hook.tenant;
    let mut all = Vec::new();
    for path in ["", "/hooks", "/deliveries", "/events", "/event-types", "/keys", "/plans", "/adjustments"] {
        all.push(world.get(&format!("/v1/tenants/{tenant}{path}")).await.expect(200).json());
    }
    all.push(world.get(&format!("{}/secret", owner.hook.path())).await.expect(200).json());
    all.push(world.get(&format!("{}/replays", owner.hook.path())).await.expect(200).json());
    all
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_where_one_begins() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let before = everything_of(&world, &owner).await;
    let nobody = Browser::new(&world);
    let (revoked, forged) = (Browser::new(&world), Browser::new(&world));
    for name in ["__Host-hookline-portal", "__Host-hookline-console"] {
        revoked.set_cookie(name, "hl_owner.ses_01M7YRYK8ZJ5C3T1W7P9Q2B6DN.4kBn2sXw7RfYtLq0ZpVhGm9cJeUaDi3oKx6bT1vHS5E");
        forged.set_cookie(name, "nonsense");
    }
    for route in console::routes() {
        if matches!(route.kind, Kind::OpenPage | Kind::OpenForm) {
            continue;
        }
        for browser in [&nobody, &revoked, &forged] {
            // Whoever fails too often is told to wait.
            world.clock.advance(std::time::Duration::from_secs(60));
            let reply = match route.kind {
                Kind::Page => browser.get(&owner.path(&route)).await,
                _ => browser.post_exactly(&owner.path(&route), &[]).await,
            };
            // A form without the token of the session that was claimed is not even read.
            let is_refused = route.kind == Kind::Form && reply.status == 403;
            assert!(reply.status == 303 || is_refused, "{}: {}", reply.what, reply.text());
            if reply.status == 303 {
                let place = reply.headers[header::LOCATION].to_str().unwrap();
                let is_right = if route.path.starts_with("/console") {
                    place.starts_with("/console/login")
                } else {
                    place == "/portal/ended"
                };
                assert!(is_right, "{}: {place}", reply.what);
            }
            assert!(!reply.text().contains("owner"), "{}", reply.what);
        }
        for name in ["__Host-hookline-portal", "__Host-hookline-console"] {
            revoked.set_cookie(
                name,
                "hl_owner.ses_01M7YRYK8ZJ5C3T1W7P9Q2B6DN.4kBn2sXw7RfYtLq0ZpVhGm9cJeUaDi3oKx6bT1vHS5E",
            );
            forged.set_cookie(name, "nonsense");
        }
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}

#[tokio::test]
async fn a_session_of_another_tenant_sees_and_changes_nothing() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let stranger = Owner::settle_in(&world, "stranger").await;
    let before = everything_of(&world, &owner).await;
    let sent = world.endpoint.seen().len();
    for route in console::routes().iter().filter(|route| route.path.starts_with("/portal")) {
        // Each with a session of its own, since some end it.
        let customer = Browser::in_portal_with_all(&world, &stranger.hook.tenant).await;
        customer.get("/portal/hooks").await.expect(200);
        let path = owner.path(route);
        let reply = match route.method() {
            "GET" => customer.open(&path).await,
            _ => customer.post(&path, &[("hook", &owner.hook.id), ("code", "x")]).await,
        };
        // What names the owner's is not there; the address itself is all that may come back.
        let text = reply.text().replace(&path, "");
        assert!(!text.contains("Secret hook of owner") && !text.contains("Secret name of owner"), "{}", reply.what);
        assert!(!text.contains(&owner.hook.secret) && !text.contains(&owner.hook.url), "{}", reply.what);
        if route.path.contains("{hook}") || route.path.contains("{delivery}") {
            assert_eq!(reply.status, 404, "{}", reply.what);
        }
    }
    // A session that has ended leaves a job, which looks for what it has subscribed to.
    world.settle().await;
    assert_eq!(everything_of(&world, &owner).await, before);
    assert_eq!(world.endpoint.seen().len(), sent);
}

#[tokio::test]
async fn neither_portal_nor_console_takes_the_others_session() {
    let world = World::new().await;
    let owner = Owner::settle_in(&world, "owner").await;
    let before = everything_of(&world, &owner).await;
    let customer = Browser::in_portal_with_all(&world, "owner").await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let session = customer.cookie("__Host-hookline-portal").unwrap();
    let key = operator.cookie("__Host-hookline-console").unwrap();
    for route in console::routes().iter().filter(|route| route.kind == Kind::Page) {
        let crossed = Browser::new(&world);
        crossed.set_cookie("__Host-hookline-portal", &key);
        crossed.set_cookie("__Host-hookline-console", &session);
        let reply = crossed.get(&owner.path(route)).await;
        assert!(matches!(reply.status, 303 | 403), "{}: {} {}", reply.what, reply.status, reply.text());
        assert!(!reply.text().contains("Secret"), "{}", reply.what);
    }
    assert_eq!(everything_of(&world, &owner).await, before);
}
