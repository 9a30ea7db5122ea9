//! A server with customers whose hooks go well, fail and filter, and an endpoint for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tokio::process::Child;

use crate::binary::{KEY, binary, listening, until};

pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: Endpoint,
    client: reqwest::Client,
    _child: Child,
    _log: NamedTempFile,
    _data: TempDir,
}

/// Answers 200; below `/shop` an error, until it is repaired.
#[derive(Clone)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    is_repaired: Arc<AtomicBool>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Self { address: listener.local_addr().unwrap(), is_repaired: Arc::default() };
        let answer = async |State(endpoint): State<Self>, uri: Uri| {
            let is_fine = !uri.path().starts_with("/shop") || endpoint.is_repaired.load(Ordering::SeqCst);
            match is_fine {
                true => (StatusCode::OK, r#"{"taken":true}"#),
                false => (StatusCode::INTERNAL_SERVER_ERROR, "<h1>Internal error</h1> <script>alert(1)</script>"),
            }
        };
        let router = Router::new().fallback(answer).with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn repair(&self) {
        self.is_repaired.store(true, Ordering::SeqCst);
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = binary();
        command.args(["serve", "--allow-http", "--allow-network", "127.0.0.0/8", "--operator-key", KEY]);
        command.arg("--data").arg(data.path());
        let (child, address, log) = listening(command).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let endpoint = Endpoint::start().await;
        let stage = Self { address, endpoint, client, _child: child, _log: log, _data: data };
        stage.fill().await;
        stage
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.client.get(self.at(path)).bearer_auth(KEY).send().await.unwrap();
        assert!(response.status().is_success(), "GET {path}: {}", response.status());
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.client.post(self.at(path)).bearer_auth(KEY).json(&body).send().await.unwrap();
        let status = response.status();
        let answer = response.text().await.unwrap();
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    pub(crate) async fn portal_link(&self) -> String {
        let all = ["view", "manage", "reveal_secret", "rotate", "test", "send_again", "approve"];
        let asked = json!({ "capabilities": all, "user": "Jane, jane@acme.example" });
        let link = self.post("/v1/tenants/acme/portal-links", asked).await;
        link["link"].as_str().unwrap().to_owned()
    }

    /// What `hookline console-link` makes.
    pub(crate) async fn console_link(&self) -> String {
        let key = self.post("/v1/keys", json!({ "name": console::LINK_NAME, "expires_in": 600 })).await;
        self.at(&format!("/console/enter#{}", key["key"].as_str().unwrap()))
    }

    /// A plan that waits for somebody, with all that one can have.
    async fn propose(&self, tenant: &str) {
        let hooks = self.get(&format!("/v1/tenants/{tenant}/hooks")).await;
        let change =
            json!({ "kind": "hook", "hook": hooks["items"][0]["id"], "patch": { "timeout": { "total": 20 } } });
        let period = ("2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z");
        let plan = json!({
            "title": "Give the endpoint 20 s to answer, not 15 s",
            "change": change,
            "evidence": [{ "name": "attempts that ran into the time-out", "value": 412, "since": period.0,
                "until": period.1, "source": format!("/v1/tenants/{tenant}/counts?group_by=outcome") }],
            "impact": { "text": "Late answers count as successes.",
                "numbers": [{ "name": "time-out", "before": 15, "after": 20, "unit": "s" }] },
        });
        self.post(&format!("/v1/tenants/{tenant}/plans"), plan).await;
    }

    async fn fill(&self) {
        for (id, name) in [("acme", "Acme"), ("globex", "Globex Corporation"), ("initech", "Initech")] {
            self.post("/v1/tenants", json!({ "id": id, "name": name })).await;
            for (kind, description) in [
                ("post.published", "A post went out"),
                ("post.failed", "A post could not go out"),
                ("user.created", ""),
            ] {
                let schema = json!({ "type": "object", "properties": { "title": { "type": "string" } } });
                let kind = json!({ "name": kind, "description": description, "schema": schema, "example": { "title": "Hello" } });
                self.post(&format!("/v1/tenants/{id}/event-types"), kind).await;
            }
        }
        let hook = |name: &str, path: &str, more: Value| {
            let mut hook = json!({ "name": name, "url": self.endpoint.at(path), "events": ["post.*"],
                "log_response_body": true, "retry": { "delays": [], "jitter": 0 }, "circuit_breaker": { "failures": 0 } });
            hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            hook
        };
        self.post("/v1/tenants/acme/hooks", hook("Billing", "/billing", json!({}))).await;
        self.post("/v1/tenants/acme/hooks", hook("Shop", "/shop", json!({}))).await;
        let filtered = json!({ "filter": { "state": ["live"] } });
        self.post("/v1/tenants/acme/hooks", hook("Live posts", "/live", filtered)).await;
        self.post("/v1/tenants/globex/hooks", hook("Everything", "/globex", json!({ "events": ["*"] }))).await;
        for tenant in ["acme", "globex"] {
            self.propose(tenant).await;
        }
        let paused = hook("Paused", "/paused", json!({ "enabled": false }));
        self.post("/v1/tenants/initech/hooks", paused).await;
        for number in 1..=3 {
            let event = json!({ "id": format!("post-{number}"), "type": "post.published",
                "data": { "title": format!("Post {number}"), "state": "draft" } });
            self.post("/v1/tenants/acme/events", event).await;
        }
        self.post("/v1/tenants/globex/events", json!({ "id": "user-1", "type": "user.created", "data": {} })).await;
        until("all is delivered", || async {
            let acme = self.get("/v1/tenants/acme/deliveries?limit=100").await;
            let globex = self.get("/v1/tenants/globex/deliveries").await;
            acme["items"].as_array().unwrap().len() == 6 && globex["items"].as_array().unwrap().len() == 1
        })
        .await;
    }
}
