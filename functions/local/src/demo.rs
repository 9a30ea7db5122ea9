//! `hookline demo`: server, receiver and sample events in one go, over real sockets.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Parser as _;
use serde_json::{Value, json};

use crate::cli::{Cli, Command, DemoOptions};
use crate::listen;
use crate::serve::{Server, stop_signal};

/// How long the demo waits for its own deliveries.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
/// A secret of the demo's own, so that its receiver can be told before its hook exists.
const SECRET: &str = "whsec_aG9va2xpbmUtZGVtby1zZWNyZXQtMDEyMzQ1Njc=";

pub(crate) async fn run(options: DemoOptions) -> anyhow::Result<()> {
    let flags = ["hookline", "listen", "--listen", "127.0.0.1:0", "--secret", SECRET, "--fail", "1"];
    let Some(Command::Listen(receiver)) = Cli::try_parse_from(flags)?.command else {
        bail!("the flags of the demo's receiver are wrong");
    };
    let (receiver, receiving) = listen::start(receiver).await?;
    tokio::spawn(receiving);
    let flags = [
        "hookline",
        "serve",
        "--temporary",
        "--listen",
        "127.0.0.1:0",
        "--allow-http",
        "--allow-network",
        "127.0.0.0/8",
    ];
    let Some(Command::Serve(serve)) = Cli::try_parse_from(flags)?.command else {
        bail!("the demo's own flags are wrong");
    };
    let server = Server::start(serve).await?;
    let url = format!("http://{receiver}/webhooks");
    let result = tokio::select! {
        result = play(&server, &url, options.events) => result,
        signal = stop_signal() => signal.and_then(|()| bail!("interrupted")),
    };
    server.stop().await;
    result
}

async fn play(server: &Server, receiver: &str, events: u32) -> anyhow::Result<()> {
    let api = Api::new(server)?;
    api.post("/v1/tenants", &json!({"id": "demo", "name": "Demo"})).await?;
    let hook = api
        .post(
            "/v1/tenants/demo/hooks",
            &json!({
                "name": "The demo's receiver", "url": receiver, "events": ["post.*"], "secret": SECRET,
                "retry": {"delays": [1, 5], "jitter": 0}
            }),
        )
        .await?;
    say("A hook was created; its receiver fails once, so one retry will follow after a second.\n");
    for number in 1..=events {
        let event = json!({"type": "post.published", "data": {"post_id": number, "title": format!("Post {number}")}});
        api.post("/v1/tenants/demo/events", &event).await?;
    }
    let id = hook["id"].as_str().context("the hook has no id")?;
    let log = api.log_when_settled(&format!("/v1/tenants/demo/hooks/{id}/deliveries?limit=100"), events).await?;
    say("The log of the hook, newest first:");
    for delivery in &log {
        say(&format!(
            "   {}  {}  {} attempt(s), last answer {}",
            delivery["event_id"].as_str().unwrap_or_default(),
            delivery["status"].as_str().unwrap_or_default(),
            delivery["attempt_count"],
            delivery["last_attempt"]["status_code"],
        ));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "telling what happens is what this command is for")]
fn say(text: &str) {
    println!("{text}");
}

struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    fn new(server: &Server) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { client, base: format!("http://{}", server.address), key: server.operator_key.clone() })
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.key).json(body);
        let response = request.send().await?;
        let status = response.status();
        let answer = response.json().await?;
        ensure!(status.is_success(), "POST {path} answered {status}: {answer}");
        Ok(answer)
    }

    async fn log_when_settled(&self, path: &str, events: u32) -> anyhow::Result<Vec<Value>> {
        let settled = async {
            loop {
                let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
                let log: Value = request.send().await?.json().await?;
                let items = log["items"].as_array().cloned().unwrap_or_default();
                let done = items.iter().filter(|delivery| delivery["status"] == "succeeded").count();
                if done >= events.min(100) as usize {
                    return anyhow::Ok(items);
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.context("the deliveries did not arrive in time")?
    }
}
