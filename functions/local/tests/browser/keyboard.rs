//! The keyboard alone, and no scripts at all.

use serde_json::json;

use crate::binary::until;
use crate::chromium::{Chromium, chromium};
use crate::stage::Stage;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";

/// Goes on with the Tab key until the focus is there.
async fn tab_to(chromium: &Chromium, css: &str) {
    for _ in 0..120 {
        if chromium.run("return document.activeElement.matches(arguments[0])", json!([css])).await == true {
            let script = "return getComputedStyle(document.activeElement).outlineStyle";
            assert_ne!(chromium.run(script, json!([])).await, "none", "whoever tabs to {css} sees where");
            return;
        }
        chromium.keys(TAB).await;
    }
    panic!("the Tab key does not come to {css}");
}

#[tokio::test]
async fn a_hook_is_made_with_the_keyboard_alone() {
    let Some(chromium) = chromium().await else { return };
    let stage = Stage::set().await;
    chromium.open(&stage.portal_link().await).await;
    chromium.until_it_says("Shop").await;
    chromium.keys(TAB).await;
    assert_eq!(chromium.run("return document.activeElement.className", json!([])).await, "skip");
    chromium.keys(ENTER).await;
    tab_to(&chromium, "a[href='/portal/hooks/new']").await;
    chromium.keys(ENTER).await;
    until("the form is there", || async { chromium.address().await.ends_with("/new") }).await;
    tab_to(&chromium, "#name").await;
    chromium.keys("Typed").await;
    tab_to(&chromium, "#url").await;
    chromium.keys(&stage.endpoint.at("/typed")).await;
    tab_to(&chromium, "input[name=events][value='post.*']").await;
    chromium.keys(SPACE).await;
    chromium.keys(ENTER).await;
    until("the hook is made", || async { chromium.address().await.contains("/test") }).await;
    let hooks = stage.get("/v1/tenants/acme/hooks?name=Typed").await;
    assert_eq!(hooks["items"][0]["events"], json!(["post.*"]), "{hooks}");
    chromium.quit().await;
}

#[tokio::test]
async fn without_scripts_a_customer_gets_in_makes_a_hook_tests_it_and_sends_again() {
    let Some(chromium) = chromium().await else { return };
    let stage = Stage::set().await;
    chromium.allow_scripts(false).await;
    let link = stage.portal_link().await;
    let (page, code) = link.split_once('#').unwrap();
    chromium.open(page).await;
    chromium.fill("#code", code).await;
    chromium.press("Continue").await;
    chromium.press("New hook").await;
    chromium.fill("#name", "Plain").await;
    chromium.fill("#url", &stage.endpoint.at("/plain")).await;
    chromium.click("input[name=events][value='post.*']").await;
    chromium.press("Create").await;
    chromium.fill("#event_type", "post.published").await;
    chromium.press("Run a test request").await;
    chromium.click("#result").await;
    stage.endpoint.repair();
    chromium.open(&stage.at("/portal/executions?status=failed")).await;
    chromium.click("#live tbody a").await;
    chromium.press("Retry").await;
    until("it was sent again", || async {
        let again = stage.get("/v1/tenants/acme/deliveries?status=succeeded&limit=100").await;
        again["items"].as_array().unwrap().iter().any(|one| one["attempt_count"] == 2)
    })
    .await;
    chromium.quit().await;
}
