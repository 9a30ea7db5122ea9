//! Started, refused, stopped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::receiver::Receiver;
use crate::support::{KEY, PATIENCE, Server, binary, client, terminate, until};
use crate::visitor::Visitor;

#[tokio::test]
async fn a_second_process_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Server::start(directory.path()).await;
    let second =
        binary().args(["--operator-key", KEY, "--listen", "127.0.0.1:0", "--data"]).arg(directory.path()).output();
    let second = tokio::time::timeout(PATIENCE, second).await.unwrap().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let log = String::from_utf8(second.stderr).unwrap();
    assert!(log.contains("is in use by another hookline process"), "{log}");
}

#[tokio::test]
async fn every_mistake_of_the_configuration_is_told_and_the_exit_code_is_2() {
    let output = binary()
        .args(["--listen", "nowhere", "--allow-network", "somewhere", "--operator-key", "short"])
        .args(["--allow-port", "any", "--ca-file", "/no/such/file", "--egress-proxy", "socks5://user:hush@proxy"])
        .args(["--retention-days", "0", "--max-in-flight", "many", "--min-free-mib", "some"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let log = String::from_utf8(output.stderr).unwrap();
    let flags =
        ["--listen", "--allow-network", "--operator-key", "--retention-days", "--max-in-flight", "--min-free-mib"];
    for flag in flags.into_iter().chain(["--allow-port", "--ca-file", "--egress-proxy"]) {
        assert!(log.contains(flag), "{flag} is not in {log}");
    }
    assert!(!log.contains("hush"), "a proxy's password is a secret: {log}");
    assert!(!log.contains("short"), "a key is a secret, also when it is a bad one: {log}");
}

#[tokio::test]
async fn an_operator_key_that_was_cut_short_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("operator-key"), "").unwrap();
    let output = binary().args(["--listen", "127.0.0.1:0", "--data"]).arg(directory.path()).output();
    let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("holds no operator key"), "{log}");
}

async fn rotate_keys(data: &Path) -> std::process::Output {
    binary().args(["keys", "rotate", "--data"]).arg(data).output().await.unwrap()
}

#[tokio::test]
async fn a_master_key_is_added_by_command_and_taken_up_by_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let early = rotate_keys(directory.path()).await;
    assert_eq!(early.status.code(), Some(1));
    assert!(String::from_utf8(early.stderr).unwrap().contains("when the server first starts"));

    Server::start(directory.path()).await.child.kill().await.unwrap();
    let rotated = rotate_keys(directory.path()).await;
    assert!(rotated.status.success());
    let said = String::from_utf8(rotated.stdout).unwrap();
    let file = std::fs::read_to_string(directory.path().join("keys")).unwrap();
    let keys: Vec<Value> = serde_json::from_str(&file).unwrap();
    assert_eq!(keys.len(), 2);
    assert!(said.contains(keys[0]["id"].as_str().unwrap()), "{said}");
    assert!(!said.contains(keys[0]["key"].as_str().unwrap()));
    Server::start(directory.path()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_demo_opens_with_pages_that_have_something_to_see_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = binary().args(["demo", "--events", "2"]).env("TMPDIR", directory.path()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("Ctrl-C ends the demo") {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        said += &(line.unwrap_or_else(|| panic!("it ended: {said}")) + "\n");
    }
    for line in ["succeeded  2 attempt(s), last answer 200", "succeeded  1 attempt(s), last answer 200"] {
        assert!(said.contains(line), "{said}");
    }

    let link = |page: &str| {
        let (before, code) = said.split_once(&format!("{page}#")).unwrap_or_else(|| panic!("{page}: {said}"));
        let (base, code) = (before.rsplit(' ').next().unwrap(), code.lines().next().unwrap());
        (base.to_owned(), code.to_owned())
    };
    let shown = async |area: &str, page: &str| {
        let (base, code) = link(&format!("/{area}/enter"));
        Visitor::enter(&base, &format!("/{area}/enter"), "code", &code).await.get(page).await
    };
    let failing = shown("console", "/console/failing").await;
    assert!(failing.contains(">Shop<") && failing.contains(">CRM<") && !failing.contains(">Billing<"), "{failing}");
    let hooks = shown("portal", "/portal/hooks").await;
    for hook in ["receiver", "Billing", "Shop", "CRM", "Warehouse", "Orders in dollars"] {
        assert!(hooks.contains(hook), "{hook}: {hooks}");
    }

    assert!(terminate(&mut demo).await.success());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_stop_finishes_what_is_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let answered = Arc::new(tokio::sync::Notify::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, reached) = (listener.local_addr().unwrap(), Arc::new(tokio::sync::Notify::new()));
    let slow = {
        let (answered, reached) = (Arc::clone(&answered), Arc::clone(&reached));
        move || {
            let (answered, reached) = (Arc::clone(&answered), Arc::clone(&reached));
            async move {
                reached.notify_one();
                tokio::time::sleep(Duration::from_millis(500)).await;
                answered.notify_one();
            }
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(slow)).await });

    let mut server = Server::start(directory.path()).await;
    server.make_tenant().await;
    let hook = server.subscribe(&format!("http://{address}/")).await;
    server.publish("one", &json!(1)).await.unwrap();
    reached.notified().await;
    assert!(terminate(&mut server.child).await.success());
    answered.notified().await;

    let server = Server::start(directory.path()).await;
    let log = server.get(&format!("/v1/tenants/acme/hooks/{hook}/deliveries")).await.unwrap().body;
    assert_eq!(log["items"][0]["status"], "succeeded", "{log}");
    assert_eq!(log["items"][0]["attempt_count"], 1, "{log}");
}

#[tokio::test]
async fn what_every_delivery_counts_is_told_under_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let (receiver, server) = (Receiver::start().await, Server::start(directory.path()).await);
    server.make_tenant().await;
    server.subscribe(&receiver.steady()).await;
    for (id, number) in [("a", 1), ("b", 2), ("a", 1)] {
        assert_eq!(server.publish(id, &json!({ "number": number })).await.unwrap().status, 202);
    }
    let expected = [
        "hookline_events_accepted 3",
        r#"hookline_events_fanned_out{result="new"} 2"#,
        r#"hookline_events_fanned_out{result="duplicate"} 1"#,
        r#"hookline_attempts{outcome="success"} 2"#,
        r#"hookline_deliveries_settled{status="succeeded"} 2"#,
        "hookline_attempt_duration_seconds_count 2",
        "hookline_first_attempt_delay_seconds_count 2",
    ];
    let told = async || {
        let asked = client().get(format!("http://{}/metrics", server.address)).bearer_auth(KEY);
        asked.send().await.unwrap().text().await.unwrap()
    };
    until("all is counted", async || {
        let told = told().await;
        expected.iter().all(|line| told.lines().any(|other| other == *line))
    })
    .await;
}
