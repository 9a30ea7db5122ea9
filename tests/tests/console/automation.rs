//! Plans to approve, and the log of what was changed automatically.

use serde_json::{Value, json};
use tests::browser::Browser;
use tests::world::{Hook, OPERATOR, TENANT, World};

const PLANS: &str = "/v1/tenants/acme/plans";

async fn propose(world: &World, hook: &Hook, title: &str, total: u32) -> String {
    let plan = json!({
        "title": title,
        "change": { "kind": "hook", "hook": hook.id, "patch": { "timeout": { "total": total } } },
        "evidence": [{ "name": "attempts that ran into the time-out", "value": 412, "source": "/v1/tenants/acme/counts" }],
        "impact": { "text": "Late answers count", "numbers": [{ "name": "time-out", "before": 5, "after": total, "unit": "s" }] },
    });
    world.post(PLANS, plan).await.expect(201).json()["id"].as_str().unwrap().to_owned()
}

async fn total(world: &World, hook: &Hook) -> Value {
    world.get(&hook.path()).await.expect(200).json()["timeout"]["total"].clone()
}

#[tokio::test]
async fn a_customer_approves_one_plan_rejects_another_and_reads_what_was_changed() {
    let world = World::new().await;
    let hook = world.hook(json!({ "timeout": { "total": 5 } })).await;
    let (good, bad) =
        (propose(&world, &hook, "Wait longer", 9).await, propose(&world, &hook, "Wait for ever", 30).await);
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let page = customer.get("/portal/automation").await.expect(200).text();
    for part in [
        "Pending Plans",
        "Approved Plans",
        "Rejected Plans",
        "Adjustment Log",
        "Wait longer",
        "Wait for ever",
        "412",
        "Late answers count",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    customer.post(&format!("/portal/automation/{good}/approve"), &[]).await.expect(303);
    assert_eq!(total(&world, &hook).await, 9);
    customer.post(&format!("/portal/automation/{bad}/reject"), &[("reason", "too long")]).await.expect(303);
    assert_eq!(total(&world, &hook).await, 9);
    let approved = customer.get("/portal/automation?show=approved").await.expect(200).text();
    assert!(approved.contains("Wait longer") && !approved.contains("Wait for ever"), "{approved}");
    let rejected = customer.get("/portal/automation?show=rejected").await.expect(200).text();
    assert!(rejected.contains("too long") && !rejected.contains("Wait longer"), "{rejected}");
    let log = customer.get("/portal/automation/log").await.expect(200).text();
    assert!(log.contains("Wait longer") && log.contains("<del>") && log.contains("<ins>"), "{log}");
    assert!(!log.contains(&hook.secret));

    let adjustments = world.get("/v1/tenants/acme/adjustments").await.json();
    let adjustment = adjustments["items"][0]["id"].as_str().unwrap();
    let revert = format!("/portal/automation/log/{adjustment}/revert");
    let made = customer.post(&revert, &[]).await.expect(303);
    let page = customer.get(made.headers["location"].to_str().unwrap()).await.expect(200).text();
    assert!(
        page.contains("Take back: Wait longer") && page.contains("Nothing changes before it is approved"),
        "{page}"
    );
    assert_eq!(total(&world, &hook).await, 9);
    // Asked for once more it is refused beside the log.
    let again = customer.post(&revert, &[]).await.expect(409).text();
    assert!(again.contains("proposes that already"), "{again}");
}

#[tokio::test]
async fn what_has_moved_on_is_told_beside_the_plans() {
    let world = World::new().await;
    let hook = world.hook(json!({ "timeout": { "total": 5 } })).await;
    let plan = propose(&world, &hook, "Wait longer", 9).await;
    world.patch(&hook.path(), json!({ "timeout": { "total": 7 } })).await.expect(200);
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    customer.get("/portal/automation").await.expect(200);
    let refused = customer.post(&format!("/portal/automation/{plan}/approve"), &[]).await.expect(409).text();
    assert!(refused.contains("change.patch.timeout") && refused.contains("Wait longer"), "{refused}");
    assert_eq!(total(&world, &hook).await, 7);
}

#[tokio::test]
async fn who_may_not_approve_sees_plans_and_no_buttons() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let plan = propose(&world, &hook, "Wait longer", 9).await;
    let visitor = Browser::in_portal(&world, TENANT, json!({ "capabilities": ["view"] })).await;
    let page = visitor.get("/portal/automation").await.expect(200).text();
    assert!(page.contains("Wait longer") && !page.contains("/approve"), "{page}");
    visitor.post(&format!("/portal/automation/{plan}/approve"), &[]).await.expect(403);
    assert_eq!(total(&world, &hook).await, 15);
}

#[tokio::test]
async fn an_operator_decides_plans_of_a_tenant_and_looks_for_advice() {
    let world = World::new().await;
    let hook = world.hook(json!({ "timeout": { "total": 5 } })).await;
    let plan = propose(&world, &hook, "Wait longer", 9).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let base = "/console/tenants/acme/automation";
    assert!(operator.get(base).await.expect(200).text().contains("Wait longer"));
    operator.post(&format!("{base}/{plan}/approve"), &[]).await.expect(303);
    assert_eq!(total(&world, &hook).await, 9);
    assert!(operator.get(&format!("{base}/log")).await.expect(200).text().contains("Wait longer"));
    let nothing = operator.post(&format!("{base}/advise"), &[]).await.expect(303);
    let nothing = operator.get(nothing.headers["location"].to_str().unwrap()).await.expect(200).text();
    assert!(nothing.contains("There is nothing new to propose"), "{nothing}");
    world.clock.advance(std::time::Duration::from_millis(5));
    world.hook(json!({ "url": hook.url })).await;
    world.clock.advance(std::time::Duration::from_millis(5));
    let advised = operator.post(&format!("{base}/advise"), &[]).await.expect(303);
    let page = operator.get(advised.headers["location"].to_str().unwrap()).await.expect(200).text();
    assert!(page.contains("sends the same to the same address"), "{page}");
}

/// The plans as the customer and the operator see them.
async fn both_pages(world: &World) -> [String; 2] {
    let customer = Browser::in_portal_with_all(world, TENANT).await;
    let operator = Browser::in_console(world, OPERATOR).await;
    let page = customer.get("/portal/automation").await.expect(200).text();
    [page, operator.get("/console/tenants/acme/automation").await.expect(200).text()]
}

#[tokio::test]
async fn whoever_approves_an_external_plan_sees_all_that_it_changes() {
    for (change, struck_out, inserted) in [
        (json!({ "before": { "replicas": 3 }, "after": null }), Some("{&quot;replicas&quot;:3}"), None),
        (json!({ "before": "small", "after": "large" }), Some("small"), Some("large")),
        (json!({ "before": [1], "after": [1, 2] }), Some("[1]"), Some("[1,2]")),
        (json!({ "before": { "size": 1 }, "after": "gone" }), Some("{&quot;size&quot;:1}"), Some("gone")),
        (json!({ "before": 1, "after": { "size": 2 } }), Some("1"), Some("{&quot;size&quot;:2}")),
        (json!({ "before": null, "after": true }), None, Some("true")),
        (json!({ "before": { "a": 1, "b": 2 }, "after": { "b": 2 } }), Some("1"), None),
    ] {
        let world = World::new().await;
        let mut whole = json!({ "kind": "external", "target": "the cluster" });
        whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        world.post(PLANS, json!({ "title": "Change it", "change": whole })).await.expect(201);
        for page in both_pages(&world).await {
            let has = |tag: &str, what: &str, value: &str| {
                page.contains(&format!("<{tag}><span class=\"hidden\">{what}: </span>{value}</{tag}>"))
            };
            assert!(struck_out.is_none_or(|value| has("del", "before", value)), "{change}: {page}");
            assert!(inserted.is_none_or(|value| has("ins", "after", value)), "{change}: {page}");
        }
    }
}

#[tokio::test]
async fn a_plan_names_the_key_that_submitted_it_whatever_it_says_of_its_author() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let key =
        world.post("/v1/tenants/acme/keys", json!({ "scope": "planner", "name": "model" })).await.expect(201).json();
    let change = json!({ "kind": "hook", "hook": hook.id, "patch": { "name": "new" } });
    let plan = json!({ "title": "Rename it", "change": change, "proposed_by": "operator" });
    world.call("POST", PLANS, key["key"].as_str(), plan.to_string()).await.expect(201);
    for page in both_pages(&world).await {
        assert!(page.contains(&format!("<code>{}</code>", key["id"].as_str().unwrap())), "{page}");
        assert!(page.contains("calls itself “operator”"), "{page}");
    }
    let plan =
        json!({ "title": "Rename it", "change": { "kind": "hook", "hook": hook.id, "patch": { "name": "newer" } } });
    world.post(PLANS, plan).await.expect(201);
    for page in both_pages(&world).await {
        assert!(page.contains("<code>operator</code>") && page.matches("calls itself").count() == 1, "{page}");
    }
}

#[tokio::test]
async fn a_page_says_what_became_of_a_plan_that_was_approved() {
    let world = World::new().await;
    let customer = Browser::in_portal_with_all(&world, TENANT).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    for (browser, base) in [(&customer, "/portal/automation"), (&operator, "/console/tenants/acme/automation")] {
        browser.get(base).await.expect(200);
        let hook = world.hook(json!({})).await;
        let gone = propose(&world, &hook, "Wait longer", 9).await;
        world.delete(&hook.path()).await.expect(204);
        let here = world.hook(json!({})).await;
        let here = propose(&world, &here, "Wait a little longer", 9).await;
        let change = json!({ "kind": "external", "target": "replicas", "before": 2, "after": 3 });
        let external = world.post(PLANS, json!({ "title": "Grow", "change": change })).await.expect(201).json();
        for (plan, told) in [
            (gone.as_str(), "approved and could not be applied"),
            (here.as_str(), "approved and applied"),
            (external["id"].as_str().unwrap(), "Whoever proposed it applies it"),
        ] {
            let sent = browser.post(&format!("{base}/{plan}/approve"), &[]).await.expect(303);
            let page = browser.get(sent.headers["location"].to_str().unwrap()).await.expect(200).text();
            assert!(page.contains(told), "{told}: {page}");
            let others = ["could not be applied", "approved and applied", "applies it"];
            assert_eq!(others.iter().filter(|other| page.contains(*other)).count(), 1, "{page}");
        }
    }
}
