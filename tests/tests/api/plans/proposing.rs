//! Who may propose what, and that it is proposed once.

use super::*;

async fn propose_with_key(world: &World, key: &str, plan: Value) -> Value {
    let request = axum::http::Request::builder()
        .method("POST")
        .uri(PLANS)
        .header("authorization", format!("Bearer {OPERATOR}"))
        .header("idempotency-key", key);
    world.send(request.body(plan.to_string().into()).unwrap()).await.expect(201).json()
}

#[tokio::test]
async fn bad_plans_are_refused_by_the_names_of_their_fields_and_nothing_is_kept() {
    let world = World::new().await;
    let hook =
        world.hook(json!({ "name": "old", "headers": [{ "name": "X-Key", "value": "hush", "secret": true }] })).await;
    let of_hook = |patch: Value| json!({ "kind": "hook", "hook": hook.id, "patch": patch });
    let plan = |change: Value| json!({ "title": "t", "change": change });
    let with = |field: &str, value: Value| {
        let mut plan = plan(of_hook(json!({ "name": "new" })));
        plan[field] = value;
        plan
    };
    let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (json!({ "change": of_hook(json!({ "name": "new" })) }), "title"),
        (with("title", json!(" ")), "title"),
        (with("title", json!("x".repeat(201))), "title"),
        (with("colour", json!("red")), "colour"),
        (with("evidence", json!([{ "name": "n" }])), "evidence[0].value"),
        (with("evidence", json!([{ "name": "", "value": 1 }])), "evidence[0].name"),
        (
            with(
                "evidence",
                json!([{ "name": "n", "value": 1, "since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z" }]),
            ),
            "evidence[0].until",
        ),
        (with("impact", json!({ "text": "x".repeat(2_001) })), "impact.text"),
        (with("impact", json!({ "numbers": [{ "name": "" }] })), "impact.numbers[0].name"),
        (with("expires_at", json!("2020-01-01T00:00:00Z")), "expires_at"),
        (with("expires_at", json!("2030-01-01T00:00:00Z")), "expires_at"),
        (plan(json!({ "kind": "magic" })), "change.kind"),
        (plan(json!({ "kind": "hook", "patch": {} })), "change.hook"),
        (plan(json!({ "kind": "hook", "hook": hook.id })), "change.patch"),
        (plan(json!({ "kind": "external", "target": "t", "before": 1 })), "change.after"),
        (plan(json!({ "kind": "external", "target": "t", "before": 1, "after": 2, "patch": {} })), "change.patch"),
        (plan(json!({ "kind": "hook_secret", "hook": hook.id, "overlap": 604_801 })), "change.overlap"),
        (plan(of_hook(json!({ "name": "old" }))), "change.patch"),
        (plan(of_hook(json!({}))), "change.patch"),
        (plan(of_hook(json!({ "url": "http://10.0.0.1/" }))), "change.patch.url"),
        (plan(of_hook(json!({ "rate_limit": -1 }))), "change.patch.rate_limit"),
        (plan(of_hook(json!({ "unheard_of": 1 }))), "change.patch.unheard_of"),
        (plan(of_hook(json!({ "secret": "whsec_dGhpcyBpcyBhbiBleGFtcGxlIG9mIGEgc2VjcmV0IQ==" }))), "change.patch"),
        (plan(of_hook(json!({ "headers": [{ "name": "X-Key", "value": "other", "secret": true }] }))), "change.patch"),
        (plan(json!({ "kind": "external", "target": "t", "before": { "n": deep }, "after": 2 })), "change.before"),
        (plan(json!({ "kind": "external", "target": " ", "before": 1, "after": 2 })), "change.target"),
        // A secret that is set already as well.
        (
            plan(of_hook(json!({ "headers": [{ "name": "X-Key", "value": "hush", "secret": true }], "name": "n" }))),
            "change.patch",
        ),
        (plan(of_hook(json!({ "auth": { "type": "basic", "username": "u", "password": "quiet" } }))), "change.patch"),
    ];
    for (body, field) in cases {
        let refused = world.post(PLANS, body.clone()).await.expect(422).json();
        let errors = refused["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["field"] == field), "{body}: {refused}");
        assert!(
            !refused.to_string().contains("hush")
                && !refused.to_string().contains("quiet")
                && !refused.to_string().contains("dGhpcyBp"),
            "{refused}"
        );
    }
    // What no double holds would keep pages and events from telling of the plan.
    let large = r#"{"title":"t","change":{"kind":"external","target":"t","before":1e999,"after":2}}"#;
    let refused = world.call("POST", PLANS, Some(OPERATOR), large).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "change.before");
    for missing in [
        json!({ "kind": "hook", "hook": "hook_01KG9P6JE0XB1Y6XD7WRTANH8K", "patch": { "name": "x" } }),
        json!({ "kind": "event_type", "event_type": "un.known", "patch": { "deprecated": true } }),
    ] {
        world.post(PLANS, plan(missing)).await.expect(404);
    }
    assert!(world.pages(&format!("{PLANS}?limit=100")).await.is_empty());
}

#[tokio::test]
async fn a_request_sent_again_with_its_idempotency_key_proposes_nothing_more() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let first = propose_with_key(&world, "one", renamed(&hook, "new")).await;
    let again = propose_with_key(&world, "one", renamed(&hook, "new")).await;
    assert_eq!(first["id"], again["id"]);
    assert_eq!(world.pages(&format!("{PLANS}?limit=100")).await.len(), 1);
}

#[tokio::test]
async fn who_plans_does_nothing_else_and_a_tenants_own_settings_take_the_operator() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let planner = key(&world, json!({ "scope": "planner" })).await;
    let tenant = key(&world, json!({ "scope": "tenant" })).await;
    let plan = world.call("POST", PLANS, Some(&planner), renamed(&hook, "new").to_string()).await.expect(201).json();
    assert!(plan["submitted_by"].as_str().unwrap().starts_with("key_"));
    world.call("POST", &path(&plan, "/approve"), Some(&planner), "").await.expect(403);
    let bigger = json!({ "title": "More hooks", "change": { "kind": "tenant", "patch": { "max_hooks": 50 } } });
    let bigger = world.call("POST", PLANS, Some(&tenant), bigger.to_string()).await.expect(201).json();
    let refused = world.call("POST", &path(&bigger, "/approve"), Some(&tenant), "").await.expect(403);
    assert!(refused.text().contains("operator"), "{}", refused.text());
    decide(&world, &bigger, "approve").await.expect(200);
    world.call("POST", &path(&plan, "/approve"), Some(&tenant), "").await.expect(200);
    assert_eq!(world.get(&hook.path()).await.json()["name"], "new");
}

#[tokio::test]
async fn nobody_publishes_under_the_ids_of_hooklines_own_events() {
    let world = World::new().await;
    let event =
        json!({ "id": "hookline:automation.plan.approved:plan_1", "type": "automation.plan.approved", "data": {} });
    let refused = world.post("/v1/tenants/acme/events", event.clone()).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "id");
    let batch = world.post("/v1/tenants/acme/events/batch", json!({ "events": [event] })).await.json();
    assert!(batch.to_string().contains("Hookline's own"), "{batch}");
}

#[tokio::test]
async fn who_may_not_see_the_tenant_sees_it_neither_in_plans_nor_in_the_log() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "as it is" })).await;
    let planner = key(&world, json!({ "scope": "planner" })).await;
    let made = world.call("POST", PLANS, Some(&planner), renamed(&hook, "new").to_string()).await.expect(201);
    assert!(!made.text().contains("as it is"), "{}", made.text());
    world.patch("/v1/tenants/acme", json!({ "metadata": { "tier": "internal-9" } })).await.expect(200);
    let bigger = json!({ "title": "More hooks", "change": { "kind": "tenant", "patch": { "max_hooks": 50 } } });
    let bigger = propose(&world, bigger).await;
    let applied = decide(&world, &bigger, "approve").await.expect(200).json();
    let portal = json!({ "scope": "portal", "expires_in": 60, "capabilities": ["view", "approve"] });
    let portal = key(&world, portal).await;
    let asked = async |path: &str| world.call("GET", path, Some(&portal), "").await;
    let adjustment = format!("/v1/tenants/acme/adjustments/{}", applied["adjustment_id"].as_str().unwrap());
    for list in [PLANS, "/v1/tenants/acme/adjustments"] {
        let seen = asked(list).await.expect(200).text().to_owned();
        assert!(!seen.contains("internal-9") && !seen.contains("max_hooks"), "{seen}");
    }
    asked(&adjustment).await.expect(404);
    asked(&path(&bigger, "")).await.expect(404);
    world.get(&adjustment).await.expect(200);
}

#[tokio::test]
async fn the_same_request_at_the_same_time_proposes_once() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let send = || propose_with_key(&world, "one", renamed(&hook, "new"));
    let all = futures::future::join_all((0..6).map(|_| send())).await;
    assert!(all.iter().all(|plan| plan["id"] == all[0]["id"]), "{all:?}");
    assert_eq!(world.pages(&format!("{PLANS}?limit=100")).await.len(), 1);
    // What others propose at the same time is kept as well.
    let (world_of, hook_of) = (&world, &hook);
    let others = (0..6)
        .map(async |n| propose_with_key(world_of, &format!("other {n}"), renamed(hook_of, &format!("n{n}"))).await);
    futures::future::join_all(others).await;
    assert_eq!(world.pages(&format!("{PLANS}?limit=100")).await.len(), 7);
}

#[tokio::test]
async fn two_hundred_plans_may_wait_and_not_one_more_whoever_asks_at_the_same_time() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    for n in 0..199 {
        propose(&world, renamed(&hook, &format!("n{n}"))).await;
    }
    let one_more = || world.post(PLANS, renamed(&hook, "one more"));
    let answers = futures::future::join_all((0..5).map(|_| one_more())).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409]);
    let refused = answers.iter().find(|answer| answer.status == 409).unwrap().json();
    assert_eq!(refused["code"], "limit_reached", "{refused}");
    let listed = world.pages(&format!("{PLANS}?limit=100")).await;
    assert_eq!(listed.len(), 200);
    decide(&world, &listed[0], "reject").await.expect(200);
    one_more().await.expect(201);
}
