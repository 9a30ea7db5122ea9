//! What a start takes, after customers have written to their hooks for a while.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Server, client};

/// Hooks that are changed at the same time, as large as they may be.
const HOOKS: usize = 4;
const CHANGES: usize = 150;
/// A start needs less than this many times what it needs over an empty store.
const MOST: f64 = 2.0;

/// The most memory that it has had so far, in MiB.
fn peak(server: &Server) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024.0
}

/// Nearly as large as a hook can be, and another one for each `number`.
fn settings(number: usize) -> Value {
    let long = |name: &str, bytes: usize| format!("{name}-{number}-{}", "x".repeat(bytes));
    let headers = (0..6).map(|n| json!({ "name": format!("X-{n}"), "value": long("h", 4_000) }));
    let mappings = (0..15).map(|n| json!({ "field": format!("f{n}"), "value": long("v", 4_000) }));
    json!({
        "description": long("d", 1_900), "headers": headers.collect::<Vec<_>>(),
        "payload": { "mappings": mappings.collect::<Vec<_>>() },
        "channels": (0..50).map(|n| format!("c{n}-{}", "y".repeat(100))).collect::<Vec<_>>(),
        "filter": { "a": [ "z".repeat(4_000) ] },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_needs_no_more_memory_after_customers_have_changed_their_hooks_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    server.make_tenant().await;
    let key = json!({ "scope": "portal", "expires_in": 3600 });
    let portal = server.post("/v1/tenants/acme/keys", &key).await.unwrap().body["key"].as_str().unwrap().to_owned();
    let at_first = peak(&server);
    join_all((0..HOOKS).map(|number| change(&server, &portal, number))).await;
    println!("changing them: {:.0} MiB", peak(&server));
    kill(server).await;

    let server = Server::start(directory.path()).await;
    let listed = server.get("/v1/tenants/acme/hooks").await.unwrap();
    assert_eq!(listed.body["total"], HOOKS);
    let after = peak(&server);
    println!("a start over an empty directory: {at_first:.0} MiB, afterwards: {after:.0} MiB");
    assert!(after < MOST * at_first, "{after:.0} MiB, {at_first:.0} MiB at first");
    kill(server).await;
}

async fn kill(mut server: Server) {
    server.child.kill().await.unwrap();
}

async fn change(server: &Server, portal: &str, number: usize) {
    let events: Vec<_> = (0..50).map(|n| format!("type{number}.{n}.{}", "e".repeat(100))).collect();
    let hook = json!({ "url": "http://127.0.0.1:80/", "events": events });
    let made = server.post("/v1/tenants/acme/hooks", &hook).await.unwrap();
    let path = format!("http://{}/v1/tenants/acme/hooks/{}", server.address, made.body["id"].as_str().unwrap());
    for number in 0..CHANGES {
        let request = client().patch(&path).bearer_auth(portal).json(&settings(number));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
}
