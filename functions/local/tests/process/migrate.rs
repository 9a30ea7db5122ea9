//! Directories of older versions, converted and served.

use std::path::{Path, PathBuf};
use std::process::Output;

use axum::Router;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::{Server, binary, client, terminate, until};

/// What an older version has left, and what is known of it.
struct Old {
    folder: TempDir,
    facts: Value,
}

impl Old {
    fn unpack(archive: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/upgrades").join(archive);
        let mut tar = std::process::Command::new("tar");
        assert!(tar.arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap().success());
        let facts = std::fs::read(folder.path().join("facts.json")).unwrap();
        Self { folder, facts: serde_json::from_slice(&facts).unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("format-1")
    }

    fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().unwrap()
    }
}

async fn run(data: &Path, arguments: &[&str]) -> Output {
    binary().args(arguments).arg("--data").arg(data).output().await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_server_starts_on_a_converted_directory_and_delivers_what_had_waited() {
    for archive in ["format-1-killed.tar.gz", "format-1-stopped.tar.gz"] {
        let old = Old::unpack(archive);
        let data = old.data();
        let refused = run(&data, &["serve", "--listen", "127.0.0.1:0"]).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("hookline migrate --data"), "{refused:?}");

        let migrated = run(&data, &["migrate"]).await;
        assert!(migrated.status.success(), "{migrated:?}");
        let said = text(&migrated.stdout);
        assert!(said.contains("is of format 2 now") && said.contains("format-1/format-1"), "{said}");
        let again = run(&data, &["migrate"]).await;
        assert_eq!(again.status.code(), Some(1));
        assert!(text(&again.stderr).contains("format 2 already"), "{again:?}");

        serves_what_it_held(&old, &data).await;
    }
}

#[tokio::test]
async fn a_server_starts_on_the_directory_of_an_earlier_release_and_delivers_what_had_waited() {
    for archive in ["format-2-killed.tar.gz", "format-2-stopped.tar.gz"] {
        let old = Old::unpack(archive);
        serves_what_it_held(&old, &old.folder.path().join("format-2")).await;
    }
}

async fn serves_what_it_held(old: &Old, data: &Path) {
    let mut server = Server::start(data).await;
    let hooks = format!("/v1/tenants/acme/hooks/{}", old.fact("hook"));
    let status = async |key: &str| {
        let request = client().get(format!("http://{}{hooks}", server.address)).bearer_auth(key);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(old.fact("works")).await, 200);
    assert_eq!(status(old.fact("revoked")).await, 401, "a key that was revoked stays so");
    let other = format!("/v1/tenants/globex/hooks/{}", old.fact("other_hook"));
    assert_eq!(server.get(&other).await.unwrap().body["url"], "http://127.0.0.1:1/other");

    let fates = server.fates(old.fact("hook")).await;
    let mut events: Vec<&str> = fates.keys().map(String::as_str).collect();
    events.sort_unstable();
    let early = ["early-0", "early-1", "early-2"];
    assert_eq!(events, [&early[..], &["late-0", "late-1", "late-2", "late-3", "late-4"]].concat());
    assert!(fates.values().all(|fate| fate != "succeeded"), "{fates:?}");
    let address = format!("http://{}{hooks}", server.address);
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = json!({"url": format!("http://{}/", receiver.local_addr().unwrap())});
    tokio::spawn(async move { axum::serve(receiver, Router::new().fallback(async || "")).await });
    let moved = client().patch(address).bearer_auth(old.fact("works")).json(&hook);
    assert_eq!(moved.send().await.unwrap().status(), 200);
    until("what had waited has succeeded", || async {
        server.fates(old.fact("hook")).await.values().all(|fate| fate == "succeeded")
    })
    .await;
    assert!(terminate(&mut server.child).await.success());
}

#[tokio::test]
async fn a_torn_tail_is_named_and_converted_only_when_that_is_accepted() {
    let old = Old::unpack("format-1-stopped.tar.gz");
    let journal = old.data().join("0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.push(1);
    std::fs::write(&journal, bytes).unwrap();
    let refused = run(&old.data(), &["migrate"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let log = text(&refused.stderr);
    assert!(log.contains("0.jnl from byte") && log.contains("--accept-torn-tail"), "{log}");
    let accepted = run(&old.data(), &["migrate", "--accept-torn-tail"]).await;
    assert!(accepted.status.success(), "{accepted:?}");
}
