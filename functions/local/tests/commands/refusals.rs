//! What is refused, by the command line itself and by the deployment, and how a script learns of it.

use crate::binary::binary;
use crate::{Deployment, nowhere, run};

#[tokio::test]
async fn a_tenants_key_needs_no_tenant_and_a_wrong_one_exits_with_1() {
    let deployment = Deployment::start().await;
    let key = deployment.run("keys create --scope tenant --json").await.json();
    let mut command = deployment.command();
    command.env_remove("HOOKLINE_TENANT").args(["hooks", "list", "--json", "--key", key["key"].as_str().unwrap()]);
    assert_eq!(run(command).await.json()["total"], 0);

    let revoke = format!("keys revoke {} -y", key["id"].as_str().unwrap());
    deployment.run(&revoke).await.succeeded();
    for wrong in [key["key"].as_str().unwrap(), "wrong"] {
        let said = deployment.run_with("hooks list --key", &[wrong]).await;
        assert!(said.code == 1 && said.err.contains("(401)") && said.out.is_empty(), "{}", said.err);
    }
}

#[tokio::test]
async fn an_address_that_nobody_could_follow_is_no_public_url() {
    let mut command = binary();
    command.args(["serve", "--temporary", "--public-url", "hooks.example.com"]);
    let said = run(command).await;
    assert_eq!(said.code, 2);
}

#[tokio::test]
async fn refused_fields_are_told_by_name() {
    let deployment = Deployment::start().await;
    let said = deployment.run("hooks create --url http://127.0.0.1:1/ --event a..b --set rate_limit=-1").await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("rate_limit"), "{}", said.err);
}

#[tokio::test]
async fn usage_errors_exit_with_2_and_ask_nothing() {
    let (_socket, api) = nowhere();
    for (line, told) in [
        ("hooks lst", "unrecognized subcommand"),
        ("hooks list --key k", "no tenant"),
        ("hooks list --tenant t", "no key"),
        ("hooks get .. --key k --tenant t", "is no id"),
        ("hooks create --key k --tenant t --set retry=soon", "not JSON"),
        ("hooks create --key k --tenant t --set retry", "FIELD=JSON"),
        ("hooks update h --enabled --disabled", "cannot be used with"),
        ("events publish --key k --tenant t", "--type"),
        ("events publish --key k --tenant t --type a --data {", "not JSON"),
    ] {
        let mut command = binary();
        command.args(line.split(' ')).args(["--api", &api]);
        let said = run(command).await;
        assert_eq!(said.code, 2, "{line}: {}", said.err);
        assert!(said.err.contains(told), "{line}: {}", said.err);
    }
}

#[tokio::test]
async fn where_nothing_answers_the_caller_learns_what_to_do() {
    let (_socket, api) = nowhere();
    let mut command = binary();
    command.args(["tenants", "list", "--key", "k", "--api", &api]);
    let said = run(command).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("hookline serve") && said.err.contains("--api"), "{}", said.err);
}
