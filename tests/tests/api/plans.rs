//! Plans and adjustments, as clients meet them.

mod proposing;
mod taking_back;

use serde_json::{Value, json};
use tests::world::{Hook, OPERATOR, Reply, TENANT, World};

const PLANS: &str = "/v1/tenants/acme/plans";

fn renamed(hook: &Hook, name: &str) -> Value {
    json!({ "title": "Rename it", "change": { "kind": "hook", "hook": hook.id, "patch": { "name": name } } })
}

async fn propose(world: &World, plan: Value) -> Value {
    world.post(PLANS, plan).await.expect(201).json()
}

fn path(plan: &Value, rest: &str) -> String {
    format!("{PLANS}/{}{rest}", plan["id"].as_str().unwrap())
}

async fn decide(world: &World, plan: &Value, how: &str) -> Reply {
    world.post(&path(plan, &format!("/{how}")), json!({})).await
}

async fn adjustments(world: &World) -> Vec<Value> {
    world.pages("/v1/tenants/acme/adjustments?limit=2").await
}

async fn key(world: &World, body: Value) -> String {
    let key = world.post("/v1/tenants/acme/keys", body).await.expect(201).json();
    key["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_approved_plan_is_applied_and_remembered_with_all_there_was_before_and_after() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "old", "timeout": { "total": 5 } })).await;
    let evidence = json!([{ "name": "time-outs", "value": 120, "unit": "1/d", "source": "/v1/tenants/acme/counts" }]);
    let impact = json!({ "text": "fewer of them", "numbers": [{ "name": "time-outs", "before": 120, "after": 3 }] });
    let patch = json!({ "name": "new", "timeout": { "total": 9 } });
    let asked = json!({
        "title": "Wait longer", "change": { "kind": "hook", "hook": hook.id, "patch": patch },
        "evidence": evidence, "impact": impact, "proposed_by": "growth model 7",
    });
    let plan = propose(&world, asked).await;
    assert_eq!((&plan["state"], &plan["proposed_by"]), (&json!("pending"), &json!("growth model 7")));
    assert_eq!((&plan["submitted_by"], &plan["evidence"], &plan["impact"]), (&json!("operator"), &evidence, &impact));
    assert_eq!(plan["change"]["before"], json!({ "name": "old", "timeout": { "connect": 5, "total": 5 } }));
    let before = world.get(&hook.path()).await.json();
    assert_eq!(before["name"], "old", "nothing is changed before it is approved");
    world.clock.advance(std::time::Duration::from_millis(1));

    let approved = decide(&world, &plan, "approve").await.expect(200).json();
    assert_eq!((&approved["state"], &approved["decided_by"]), (&json!("applied"), &json!("operator")));
    let after = world.get(&hook.path()).await.json();
    assert_eq!((&after["name"], &after["timeout"]["total"]), (&json!("new"), &json!(9)));
    let [adjustment] = &adjustments(&world).await[..] else { panic!("there is one adjustment") };
    assert_eq!(adjustment["id"], approved["adjustment_id"]);
    assert_eq!((&adjustment["cause"], &adjustment["plan_id"]), (&json!("plan"), &plan["id"]));
    assert_eq!(adjustment["target"], json!({ "kind": "hook", "id": hook.id }));
    for (side, name, total) in [("before", "old", 5), ("after", "new", 9)] {
        let side = &adjustment[side];
        assert_eq!(
            (&side["name"], &side["timeout"]["total"], &side["url"]),
            (&json!(name), &json!(total), &json!(hook.url))
        );
        assert!(!side.to_string().contains(&hook.secret), "secrets are masked");
    }
    let fields: Vec<&Value> = adjustment["changes"].as_array().unwrap().iter().map(|change| &change["field"]).collect();
    assert_eq!(fields, ["name", "timeout"]);
    // Who approved it is in the audit as well.
    let audit = world.get(&format!("{}/audit", hook.path())).await.json();
    assert_eq!((&audit["items"][0]["what"], &audit["items"][0]["by"]), (&json!("changed"), &json!("operator")));
}

#[tokio::test]
async fn a_plan_is_decided_once_by_whomever() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let plan = propose(&world, renamed(&hook, "new")).await;
    let (one, other) = tokio::join!(decide(&world, &plan, "approve"), decide(&world, &plan, "approve"));
    let [one, other] = [one, other].map(|reply| reply.expect(200).json());
    assert_eq!((&one["state"], &one["adjustment_id"]), (&other["state"], &other["adjustment_id"]));
    decide(&world, &plan, "approve").await.expect(200);
    let refused = decide(&world, &plan, "reject").await.expect(409);
    assert!(refused.text().contains("applied already"), "{}", refused.text());
    assert_eq!(adjustments(&world).await.len(), 1);
    let changes = world.get(&format!("{}/audit", hook.path())).await.json();
    let renames = changes["items"].as_array().unwrap().iter().filter(|entry| entry["what"] == "changed").count();
    assert_eq!(renames, 1);

    let plan = propose(&world, renamed(&hook, "newer")).await;
    let rejected =
        world.post(&path(&plan, "/reject"), json!({ "reason": "we like the name" })).await.expect(200).json();
    assert_eq!((&rejected["state"], &rejected["reason"]), (&json!("rejected"), &json!("we like the name")));
    decide(&world, &plan, "reject").await.expect(200);
    decide(&world, &plan, "approve").await.expect(409);
    assert_eq!(world.get(&hook.path()).await.json()["name"], "new");
}

#[tokio::test]
async fn what_has_moved_on_is_not_overwritten_and_the_difference_is_told() {
    let world = World::new().await;
    let hook = world.hook(json!({ "name": "old" })).await;
    let plan = propose(&world, renamed(&hook, "new")).await;
    // Of what the plan does not touch, anything may change.
    world.patch(&hook.path(), json!({ "description": "changed meanwhile", "name": "between" })).await.expect(200);
    let refused = decide(&world, &plan, "approve").await.expect(409).json();
    assert_eq!(refused["errors"][0]["field"], "change.patch.name");
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert_eq!(message, r#"was "old" when this was proposed, and is "between" now"#);
    assert_eq!(world.get(&path(&plan, "")).await.json()["state"], "pending");
    world.patch(&hook.path(), json!({ "name": "old" })).await.expect(200);
    decide(&world, &plan, "approve").await.expect(200);
    let hook = world.get(&hook.path()).await.json();
    assert_eq!((&hook["name"], &hook["description"]), (&json!("new"), &json!("changed meanwhile")));
}

#[tokio::test]
async fn a_plan_whose_target_was_deleted_fails_and_says_so() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let plan = propose(&world, renamed(&hook, "new")).await;
    world.delete(&hook.path()).await.expect(204);
    let failed = decide(&world, &plan, "approve").await.expect(200).json();
    assert_eq!(
        (&failed["state"], &failed["reason"]),
        (&json!("failed"), &json!("the hook that it changes was deleted"))
    );
    assert!(adjustments(&world).await.is_empty());
    // Asked for once more it says the same.
    assert_eq!(decide(&world, &plan, "approve").await.expect(200).json()["state"], "failed");
    decide(&world, &plan, "reject").await.expect(409);
}

#[tokio::test]
async fn a_plan_nobody_decides_expires() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let mut asked = renamed(&hook, "new");
    asked["expires_at"] = json!(world.now().saturating_add(std::time::Duration::from_secs(60)));
    let plan = propose(&world, asked).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(world.get(&path(&plan, "")).await.json()["state"], "expired");
    for how in ["approve", "reject"] {
        let refused = decide(&world, &plan, how).await.expect(409);
        assert!(refused.text().contains("expired already"), "{}", refused.text());
    }
    let expired = world.pages(&format!("{PLANS}?state=expired")).await;
    assert_eq!((expired.len(), world.pages(&format!("{PLANS}?state=pending")).await.len()), (1, 0));
}

#[tokio::test]
async fn tenants_event_types_and_secrets_are_changed_by_plans_as_well() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    world.post("/v1/tenants/acme/event-types", json!({ "name": "post.published" })).await.expect(201);
    let changes = [
        json!({ "kind": "tenant", "patch": { "name": "Acme Inc." } }),
        json!({ "kind": "event_type", "event_type": "post.published", "patch": { "deprecated": true } }),
        json!({ "kind": "hook_secret", "hook": hook.id, "overlap": 60 }),
    ];
    for change in changes {
        world.clock.advance(std::time::Duration::from_millis(1));
        let plan = propose(&world, json!({ "title": "t", "change": change })).await;
        decide(&world, &plan, "approve").await.expect(200);
    }
    assert_eq!(world.get("/v1/tenants/acme").await.json()["name"], "Acme Inc.");
    assert_eq!(world.get("/v1/tenants/acme/event-types/post.published").await.json()["deprecated"], true);
    let secret = world.get(&format!("{}/secret", hook.path())).await.json();
    assert_ne!(secret["secret"], json!(hook.secret));
    assert_eq!(secret["others"][0]["secret"], json!(hook.secret));
    let kinds: Vec<Value> = adjustments(&world).await.iter().map(|one| one["target"]["kind"].clone()).collect();
    assert_eq!(kinds, ["hook", "event_type", "tenant"]);
    let all = world.get("/v1/tenants/acme/adjustments").await.text();
    assert!(!all.contains(&hook.secret) && !all.contains(secret["secret"].as_str().unwrap()));
}

#[tokio::test]
async fn an_external_plan_is_approved_and_reported_on() {
    let world = World::new().await;
    let change =
        json!({ "kind": "external", "target": "campaign 7", "before": { "per_week": 3 }, "after": { "per_week": 5 } });
    let asked = json!({ "title": "Post more often", "change": change });
    let plan = propose(&world, asked.clone()).await;
    decide(&world, &plan, "applied").await.expect(409);
    assert_eq!(decide(&world, &plan, "approve").await.expect(200).json()["state"], "approved");
    assert!(adjustments(&world).await.is_empty());
    let applied = world.post(&path(&plan, "/applied"), json!({ "after": { "per_week": 4 } })).await.expect(200).json();
    assert_eq!(applied["state"], "applied");
    decide(&world, &plan, "applied").await.expect(200);
    decide(&world, &plan, "failed").await.expect(409);
    let [adjustment] = &adjustments(&world).await[..] else { panic!("there is one adjustment") };
    assert_eq!(adjustment["target"], json!({ "kind": "external", "id": "campaign 7" }));
    assert_eq!((&adjustment["before"], &adjustment["after"]), (&json!({ "per_week": 3 }), &json!({ "per_week": 4 })));

    let plan = propose(&world, asked).await;
    decide(&world, &plan, "approve").await.expect(200);
    let failed =
        world.post(&path(&plan, "/failed"), json!({ "reason": "the campaign is over" })).await.expect(200).json();
    assert_eq!((&failed["state"], &failed["reason"]), (&json!("failed"), &json!("the campaign is over")));
    assert_eq!(adjustments(&world).await.len(), 1);
    // Hookline's own are not reported on.
    let hook = world.hook(json!({})).await;
    let own = propose(&world, renamed(&hook, "new")).await;
    let refused = decide(&world, &own, "applied").await.expect(409);
    assert!(refused.text().contains("only an external plan"), "{}", refused.text());
}

#[tokio::test]
async fn lists_are_newest_first_and_filtered() {
    let world = World::new().await;
    let (one, other) = (world.hook(json!({})).await, world.hook(json!({})).await);
    let mut ids = Vec::new();
    for n in 0..5 {
        world.clock.advance(std::time::Duration::from_millis(1));
        let hook = if n % 2 == 0 { &one } else { &other };
        ids.insert(0, propose(&world, renamed(hook, &format!("n{n}"))).await["id"].clone());
    }
    for limit in [1, 2, 100] {
        let listed = world.pages(&format!("{PLANS}?limit={limit}")).await;
        assert_eq!(listed.iter().map(|plan| plan["id"].clone()).collect::<Vec<_>>(), ids, "{limit}");
        let of_one = world.pages(&format!("{PLANS}?limit={limit}&hook={}", one.id)).await;
        assert_eq!(of_one.len(), 3);
    }
    assert!(world.pages(&format!("{PLANS}?kind=external")).await.is_empty());
    for bad in ["state=maybe", "kind=magic", "hook=x", "limit=0", "colour=red"] {
        world.get(&format!("{PLANS}?{bad}")).await.expect(400);
    }
    for (n, hook) in [&one, &other].into_iter().enumerate() {
        world.clock.advance(std::time::Duration::from_secs(60));
        let plan = propose(&world, renamed(hook, &format!("m{n}"))).await;
        decide(&world, &plan, "approve").await.expect(200);
    }
    let list = async |query: String| world.get(&format!("/v1/tenants/{TENANT}/adjustments?{query}")).await;
    for (query, count) in [
        (format!("target={}", one.id), 1),
        ("kind=hook".to_owned(), 2),
        ("kind=tenant".to_owned(), 0),
        ("cause=plan&by=operator".to_owned(), 2),
        ("by=hookline".to_owned(), 0),
        (format!("since={}", world.now()), 1),
        (format!("until={}", world.now()), 1),
    ] {
        let found = list(query.clone()).await.expect(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_tenant_says_what_the_advisor_leaves_alone() {
    let world = World::new().await;
    let advisor = "/v1/tenants/acme/advisor";
    let usual = world.get(advisor).await.expect(200).json();
    assert_eq!((&usual["off"], usual["on"].as_array().unwrap().len()), (&json!([]), 10));
    let off = world.patch(advisor, json!({ "off": ["timeout", "https"] })).await.expect(200).json();
    assert_eq!(off["off"], json!(["timeout", "https"]));
    assert_eq!(world.patch(advisor, json!({})).await.expect(200).json(), off);
    let refused = world.patch(advisor, json!({ "off": ["weather"] })).await.expect(422).json();
    assert_eq!(refused["errors"][0]["field"], "off[0]");
    assert_eq!(world.get(advisor).await.json(), off);
}

#[tokio::test]
async fn a_secret_that_has_changed_since_is_seen_although_both_are_masked() {
    let world = World::new().await;
    let auth = |token: &str| json!({ "auth": { "type": "bearer", "token": token } });
    let hook = world.hook(auth("token-one")).await;
    let of_hook = |patch: Value| json!({ "title": "t", "change": { "kind": "hook", "hook": hook.id, "patch": patch } });
    let open = propose(&world, of_hook(json!({ "auth": null }))).await;
    let rotation = json!({ "title": "r", "change": { "kind": "hook_secret", "hook": hook.id, "overlap": 0 } });
    let rotation = propose(&world, rotation).await;
    world.patch(&hook.path(), auth("token-two")).await.expect(200);
    let refused = decide(&world, &open, "approve").await.expect(409).json();
    assert_eq!(refused["errors"][0]["field"], "change.patch.auth");
    assert!(!refused.to_string().contains("token-"), "{refused}");
    world.clock.advance(std::time::Duration::from_secs(1));
    let by_hand = world.post(&format!("{}/secret/rotate", hook.path()), json!({})).await.expect(200).json();
    decide(&world, &rotation, "approve").await.expect(409);
    let secret = world.get(&format!("{}/secret", hook.path())).await.json();
    assert_eq!(secret["secret"], by_hand["secret"]);
}

#[tokio::test]
async fn nothing_is_what_an_external_plan_may_begin_or_end_with() {
    let world = World::new().await;
    let change = json!({ "kind": "external", "target": "t", "before": null, "after": { "a": 1 } });
    let plan = propose(&world, json!({ "title": "t", "change": change })).await;
    decide(&world, &plan, "approve").await.expect(200);
    world.call("POST", &path(&plan, "/applied"), Some(OPERATOR), r#"{"after":null}"#).await.expect(200);
    let [adjustment] = &adjustments(&world).await[..] else { panic!("there is one adjustment") };
    assert_eq!((&adjustment["before"], &adjustment["after"]), (&Value::Null, &Value::Null));
}
