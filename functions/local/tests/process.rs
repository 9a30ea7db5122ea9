//! The real binary: started, killed, refused, stopped.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

const KEY: &str = "a-key-for-these-tests";
/// Far beyond what any of these waits takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    child: Child,
    address: SocketAddr,
}

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookline"));
    command.env_remove("HOOKLINE_OPERATOR_KEY").stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Server {
    async fn start(data: &Path) -> Self {
        let address = free_address();
        let child = binary()
            .args(["serve", "--allow-http", "--allow-network", "127.0.0.0/8", "--operator-key", KEY])
            .args(["--listen", &address.to_string(), "--data"])
            .arg(data)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address };
        until("the server answers", || async {
            client().get(format!("http://{address}/healthz")).send().await.is_ok_and(|r| r.status().is_success())
        })
        .await;
        server
    }

    async fn post(&self, path: &str, body: &Value) -> reqwest::Result<(StatusCode, Value)> {
        let request = client().post(format!("http://{}{path}", self.address)).bearer_auth(KEY).json(body);
        let response = request.send().await?;
        Ok((response.status(), response.json().await?))
    }

    async fn subscribe(&self, receiver: SocketAddr) {
        let (status, _) = self.post("/v1/tenants", &json!({"id": "acme"})).await.unwrap();
        assert_eq!(status, 201);
        let delays = [0.2; 20];
        let hook = json!({"url": format!("http://{receiver}/"), "events": ["*"], "retry": {"delays": delays}});
        let (status, answer) = self.post("/v1/tenants/acme/hooks", &hook).await.unwrap();
        assert_eq!(status, 201, "{answer}");
    }
}

/// One client for all, made once: each has its own pool and roots.
fn client() -> &'static reqwest::Client {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    // A server that is killed takes its connections along; none may be used again.
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap())
}

async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let poll = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, poll).await.is_ok(), "waited in vain until {what}");
}

/// Numbers of the events that arrived.
type Arrived = Arc<Mutex<Vec<u64>>>;

async fn receiver() -> (SocketAddr, Arrived) {
    async fn receive(State(arrived): State<Arrived>, body: Bytes) {
        let event: Value = serde_json::from_slice(&body).unwrap();
        arrived.lock().unwrap().push(event["data"]["number"].as_u64().unwrap());
    }
    let arrived = Arrived::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(receive).with_state(Arc::clone(&arrived));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, arrived)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_kill_9_arrives_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (receiver, arrived) = receiver().await;
    let server = Arc::new(tokio::sync::Mutex::new(Server::start(directory.path()).await));
    server.lock().await.subscribe(receiver).await;
    let address = server.lock().await.address;

    let accepted: Arc<Mutex<HashSet<u64>>> = Arc::default();
    let mut publishers = JoinSet::new();
    for publisher in 0..8_u64 {
        let accepted = Arc::clone(&accepted);
        publishers.spawn(async move {
            for number in (publisher..2_000).step_by(8) {
                let event = json!({"type": "test.event", "data": {"number": number}});
                let request = client().post(format!("http://{address}/v1/tenants/acme/events")).bearer_auth(KEY);
                match request.json(&event).send().await {
                    Ok(response) if response.status() == 202 => accepted.lock().unwrap().insert(number),
                    _ => return,
                };
            }
        });
    }
    until("some events were accepted", || async { accepted.lock().unwrap().len() > 500 }).await;
    server.lock().await.child.kill().await.unwrap();
    publishers.join_all().await;

    let accepted = accepted.lock().unwrap().clone();
    assert!(accepted.len() < 2_000, "the server was killed in the middle");
    let _restarted = Server::start(directory.path()).await;
    until("everything accepted has arrived", || async {
        let arrived: HashSet<u64> = arrived.lock().unwrap().iter().copied().collect();
        accepted.is_subset(&arrived)
    })
    .await;
}

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
        .args(["--retention-days", "0", "--max-in-flight", "many"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let log = String::from_utf8(output.stderr).unwrap();
    for flag in ["--listen", "--allow-network", "--operator-key", "--retention-days", "--max-in-flight"] {
        assert!(log.contains(flag), "{flag} is not in {log}");
    }
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
    server.subscribe(address).await;
    server.post("/v1/tenants/acme/events", &json!({"type": "x", "data": {"number": 1}})).await.unwrap();
    reached.notified().await;
    assert!(terminate(&mut server.child).await.success());
    answered.notified().await;

    let server = Server::start(directory.path()).await;
    let url = format!("http://{}/v1/tenants/acme/hooks", server.address);
    let hooks: Value = client().get(&url).bearer_auth(KEY).send().await.unwrap().json().await.unwrap();
    let hook = hooks["items"][0]["id"].as_str().unwrap();
    let log = client().get(format!("{url}/{hook}/deliveries")).bearer_auth(KEY).send().await.unwrap();
    let log: Value = log.json().await.unwrap();
    assert_eq!(log["items"][0]["status"], "succeeded", "{log}");
    assert_eq!(log["items"][0]["attempt_count"], 1, "{log}");
}

#[cfg(unix)]
async fn terminate(child: &mut Child) -> ExitStatus {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap()
}
