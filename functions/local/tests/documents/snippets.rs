//! How README says that requests are verified: every language is held against a
//! real delivery, against one that was changed, and against an old one.

use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use contract::ports::{Clock as _, SystemClock};
use domain::secret::Secret;
use domain::signature::standard_webhooks;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::binary::{KEY, PATIENCE, binary, clean, listening};
use crate::markdown::{blocks, read};

const SECRET: &str = "whsec_dGhpcyBpcyBhbiBleGFtcGxlIG9mIGEgc2VjcmV0IQ==";

/// A request as an endpoint gets it.
#[derive(Clone)]
struct Request {
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// With another body under the same signature.
    fn changed(&self) -> Self {
        let mut body = self.body.to_vec();
        body[10] ^= 1;
        Self { body: body.into(), ..self.clone() }
    }

    /// As it was signed an hour ago.
    fn old(&self) -> Self {
        let at = SystemClock.now().as_secs() - 3_600;
        let signature = standard_webhooks([&Secret::new(SECRET)], self.header("webhook-id"), at, &self.body).unwrap();
        let mut headers = self.headers.clone();
        headers.insert("webhook-timestamp", at.into());
        headers.insert("webhook-signature", signature.parse().unwrap());
        Self { headers, body: self.body.clone() }
    }
}

/// What the server sends for an event, both in the middle of a rotation.
async fn delivered() -> Request {
    let directory = tempfile::tempdir().unwrap();
    let mut server = binary();
    server.args(["serve", "--allow-http", "--allow-network", "127.0.0.0/8", "--operator-key", KEY, "--data"]);
    server.arg(directory.path().join("data")).stdout(std::process::Stdio::null());
    let (_server, address, _log) = listening(server).await;
    let (sender, mut received) = mpsc::channel(1);
    let receive = async |State(sender): State<mpsc::Sender<Request>>, headers: HeaderMap, body: Bytes| {
        sender.send(Request { headers, body }).await.unwrap();
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().fallback(receive).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, body: serde_json::Value| {
        let request = client.post(format!("http://{address}/v1{path}")).bearer_auth(KEY).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json::<serde_json::Value>().await.unwrap()
    };
    post("/tenants", json!({"id": "acme"})).await;
    let hook = post("/tenants/acme/hooks", json!({"url": url, "events": ["*"], "secret": SECRET})).await;
    let rotate = format!("/tenants/acme/hooks/{}/secret/rotate", hook["id"].as_str().unwrap());
    post(&rotate, json!({})).await;
    post("/tenants/acme/events", json!({"type": "post.published", "data": {"title": "Grüße, 世界"}})).await;
    tokio::time::timeout(PATIENCE, received.recv()).await.unwrap().unwrap()
}

fn snippet(language: &str) -> String {
    let mut found = blocks("README.md").into_iter().filter(|block| block.language == language);
    let snippet = found.next().unwrap_or_else(|| panic!("README.md verifies nothing in {language}"));
    assert!(found.next().is_none(), "README.md has one block in {language}");
    snippet.text
}

/// Runs `program` on a request. None where there is no such program.
async fn accepts(mut program: Command, directory: &Path, request: &Request) -> Option<Result<(), String>> {
    let body = directory.join("body");
    std::fs::write(&body, &request.body).unwrap();
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    program.arg(SECRET).args(names.map(|name| request.header(name))).arg(body).current_dir(directory);
    let output = match tokio::time::timeout(PATIENCE, clean(program).output()).await.unwrap() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    let complaint = String::from_utf8(output.stderr).unwrap();
    Some(if output.status.success() { Ok(()) } else { Err(complaint) })
}

/// `program` verifies what it is given as arguments: the secret, the three
/// headers, and a file with the body.
#[expect(clippy::print_stdout, reason = "who runs the tests should see what was left out")]
async fn verifies(language: &str, directory: &Path, program: impl Fn() -> Command) {
    let request = delivered().await;
    match accepts(program(), directory, &request).await {
        Some(verified) => assert_eq!(verified, Ok(()), "{language}"),
        None => return println!("skipped: {language} is not installed here"),
    }
    let complaint = |said: Option<Result<(), String>>| said.unwrap().expect_err("it is refused");
    let changed = complaint(accepts(program(), directory, &request.changed()).await);
    assert!(changed.contains("signature is wrong"), "{language}: {changed}");
    let old = complaint(accepts(program(), directory, &request.old()).await);
    assert!(old.contains("old"), "{language}: {old}");
}

#[tokio::test]
async fn a_delivery_is_verified_in_python_as_the_readme_says() {
    let directory = tempfile::tempdir().unwrap();
    let main = "import sys\n*headers, path = sys.argv[1:]\nverify(*headers, open(path, 'rb').read())\n";
    std::fs::write(directory.path().join("check.py"), snippet("python") + "\n" + main).unwrap();
    verifies("Python", directory.path(), || {
        let mut python = Command::new("python3");
        python.arg("check.py");
        python
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_verified_in_javascript_as_the_readme_says() {
    let directory = tempfile::tempdir().unwrap();
    let main = "import { readFileSync } from 'node:fs';\nconst given = process.argv.slice(2);\n\
                verify(...given.slice(0, 4), readFileSync(given[4]));\n";
    std::fs::write(directory.path().join("check.mjs"), snippet("javascript") + "\n" + main).unwrap();
    verifies("Node.js", directory.path(), || {
        let mut node = Command::new("node");
        node.arg("check.mjs");
        node
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_verified_in_go_as_the_readme_says() {
    let directory = tempfile::tempdir().unwrap();
    let main = "package main\n\nimport \"os\"\n\nfunc main() {\n\tbody, _ := os.ReadFile(os.Args[5])\n\
                \tif err := verify(os.Args[1], os.Args[2], os.Args[3], os.Args[4], body); err != nil {\n\
                \t\tprintln(err.Error())\n\t\tos.Exit(1)\n\t}\n}\n";
    for (name, text) in [
        ("verify.go", format!("package main\n\n{}", snippet("go"))),
        ("main.go", main.to_owned()),
        ("go.mod", "module check\n\ngo 1.20\n".to_owned()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    verifies("Go", directory.path(), || {
        let mut go = Command::new("go");
        go.args(["run", "."]).env("GOTOOLCHAIN", "local").env("GOPROXY", "off");
        go
    })
    .await;
}

mod in_rust {
    use axum::http;

    include!("verify.rs");

    pub(super) fn accepts(request: &super::Request) -> Result<(), WebhookError> {
        verify(super::SECRET, &request.headers, &request.body)
    }
}

#[tokio::test]
async fn a_delivery_is_verified_in_rust_as_the_readme_says() {
    assert_eq!(snippet("rust"), read("functions/local/tests/documents/verify.rs"), "what is compiled is what is shown");
    let request = delivered().await;
    in_rust::accepts(&request).unwrap();
    assert!(in_rust::accepts(&request.changed()).unwrap_err().to_string().contains("invalid"));
    assert!(in_rust::accepts(&request.old()).unwrap_err().to_string().contains("old"));
}
