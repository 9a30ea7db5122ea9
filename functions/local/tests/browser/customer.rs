//! What a customer does: looks after hooks, finds what failed and sends it again.

use serde_json::json;

use crate::axe::Axe;
use crate::chromium::chromium;
use crate::stage::Stage;

#[tokio::test]
async fn a_customer_makes_a_hook_tests_it_finds_what_failed_sends_it_again_and_rotates_a_secret() {
    let Some(chromium) = chromium().await else { return };
    let (stage, axe) = (Stage::set().await, Axe::new());
    chromium.open(&stage.portal_link().await).await;
    chromium.until_it_says("Shop").await;
    assert_eq!(chromium.address().await, stage.at("/portal/hooks"), "the code is in no address");
    axe.look_over(&chromium, "portal-hooks").await;

    chromium.press("New hook").await;
    axe.look_over(&chromium, "portal-new-hook").await;
    chromium.fill("#name", "Newsletter").await;
    chromium.fill("#url", "ftp://127.0.0.1/").await;
    chromium.click("input[name=events][value='post.*']").await;
    chromium.press("Create").await;
    chromium.until_it_says("Not saved").await;
    axe.look_over(&chromium, "portal-new-hook-mistake").await;
    chromium.fill("#url", &stage.endpoint.at("/newsletter")).await;
    chromium.press("Create").await;
    chromium.fill("#event_type", "post.published").await;
    chromium.press("Run a test request").await;
    chromium.until_it_says("The endpoint took it.").await;
    axe.look_over(&chromium, "portal-test").await;

    chromium.press("Executions").await;
    axe.look_over(&chromium, "portal-hook-executions").await;
    chromium.click("nav.sections a[href='/portal/executions']").await;
    axe.look_over(&chromium, "portal-executions").await;
    chromium.press("Exact times").await;
    chromium.run("document.getElementById('since').value = '2020-01-01T00:00'", json!([])).await;
    chromium.choose("#status", "failed").await;
    chromium.press("Filter").await;
    chromium.until_it_is_at("status=failed").await;
    chromium.until_it_says("In ").await;
    axe.look_over(&chromium, "portal-executions-filtered").await;
    chromium.click("#live tbody a").await;
    chromium.until_it_says("answered with 500").await;
    axe.look_over(&chromium, "portal-execution").await;
    stage.endpoint.repair();
    chromium.press("Retry").await;
    // The page keeps itself up to date.
    chromium.until_it_says("answered with 200").await;
    chromium.click("#live a[href^='/portal/events/']").await;
    chromium.until_it_says("Live posts").await;
    axe.look_over(&chromium, "portal-event").await;

    chromium.click("nav.sections a[href='/portal/hooks']").await;
    chromium.press("Shop").await;
    axe.look_over(&chromium, "portal-hook").await;
    chromium.press("Settings").await;
    axe.look_over(&chromium, "portal-settings").await;
    chromium
        .run("document.querySelectorAll('main details').forEach((details) => { details.open = true; })", json!([]))
        .await;
    chromium.choose("#payload_kind", "fields").await;
    axe.look_over(&chromium, "portal-settings-fields").await;
    chromium.choose("#payload_kind", "json").await;
    chromium.fill("#payload_text", r#"{"mappings": [{"field": "text", "template": "Post: {{ data.title }}"}]}"#).await;
    chromium.fill("#event", "post-2").await;
    chromium.press("Try").await;
    chromium.until_it_says("\"text\": \"Post: Post 2\"").await;
    axe.look_over(&chromium, "portal-settings-tried").await;
    chromium.click("nav.tabs a[href$='/statistics']").await;
    chromium.until_it_says("not successful").await;
    axe.look_over(&chromium, "portal-hook-statistics").await;
    chromium.click("nav.tabs a[href$='/changes']").await;
    axe.look_over(&chromium, "portal-hook-changes").await;
    chromium.press("Send again").await;
    axe.look_over(&chromium, "portal-send-again").await;
    chromium.press("Count").await;
    chromium.until_it_says("2 would be sent again.").await;
    axe.look_over(&chromium, "portal-send-again-counted").await;
    chromium.press("Secret").await;
    axe.look_over(&chromium, "portal-secret").await;
    chromium.press("Rotate secret").await;
    chromium.click("form[action$='/secret/rotate'] button").await;
    chromium.until_it_says("Former secret").await;
    axe.look_over(&chromium, "portal-secret-rotated").await;
    chromium.click("nav.sections a[href='/portal/statistics']").await;
    chromium.until_it_says("By hook").await;
    axe.look_over(&chromium, "portal-statistics").await;
    chromium.press("Event types").await;
    axe.look_over(&chromium, "portal-catalogue").await;
    chromium.press("post.published").await;
    axe.look_over(&chromium, "portal-event-type").await;
    chromium.press("Automation").await;
    chromium.until_it_says("412").await;
    axe.look_over(&chromium, "portal-automation").await;
    chromium.press("Approve").await;
    chromium.until_it_says("The plan was approved and applied.").await;
    axe.look_over(&chromium, "portal-automation-approved").await;
    chromium.press("Adjustment Log").await;
    chromium.until_it_says("Propose to take it back").await;
    axe.look_over(&chromium, "portal-adjustment-log").await;
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
    chromium.quit().await;
}

#[tokio::test]
async fn what_an_endpoint_answered_runs_in_no_page() {
    let Some(chromium) = chromium().await else { return };
    let stage = Stage::set().await;
    let hook = json!({ "name": "<img src=x onerror=window.hit=1>", "url": stage.endpoint.at("/x?\"><script>window.hit=1</script>"),
        "description": "</textarea><script>window.hit=1</script>", "events": ["*"] });
    let hook = stage.post("/v1/tenants/acme/hooks", hook).await["id"].as_str().unwrap().to_owned();
    chromium.open(&stage.portal_link().await).await;
    chromium.until_it_says("Shop").await;
    for page in ["", "/settings", "/executions", "/secret"] {
        chromium.open(&stage.at(&format!("/portal/hooks/{hook}{page}"))).await;
        chromium.until_it_says("<img src=x onerror=window.hit=1>").await;
        assert_eq!(chromium.run("return window.hit ?? 'nothing ran'", json!([])).await, "nothing ran", "{page}");
    }
    chromium.open(&stage.at("/portal/executions?status=failed")).await;
    chromium.click("#live tbody a").await;
    chromium.until_it_says("<script>alert(1)</script>").await;
    assert_eq!(chromium.complaints().await, Vec::<String>::new());
    chromium.quit().await;
}
