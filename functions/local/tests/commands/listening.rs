//! `hookline listen`: what it verifies, and how it answers.

use super::*;

#[tokio::test]
async fn listen_refuses_what_it_cannot_verify_with() {
    for (line, told) in [
        ("--signature v9", "expected JSON or one of v1, "),
        ("--profile none-such", "neither a file nor one of standard"),
        ("--secret plain", "whsec_"),
        ("--profile stripe --secret whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "--signature v1a"),
        ("--answer {", "expected JSON"),
    ] {
        let mut command = binary();
        command.args(["listen", "--listen", "127.0.0.1:0"]).args(line.split(' '));
        let said = run(command).await;
        assert!(said.code == 2 && said.err.contains(told), "{line}: {}", said.err);
    }
}

/// Lets the server sign, and `listen` verify, with a secret that fits and one that does not.
async fn verified(hook: &[&str], secret: &str, listen: &[&str], wrong: &str) {
    let deployment = Deployment::start().await;
    for (n, (given, expected)) in [(secret, "signature: valid"), (wrong, "signature: INVALID")].into_iter().enumerate()
    {
        let receiver = deployment.listen(&[listen, &["--secret", given]].concat()).await;
        let create = format!("hooks create --json --event only.{n} --url {}?own=1", receiver.url);
        deployment.run_with(&create, &[hook, &["--set", r#"retry={"delays":[]}"#]].concat()).await.json();
        let event = format!("events publish --type only.{n} --id e-{n} --data");
        deployment.run_with(&event, &[r#"{"n":1.0}"#]).await.succeeded();
        let delivery = deployment.settled(&format!("e-{n}")).await;
        let code = if n == 0 { 200 } else { 401 };
        assert_eq!(delivery["last_attempt"]["status_code"], code, "{delivery}\n{}", receiver.received());
        assert!(receiver.received().contains(expected), "{}", receiver.received());
    }
}

/// Lets an endpoint consent as its kind of verification has it, and get an event.
async fn consents(kind: &str, settings: &[&str], profile: &str) {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--profile", profile, "--secret", WHSEC]).await;
    let create = format!("hooks create --json --event {kind} --url {}?own=1 --secret {WHSEC}", receiver.url);
    let hook = deployment.run_with(&create, settings).await.json();
    let verify = format!("hooks verify {} --json", hook["id"].as_str().unwrap());
    let asked = deployment.run_with(&verify, &[]).await.json();
    assert_eq!(asked["result"], "success", "{asked}\n{}", receiver.received());
    deployment.run_with(&format!("events publish --type {kind} --id e-1 --data"), &[r#"{"n":1.0}"#]).await.succeeded();
    let delivery = deployment.settled("e-1").await;
    assert_eq!(delivery["status"], "succeeded", "{delivery}\n{}", receiver.received());
    assert!(!receiver.received().contains("INVALID"), "{}", receiver.received());
}

#[tokio::test]
async fn listen_returns_challenges_and_consents_to_options() {
    consents("challenged", &["--profile", "mcp"], "mcp").await;
    consents(
        "asked",
        &["--set", r#"verification={"required":true,"kind":"options","origin":"hooks.example.com"}"#],
        "standard",
    )
    .await;
}

const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[tokio::test]
async fn listen_verifies_the_requests_of_built_in_profiles() {
    for profile in ["automrktr", "github", "stripe", "oktopost"] {
        let hook = ["--profile", profile, "--name", "Mine", "--secret", "plain text"];
        verified(&hook, "plain text", &["--profile", profile], "another text").await;
    }
    let hook = ["--profile", "svix", "--secret", WHSEC];
    verified(&hook, WHSEC, &["--profile", "svix"], OTHER).await;
}

#[tokio::test]
async fn listen_verifies_ed25519_with_the_public_key() {
    let hook = ["--secret", WHSK, "--set", r#"signatures=[{"scheme":"v1a"}]"#];
    let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    verified(&hook, public, &["--signature", "v1a"], "whpk_1cR4dH6EM7p4L7hq5ZBSTTV9YkYS0z2Lk0p5Bu6yYBs=").await;
}

#[tokio::test]
async fn listen_verifies_the_query_of_get_requests_and_signatures_given_as_json() {
    let signature = r#"{"scheme":"hmac_sha256","header":"X-Sum","prefix":"p=","encoding":"base64","key":"whsec"}"#;
    let setting = format!("signatures=[{signature}]");
    let hook = ["--secret", WHSEC, "--method", "GET", "--set", &setting];
    verified(&hook, WHSEC, &["--signature", signature], OTHER).await;
}

#[tokio::test]
async fn listen_returns_the_verification_key_in_body_and_header() {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--verification-key", "abc123"]).await;
    let response = reqwest::get(&receiver.url).await.unwrap();
    assert_eq!(response.headers()["webhook-verification"], "abc123");
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"verification_key": "abc123"}));
}
