//! Ways into the pages: a link for an operator, and one for a customer.

use serde_json::{Value, json};

use crate::Deployment;

#[tokio::test]
async fn a_link_opens_the_console_once() {
    let deployment = Deployment::start().await;
    let printed = deployment.run("console-link").await;
    printed.succeeded();
    let (page, code) = printed.out.trim().split_once('#').unwrap();
    assert_eq!(page, format!("{}/console/enter", deployment.api));
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let enter = async || {
        let sent = browser.post(page).header("origin", &deployment.api).body(format!("code={code}"));
        sent.send().await.unwrap()
    };
    let entered = enter().await;
    assert_eq!(entered.status(), 303);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let tenants = browser.get(format!("{}/console/tenants", deployment.api)).header("cookie", cookie);
    let tenants = tenants.send().await.unwrap();
    assert_eq!(tenants.status(), 200);
    assert!(tenants.text().await.unwrap().contains(">acme<"));
    assert_eq!(enter().await.status(), 422);
}

#[tokio::test]
async fn a_customer_is_let_in_seen_and_shown_out() {
    let deployment = Deployment::start().await;
    let flags = "portal link --capabilities view,rotate --user Jane --landing /hooks --session-expires-in 60 --json";
    let link = deployment.run(flags).await.json();
    let code = link["code"].as_str().unwrap();
    assert_eq!(link["link"], format!("{}/portal/enter#{code}", deployment.api));
    assert_eq!((&link["capabilities"], &link["user"]), (&json!(["view", "rotate"]), &json!("Jane")));
    let shown = deployment.run("portal link --read-only").await;
    shown.succeeded();
    assert!(shown.out.contains("/portal/enter#hl_acme.lnk_"), "{}", shown.out);

    let enter =
        reqwest::Client::builder().no_proxy().build().unwrap().post(format!("{}/v1/portal/sessions", deployment.api));
    let session: Value = enter.json(&json!({ "code": code })).send().await.unwrap().json().await.unwrap();
    // The token works as a key does.
    let token = session["token"].as_str().unwrap();
    deployment.run_with("hooks list --key", &[token]).await.succeeded();
    let listed = deployment.run("portal sessions").await;
    assert!(listed.out.contains("Jane") && listed.out.contains("view, rotate"), "{}", listed.out);
    deployment.run(&format!("portal end {}", session["id"].as_str().unwrap())).await.succeeded();
    assert!(deployment.run_with("hooks list --key", &[token]).await.err.contains("(401)"));
    deployment.run("portal end --all").await.succeeded();
    assert_eq!(deployment.run("portal end").await.code, 2);
    let key = deployment.run("keys create --scope portal --expires-in 60 --capabilities view --json").await.json();
    assert_eq!(key["capabilities"], json!(["view"]));
}
