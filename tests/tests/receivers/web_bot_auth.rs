//! Requests that the deployment signs itself, as verifiers of Web Bot Auth take them behind a reverse
//! proxy.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tests::receivers;
use tests::server::Server;
use tests::world::OPERATOR;

const ORIGIN: &str = "https://hooks.example.com";

/// A program that prints the port on which it listens, and ends when its standard input does.
struct Listening {
    process: Child,
    port: u16,
}

impl Listening {
    fn start(mut program: Command, arguments: &[String]) -> Self {
        program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = program.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { port: port.trim().parse().expect("it prints its port"), process }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

struct Case {
    client: reqwest::Client,
    api: String,
}

impl Case {
    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.api)).bearer_auth(OPERATOR);
        let reply = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn rotate(&self, signs_after: u32) -> Value {
        let rotated = json!({ "signs_after": signs_after, "overlap": 600 });
        self.post("/v1/identity/rotate", rotated).await["keys"].take()
    }

    async fn hook(&self, port: u16, signature: Value) -> String {
        let body = json!({ "url": format!("http://127.0.0.1:{port}/in/%C3%A4?a=b&c=%20"), "events": ["*"],
                           "signatures": [{ "scheme": "v1" }, signature] });
        let hook = self.post("/v1/tenants/acme/hooks", body).await;
        format!("/v1/tenants/acme/hooks/{}", hook["id"].as_str().unwrap())
    }

    /// The key that verified a request, or why none did.
    async fn verified(&self, hook: &str) -> Value {
        let tested = self.post(&format!("{hook}/test"), json!({ "data": { "text": "\u{e4}" } })).await;
        serde_json::from_str(tested["response"]["body"].as_str().unwrap()).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "it asks the API of this test, and no customer")]
#[tokio::test(flavor = "multi_thread")]
async fn verifiers_behind_a_reverse_proxy_take_what_is_signed_through_a_rotation() {
    let Some(verifier) = receivers::node_script("web-bot-auth", &["web-bot-auth@0.1.3"], "web_bot_auth.mjs") else {
        return;
    };
    let packages = ["http-message-signatures==3.0.0"];
    let Some(python) = receivers::python("http-message-signatures", &packages) else { return };
    let server = Server::start_as(Some(ORIGIN)).await;
    let case = Case { client: reqwest::Client::new(), api: format!("http://{}", server.address) };
    let directory = format!("{}/.well-known/http-message-signatures-directory", case.api);
    let mut program = Command::new(python);
    program.arg(receivers::script("web_bot_auth.py"));
    let javascript = Listening::start(verifier, std::slice::from_ref(&directory));
    let python = Listening::start(program, &[directory, ORIGIN.to_owned()]);
    let behind_proxy = |port: u16, change: &str| {
        let mut proxy = Command::new("node");
        proxy.arg(receivers::script("proxy.mjs"));
        Listening::start(proxy, &[port.to_string(), change.to_owned()])
    };
    let proxies = [(&javascript, ""), (&python, ""), (&python, "body"), (&python, "host")];
    let proxies = proxies.map(|(to, change)| behind_proxy(to.port, change));
    case.post("/v1/tenants", json!({ "id": "acme" })).await;
    let first = case.rotate(0).await;
    let all = json!(["@authority", "@method", "@path", "@query", "content-digest"]);
    let signature = |form: &str| json!({ "scheme": "http_message", "components": all, "agent_form": form });
    let mut hooks = vec![case.hook(proxies[0].port, signature("text")).await];
    for form in ["dictionary", "text"] {
        hooks.push(case.hook(proxies[1].port, signature(form)).await);
    }
    hooks.push(case.hook(proxies[1].port, json!({ "scheme": "http_message" })).await);
    for hook in &hooks {
        assert_eq!(case.verified(hook).await, json!({ "verified": first[0]["key_id"], "agent": ORIGIN }));
    }
    let second = case.rotate(600).await;
    assert_eq!(second[1]["key_id"], first[0]["key_id"]);
    for hook in &hooks {
        assert_eq!(case.verified(hook).await["verified"], first[0]["key_id"], "the new one is listed first");
    }
    let third = case.rotate(0).await;
    for hook in &hooks {
        assert_eq!(case.verified(hook).await["verified"], third[0]["key_id"]);
    }
    for proxy in &proxies[2..] {
        let hook = case.hook(proxy.port, signature("dictionary")).await;
        assert!(case.verified(&hook).await["error"].is_string(), "what a proxy does change is noticed");
    }
}
