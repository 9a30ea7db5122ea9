//! What an operator does: finds what fails and why, over all tenants, and puts it right.

use serde_json::json;

use crate::axe::Axe;
use crate::binary::until;
use crate::chromium::{Chromium, chromium};
use crate::stage::Stage;

async fn enter(chromium: &Chromium, stage: &Stage) {
    chromium.open(&stage.console_link().await).await;
    until("the overview is there", || async { chromium.address().await == stage.at("/console/overview") }).await;
}

#[tokio::test]
async fn an_operator_finds_what_fails_and_why_an_event_did_not_arrive_and_opens_the_portal_as_the_tenant() {
    let Some(chromium) = chromium().await else { return };
    let (stage, axe) = (Stage::set().await, Axe::new());
    enter(&chromium, &stage).await;
    chromium.until_it_says("Shop").await;
    axe.look_over(&chromium, "console-overview").await;
    chromium.press("Failing hooks").await;
    chromium.until_it_says("answered with 500").await;
    axe.look_over(&chromium, "console-failing").await;
    chromium.press("Resting").await;
    chromium.until_it_says("No circuit is open").await;
    axe.look_over(&chromium, "console-failing-none").await;
    chromium.press("Failing hooks").await;
    chromium.until_it_says("answered with 500").await;
    chromium.press("Shop").await;
    axe.look_over(&chromium, "console-hook").await;

    // Why did the customer not get the event?
    chromium.press("Events").await;
    axe.look_over(&chromium, "console-events").await;
    chromium.fill("#id_prefix", "post-2").await;
    chromium.press("Filter").await;
    until("the filter applies", || async { chromium.address().await.contains("id_prefix=post-2") }).await;
    chromium.press("post.published").await;
    chromium.until_it_says("expected [\"live\"]").await;
    axe.look_over(&chromium, "console-event").await;

    chromium.press("Deliveries").await;
    axe.look_over(&chromium, "console-deliveries").await;
    chromium.choose("#status", "failed").await;
    chromium.press("Filter").await;
    until("the filter applies", || async { chromium.address().await.contains("status=failed") }).await;
    chromium.press("post.published").await;
    chromium.until_it_says("answered with 500").await;
    axe.look_over(&chromium, "console-delivery").await;
    stage.endpoint.repair();
    chromium.press("Send again").await;
    chromium.until_it_says("answered with 200").await;

    chromium.press("Tenants").await;
    axe.look_over(&chromium, "console-tenants").await;
    chromium.fill("#search", "corporation").await;
    chromium.press("Search").await;
    until("the search applies", || async { chromium.address().await.contains("search=") }).await;
    chromium.press("globex").await;
    axe.look_over(&chromium, "console-tenant").await;
    for (tab, shot) in [
        ("Settings", "console-tenant-settings"),
        ("Keys", "console-tenant-keys"),
        ("Audit", "console-tenant-audit"),
        ("Statistics", "console-tenant-statistics"),
        ("Replays", "console-tenant-replays"),
        ("Automation", "console-tenant-automation"),
        ("Portal", "console-tenant-portal"),
    ] {
        let path = format!("nav.tabs a[href$='/{}']", tab.to_lowercase());
        chromium.click(&path).await;
        axe.look_over(&chromium, shot).await;
    }
    chromium.press("Make a link").await;
    chromium.until_it_says("It is shown once").await;
    chromium.press("Open the portal as this tenant").await;
    until("the portal is open", || async { chromium.address().await == stage.at("/portal/hooks") }).await;
    chromium.until_it_says("Everything").await;
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
    chromium.quit().await;
}

#[tokio::test]
async fn an_operator_sees_the_request_of_a_profile_while_typing_and_looks_after_the_rest() {
    let Some(chromium) = chromium().await else { return };
    let (stage, axe) = (Stage::set().await, Axe::new());
    enter(&chromium, &stage).await;
    chromium.press("Profiles").await;
    axe.look_over(&chromium, "console-profiles").await;
    chromium.press("New profile").await;
    axe.look_over(&chromium, "console-profile-new").await;
    chromium.fill("#name", "mine").await;
    chromium.fill("#settings", r#"{"headers": [{"name": "x-team", "value": "blue"}], "method": "PUT"}"#).await;
    // Nothing was pressed.
    chromium.until_it_says("x-team: blue").await;
    chromium.fill("#settings", r#"{"rate_limit": "many"}"#).await;
    chromium.until_it_says("No request can be made of this").await;
    axe.look_over(&chromium, "console-profile-mistake").await;
    chromium.fill("#settings", r#"{"headers": [{"name": "x-team", "value": "blue"}]}"#).await;
    chromium.press("Save").await;
    until("it is made", || async { chromium.address().await.ends_with("/console/profiles/mine") }).await;
    axe.look_over(&chromium, "console-profile").await;

    chromium.press("Event types").await;
    axe.look_over(&chromium, "console-event-types-none").await;
    chromium.press("New event type").await;
    chromium.fill("#name", "order.paid").await;
    chromium.fill("#schema", r#"{"type": "objekt"}"#).await;
    chromium.press("Create").await;
    chromium.until_it_says("expected").await;
    axe.look_over(&chromium, "console-event-type-mistake").await;
    chromium.fill("#schema", r#"{"type": "object"}"#).await;
    chromium.press("Create").await;
    chromium.until_it_says("Created").await;
    chromium.press("Event types").await;
    axe.look_over(&chromium, "console-event-types").await;
    chromium.press("Import and export").await;
    axe.look_over(&chromium, "console-event-types-import").await;

    chromium.press("Dead letters").await;
    axe.look_over(&chromium, "console-dead-letters").await;
    chromium.press("Doctor").await;
    axe.look_over(&chromium, "console-doctor").await;
    chromium.press("Tenants").await;
    chromium.press("Cost").await;
    chromium.until_it_says("On this page").await;
    axe.look_over(&chromium, "console-cost").await;
    chromium.press("Keys").await;
    axe.look_over(&chromium, "console-keys").await;
    chromium.fill("#name", "Deploys").await;
    chromium.press("Create").await;
    chromium.until_it_says("It is shown this once").await;
    chromium.press("Audit").await;
    chromium.until_it_says("profile mine").await;
    axe.look_over(&chromium, "console-audit").await;

    // Several at once, counted and asked first.
    chromium.press("Failing hooks").await;
    chromium.click("input[name=chosen]").await;
    chromium.press("Disable").await;
    chromium.until_it_says("Disable 1 hook?").await;
    axe.look_over(&chromium, "console-batch").await;
    chromium.press("Disable 1 hook").await;
    chromium.until_it_says("No hook fails").await;
    let hooks = stage.get("/v1/tenants/acme/hooks?name=Shop").await;
    assert_eq!(hooks["items"][0]["enabled"], json!(false), "{hooks}");

    let shop = hooks["items"][0]["id"].as_str().unwrap().to_owned();
    chromium.open(&stage.at(&format!("/console/tenants/acme/hooks/{shop}"))).await;
    chromium.press("Enable").await;
    chromium.until_it_says("Enabled").await;
    chromium.press("Send again").await;
    axe.look_over(&chromium, "console-replays").await;
    chromium.press("Count first").await;
    chromium.until_it_says("3 deliveries were found.").await;
    axe.look_over(&chromium, "console-replay").await;
    for page in ["login", "enter", "components"] {
        chromium.open(&stage.at(&format!("/console/{page}"))).await;
        axe.look_over(&chromium, &format!("console-{page}")).await;
    }
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
    chromium.quit().await;
}
