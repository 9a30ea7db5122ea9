//! A server as a process of its own, over a directory that outlives it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

pub(crate) use crate::binary::{KEY, PATIENCE, binary, listening, until};

/// One client for all, made once: each has its own pool and roots.
pub(crate) fn client() -> &'static reqwest::Client {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    // A server that is killed takes its connections along; none may be used again.
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap())
}

pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: NamedTempFile,
}

/// What a request came back with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) async fn start(data: &Path) -> Self {
        Self::start_with(binary(), data, &[]).await
    }

    /// Runs `command`, which leads to the binary, and returns once it listens.
    pub(crate) async fn start_with(mut command: Command, data: &Path, flags: &[&str]) -> Self {
        command
            .args(["serve", "--allow-http", "--allow-network", "127.0.0.0/8", "--operator-key", KEY])
            .args(flags)
            .arg("--data")
            .arg(data)
            .stdout(Stdio::null());
        let (child, address, log) = listening(command).await;
        Self { child, address, log }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    async fn ask(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.bearer_auth(KEY).send().await?;
        let header = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        Ok(Answer {
            status: response.status(),
            kind: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after").map(|seconds| seconds.parse().unwrap()),
            body: response.json().await?,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        Self::ask(client().get(format!("http://{}{path}", self.address))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> reqwest::Result<Answer> {
        Self::ask(client().post(format!("http://{}{path}", self.address)).json(body)).await
    }

    pub(crate) async fn publish(&self, id: &str, data: &Value) -> reqwest::Result<Answer> {
        self.post("/v1/tenants/acme/events", &json!({"id": id, "type": "test.event", "data": data})).await
    }

    /// The tenant that all these tests use.
    pub(crate) async fn make_tenant(&self) {
        assert_eq!(self.post("/v1/tenants", &json!({"id": "acme"})).await.unwrap().status, 201);
    }

    /// A hook for everything, that tries again soon; returns its id.
    pub(crate) async fn subscribe(&self, url: &str) -> String {
        let delays = [0.2; 20];
        let hook = json!({
            "url": url, "events": ["*"], "retry": {"delays": delays}, "circuit_breaker": {"failures": 0}
        });
        let answer = self.post("/v1/tenants/acme/hooks", &hook).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// What became of each event, by its id, as the log of a hook has it.
    pub(crate) async fn fates(&self, hook: &str) -> std::collections::HashMap<String, String> {
        let mut fates = std::collections::HashMap::new();
        let mut path = format!("/v1/tenants/acme/hooks/{hook}/deliveries?limit=100");
        loop {
            let answer = self.get(&path).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            for delivery in answer.body["items"].as_array().unwrap() {
                fates.insert(text(&delivery["event_id"]), text(&delivery["status"]));
            }
            let Some(cursor) = answer.body["next_cursor"].as_str() else { return fates };
            path = format!("/v1/tenants/acme/hooks/{hook}/deliveries?limit=100&cursor={cursor}");
        }
    }
}

#[cfg(unix)]
pub(crate) async fn terminate(child: &mut Child) -> ExitStatus {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap()
}
