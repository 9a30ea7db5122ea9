//! What an operator sets up and looks up: tenants, links, profiles, event types, keys.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{Check, Doctor};
use domain::audit::TargetKind;
use domain::capability::Capability;
use domain::delivery::Status;
use domain::key::Scope;
use serde_json::json;
use tests::browser::Browser;
use tests::world::{OPERATOR, World};

#[tokio::test]
async fn a_tenant_is_made_changed_and_deleted_and_mistakes_stand_at_their_fields() {
    let world = World::new().await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    operator.get("/console/tenants").await.expect(200);
    let wrong = operator.post("/console/tenants", &[("id", "a b"), ("name", "Kept")]).await.expect(422).text();
    assert!(wrong.contains("id=\"id-mistake\"") && wrong.contains("value=\"Kept\""), "{wrong}");
    let made = operator.post("/console/tenants", &[("id", "new"), ("name", "New one")]).await.expect(303);
    assert_eq!(made.headers["location"], "/console/tenants/new?done=created");
    let page = operator.get("/console/tenants/new").await.expect(200).text();
    assert!(page.contains("No hooks yet") && page.contains("--tenant new"), "{page}");
    let settings = "/console/tenants/new/settings";
    assert!(operator.get(settings).await.expect(200).text().contains("&quot;name&quot;: &quot;New one&quot;"));
    operator.post(settings, &[("settings", r#"{"name": "Renamed", "rate_limit": 7}"#)]).await.expect(303);
    let tenant = world.get("/v1/tenants/new").await.expect(200).json();
    assert_eq!((&tenant["name"], &tenant["rate_limit"]), (&json!("Renamed"), &json!(7)));
    for (text, told) in
        [("{", "settings-mistake"), (r#"{"rate_limit": "x"}"#, "rate_limit"), (r#"{"nonsense": 1}"#, "nonsense")]
    {
        let page = operator.post(settings, &[("settings", text)]).await.expect(422).text();
        assert!(page.contains(told), "{told}: {page}");
    }
    operator.post("/console/tenants/new/delete", &[]).await.expect(303);
    world.get("/v1/tenants/new").await.expect(404);
}

#[tokio::test]
async fn saving_the_settings_of_a_tenant_untouched_changes_nothing() {
    let world = World::new().await;
    world.patch("/v1/tenants/acme", json!({ "rate_limit": 5, "portal": { "theme": "dark" } })).await.expect(200);
    let before = world.get("/v1/tenants/acme").await.expect(200).json();
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/tenants/acme/settings").await.expect(200).text();
    let text = page.split_once("<textarea").unwrap().1.split_once('>').unwrap().1.split_once("</textarea>").unwrap().0;
    let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    operator.post("/console/tenants/acme/settings", &[("settings", &text)]).await.expect(303);
    let mut after = world.get("/v1/tenants/acme").await.expect(200).json();
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_link_into_the_portal_has_just_what_was_ticked_and_an_operator_gets_in_at_once() {
    let world = World::new().await;
    world.hook(json!({ "name": "Billing" })).await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let path = "/console/tenants/acme/portal";
    operator.get(path).await.expect(200);
    let fields = [("capabilities", "view"), ("capabilities", "test"), ("user", "Jane"), ("landing", "/executions")];
    let page = operator.post(path, &fields).await.expect(200).text();
    let code = page.split_once("/portal/enter#").unwrap().1.split_once('<').unwrap().0.to_owned();
    let customer = Browser::new(&world);
    let entered = customer.post("/portal/enter", &[("code", &code)]).await.expect(303);
    assert_eq!(entered.headers["location"], "/portal/executions");
    let page = operator.get(path).await.expect(200).text();
    assert!(page.contains("Jane") && page.contains("view, test"), "{page}");
    let session = page.split_once("name=\"session\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    operator.post(&format!("{path}/end"), &[("session", &session)]).await.expect(303);
    customer.get("/portal/hooks").await.expect(303);
    let wrong =
        operator.post(path, &[("user", "Jane"), ("landing", "https://evil.example.com")]).await.expect(422).text();
    assert!(wrong.contains("class=\"wrong\"") || wrong.contains("field wrong"), "{wrong}");

    let opened = operator.post(&format!("{path}/open"), &[]).await.expect(303);
    let code = opened.headers["location"].to_str().unwrap().strip_prefix("/portal/enter#").unwrap().to_owned();
    let inside = Browser::new(&world);
    inside.post("/portal/enter", &[("code", &code)]).await.expect(303);
    assert!(inside.get("/portal/hooks").await.expect(200).text().contains("Billing"));
    let sessions = world.get("/v1/tenants/acme/portal-sessions").await.expect(200).json();
    let all: Vec<_> = Capability::ALL.iter().filter(|one| **one != Capability::RevealSecret).collect();
    assert_eq!(sessions["items"][0]["capabilities"], json!(all), "an operator may do there what they may do here");
    let audit = operator.get("/console/tenants/acme/audit").await.expect(200).text();
    assert!(audit.contains("An operator, from the console"), "{audit}");
}

#[tokio::test]
async fn a_profile_shows_its_request_before_it_is_saved() {
    let world = World::new().await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/profiles").await.expect(200).text();
    assert!(page.contains(">standard<") && page.contains("built in"), "{page}");
    let page = operator.get("/console/profiles/standard").await.expect(200).text();
    assert!(page.contains("webhook-signature: v1,") && !page.contains("name=\"settings\""), "{page}");
    operator.get("/console/profiles/new").await.expect(200);
    let fields = [
        ("name", "mine"),
        ("settings", r#"{"headers": [{"name": "x-team", "value": "<blue>"}]}"#),
        ("event_type", "order.paid"),
    ];
    let page = operator.post("/console/profiles/new/preview", &fields).await.expect(200).text();
    assert!(page.contains("x-team: &lt;blue&gt;") && page.contains("order.paid"), "{page}");
    world.get("/v1/profiles/mine").await.expect(404);
    operator.post("/console/profiles/new", &fields).await.expect(303);
    let own = "/console/profiles/mine";
    operator.get(own).await.expect(200);
    operator.post(own, &[("settings", r#"{"method": "PUT"}"#)]).await.expect(303);
    assert_eq!(world.get("/v1/profiles/mine").await.expect(200).json()["method"], "PUT");
    for (settings, told) in
        [("{", "settings-mistake"), (r#"{"rate_limit": "x"}"#, "rate_limit"), ("[]", "settings-mistake")]
    {
        let page = operator.post(&format!("{own}/preview"), &[("settings", settings)]).await.expect(422).text();
        assert!(page.contains(told) && page.contains("No request can be made"), "{told}: {page}");
    }
    operator.post(&format!("{own}/delete"), &[]).await.expect(303);
    world.get("/v1/profiles/mine").await.expect(404);
}

#[tokio::test]
async fn event_types_are_edited_with_their_schema_and_imported_for_all_tenants_or_for_one() {
    let world = World::new().await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    for (pages, route) in [
        ("/console/event-types", "/v1/event-types"),
        ("/console/tenants/acme/event-types", "/v1/tenants/acme/event-types"),
    ] {
        assert!(operator.get(pages).await.expect(200).text().contains("No event types yet"));
        let new = format!("{pages}/new");
        operator.get(&new).await.expect(200);
        let fields = [("name", "order.paid"), ("schema", r#"{"type": "objekt"}"#), ("example", "{")];
        let wrong = operator.post(&new, &fields).await.expect(422).text();
        assert!(wrong.contains("id=\"example-mistake\"") && wrong.contains("objekt"), "{wrong}");
        let wrong = operator.post(&new, &fields[..2]).await.expect(422).text();
        assert!(wrong.contains("id=\"schema-mistake\""), "{wrong}");
        let right = [
            ("name", "order.paid"),
            ("schema", r#"{"type": "object", "properties": {"total": {"type": "number"}}}"#),
            ("example", r#"{"total": 5}"#),
        ];
        operator.post(&new, &right).await.expect(303);
        let own = format!("{pages}/type/order.paid");
        assert!(operator.get(&own).await.expect(200).text().contains("&quot;total&quot;"));
        operator.post(&own, &[("description", "Paid"), ("deprecated", "true")]).await.expect(303);
        let kind = world.get(&format!("{route}/order.paid")).await.expect(200).json();
        assert_eq!(
            (&kind["description"], &kind["deprecated"], &kind["schema"]),
            (&json!("Paid"), &json!(true), &json!(null))
        );
        let import = format!("{pages}/import");
        assert!(operator.get(&import).await.expect(200).text().contains("order.paid"));
        let document = r#"{"event_types": [{"name": "order.sent"}]}"#;
        let fields = [("catalogue", document), ("deleting", "order.paid")];
        let told = operator.post(&import, &fields).await.expect(200).text();
        assert!(told.contains("1 created") && told.contains("1 deleted"), "{told}");
        let wrong = operator.post(&import, &[("catalogue", "{\"event_types\": [{}]}")]).await.expect(422).text();
        assert!(wrong.contains("event_types[0]"), "{wrong}");
        operator.post(&format!("{pages}/type/order.sent/delete"), &[]).await.expect(303);
        world.get(&format!("{route}/order.sent")).await.expect(404);
    }
}

#[tokio::test]
async fn keys_are_made_shown_once_with_their_last_use_and_revoked() {
    let world = World::new().await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    for (path, route, fields) in [
        ("/console/keys", "/v1/tenants", vec![("name", "Deploys <1>"), ("expires_in", "7")]),
        ("/console/tenants/acme/keys", "/v1/tenants/acme/hooks", vec![("name", "Deploys <1>"), ("scope", "tenant")]),
    ] {
        operator.get(path).await.expect(200);
        let page = operator.post(path, &fields).await.expect(200).text();
        let key = page.split_once("<code>hl_").map(|(_, rest)| format!("hl_{}", rest.split_once('<').unwrap().0));
        let key = key.unwrap_or_else(|| panic!("{page}"));
        world.call("GET", route, Some(&key), "").await.expect(200);
        let page = operator.get(path).await.expect(200).text();
        assert!(!page.contains(&key) && page.contains("Deploys &lt;1&gt;"), "{page}");
        let id = key.split('.').nth(1).unwrap();
        operator.post(&format!("{path}/revoke"), &[("key", id)]).await.expect(303);
        world.call("GET", route, Some(&key), "").await.expect(401);
        let wrong =
            operator.post(path, &[("name", "x"), ("expires_in", "soon"), ("scope", "tenant")]).await.expect(422);
        assert!(wrong.text().contains("id=\"expires_in-mistake\""), "{}", wrong.text());
    }
}

#[tokio::test]
async fn the_audit_trail_shows_what_it_was_and_what_it_is() {
    let world = World::new().await;
    world.patch("/v1/tenants/acme", json!({ "name": "Acme <b>" })).await.expect(200);
    let hook = world.hook(json!({ "name": "Before" })).await;
    world.patch(&hook.path(), json!({ "name": "After" })).await.expect(200);
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/audit?kind=tenant").await.expect(200).text();
    assert!(page.contains("Acme &lt;b&gt;") && page.contains("<ins>"), "{page}");
    for path in ["/console/tenants/acme/audit".to_owned(), format!("/console/tenants/acme/hooks/{}/audit", hook.id)] {
        let page = operator.get(&path).await.expect(200).text();
        assert!(page.contains("before: </span>Before</del>") && page.contains("after: </span>After</ins>"), "{page}");
    }
}

/// Says of a deployment on AWS what that one's doctor says.
struct OnAws;

#[async_trait]
impl Doctor for OnAws {
    async fn examine(&self) -> Vec<Check> {
        let fix = "fix the cause, then: aws sqs start-message-move-task --source-arn arn:aws:sqs:eu-west-1:1:dead --destination-arn arn:aws:sqs:eu-west-1:1:events";
        vec![
            Check::warning("dead_letters.events", "3 messages could not be processed", fix),
            Check::ok("dead_letters.retries", "none"),
            Check::ok("queue.events", "0 waiting"),
        ]
    }
}

#[tokio::test]
async fn where_dead_letters_are_in_sqs_the_page_shows_how_many_and_the_command_that_sends_them_back() {
    let mut world = World::new().await;
    world.rewire(|engine| engine.api.doctor = Arc::new(OnAws));
    let operator = Browser::in_console(&world, OPERATOR).await;
    let page = operator.get("/console/dead-letters").await.expect(200).text();
    for told in [
        "Dead letters are in SQS",
        "3 messages could not be processed",
        ">aws sqs start-message-move-task",
        "dead_letters.retries",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("queue.events"), "{page}");
    assert!(operator.get("/console/overview").await.expect(200).text().contains(">in 1 queue<"));
    assert!(operator.get("/console/doctor").await.expect(200).text().contains("queue.events"));
}

#[tokio::test]
async fn whatever_can_be_chosen_has_its_place_on_the_page() {
    let world = World::new().await;
    let operator = Browser::in_console(&world, OPERATOR).await;
    // Operators' keys have a page of their own, and a limited key is a portal key with capabilities.
    let scopes = Scope::ALL.iter().filter(|scope| !matches!(scope, Scope::Operator | Scope::Limited));
    // Of an adjustment, not of an entry of the audit trail.
    let targets = TargetKind::ALL.iter().filter(|kind| **kind != TargetKind::External);
    // Nobody can look for what was deleted.
    let statuses = Status::ALL.iter().filter(|status| **status != Status::Deleted);
    for (path, names) in [
        ("/console/tenants/acme/portal", Capability::ALL.iter().map(|capability| capability.as_str()).collect()),
        ("/console/tenants/acme/keys", scopes.map(|scope| scope.as_str()).collect()),
        ("/console/audit", targets.map(|kind| kind.as_str()).collect()),
        ("/console/deliveries", statuses.map(|status| status.as_str()).collect::<Vec<_>>()),
    ] {
        let page = operator.get(path).await.expect(200).text();
        for name in names {
            assert!(page.contains(&format!("value=\"{name}\"")), "{path} has no {name}: {page}");
        }
    }
}
