//! nginx and Caddy in front of a server, as `infra/` has them: only names, addresses and places of files are others.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::binary::{KEY, until};
use crate::tools::{program, read, server};

/// A proxy in front of a server.
struct Proxied {
    _server: Child,
    _proxy: Child,
    client: reqwest::Client,
    directory: TempDir,
}

/// Of this machine, for one proxy of this process: the port is the same everywhere.
fn front(proxy: u8) -> SocketAddr {
    let [.., process, other] = std::process::id().to_be_bytes();
    (Ipv4Addr::new(127, 240 + proxy, process, other.clamp(1, 254)), 8443).into()
}

fn replaced(file: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(read(file), |text, (from, to)| {
        assert!(text.contains(from), "{file} has no {from}");
        text.replace(from, to)
    })
}

impl Proxied {
    async fn start(front: SocketAddr, prepare: impl AsyncFnOnce(&Path, SocketAddr) -> Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (server, address) = server(&directory.path().join("data")).await;
        let mut command = prepare(directory.path(), address).await;
        let log = std::fs::File::create(directory.path().join("proxy.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        let proxy = command.spawn().unwrap();
        let is_login = |url: &reqwest::Url| url.path() == "/console/login";
        let redirects = reqwest::redirect::Policy::custom(move |attempt| match is_login(attempt.url()) {
            true => attempt.follow(),
            false => attempt.stop(),
        });
        let builder = reqwest::Client::builder().no_proxy().redirect(redirects).resolve("hooks.example.com", front);
        let client = builder.danger_accept_invalid_certs(true).build().unwrap();
        let proxied = Self { _server: server, _proxy: proxy, client, directory };
        let is_up =
            async || proxied.client.get(url("/healthz")).send().await.is_ok_and(|answer| answer.status() == 200);
        until("the proxy answers", is_up).await;
        proxied
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.client.post(url(path)).bearer_auth(KEY).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(url(path)).bearer_auth(KEY).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Keys, bodies of several MiB and encoded paths reach the server; the metrics stay within.
    async fn passes_all_but_metrics_on(&self) {
        assert_eq!(self.post("/v1/tenants", &json!({"id": "acme"})).await.0, 201);
        let events: Vec<Value> =
            (0..30).map(|n| json!({"id": format!("e:{n}"), "type": "a", "data": "x".repeat(100_000)})).collect();
        let (status, answer) = self.post("/v1/tenants/acme/events/batch", &json!({ "events": events })).await;
        assert_eq!(status, 202, "{answer}");
        until("an event is found by its encoded id", async || {
            self.get("/v1/tenants/acme/events/e%3A29").await.0 == 200
        })
        .await;
        let large = json!({"type": "a", "data": "x".repeat(5 << 20)});
        for _ in 0..5 {
            let sent = self.client.post(url("/v1/tenants/acme/events")).bearer_auth(KEY).json(&large).send().await;
            let status = sent.as_ref().map(|answer| answer.status().as_u16());
            assert!(matches!(status, Ok(413)), "{sent:?}");
        }
        assert_eq!(self.get("/metrics").await.0, 403);
    }

    /// The server learns by which name it was asked. A browser that tells nothing better than the origin can log
    /// in, and the cookie that only this machine may bring in the clear is not taken.
    async fn keeps_the_name_that_was_asked_for(&self) {
        let form = self.client.post(url("/console/login")).header("origin", url("")).body(format!("key={KEY}"));
        let entered = form.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        let cookie = entered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let (name, session) = cookie.split_once('=').unwrap();
        for (name, is_taken) in [(name, true), (name.trim_start_matches("__Host-"), false)] {
            let asked = self.client.get(url("/console/overview")).header("cookie", format!("{name}={session}"));
            let page = asked.send().await.unwrap().text().await.unwrap();
            assert_eq!(page.contains("<h1>Overview</h1>"), is_taken, "{name}: {page}");
            assert_ne!(page.contains("<h1>Log in</h1>"), is_taken, "{name}: {page}");
        }
    }
}

impl Drop for Proxied {
    #[expect(clippy::print_stderr, reason = "a test that fails tells what its proxy said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("proxy.log"));
            eprintln!("the proxy said: {}", log.unwrap_or_default());
        }
    }
}

fn url(path: &str) -> String {
    format!("https://hooks.example.com:8443{path}")
}

#[tokio::test]
async fn nginx_passes_requests_on_as_its_example_says() {
    let Some(nginx) = program("nginx", "nginx") else { return };
    let front = front(0);
    let proxied = Proxied::start(front, async |place, address| {
        let made = rcgen::generate_simple_self_signed(["hooks.example.com".to_owned()]).unwrap();
        std::fs::write(place.join("hooks.pem"), made.cert.pem()).unwrap();
        std::fs::write(place.join("hooks.key"), made.signing_key.serialize_pem()).unwrap();
        let (listen, address) = (format!("listen {front} ssl"), address.to_string());
        let site = replaced(
            "infra/nginx.conf",
            &[("listen 443 ssl", &listen), ("127.0.0.1:8787", &address), ("/etc/ssl", place.to_str().unwrap())],
        );
        std::fs::write(place.join("site.conf"), site).unwrap();
        let folders =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {name};"));
        let main = format!(
            "daemon off; pid nginx.pid; error_log stderr; events {{}} http {{ access_log off; {} include site.conf; }}",
            folders.concat()
        );
        std::fs::write(place.join("main.conf"), main).unwrap();
        let mut command = Command::new(nginx);
        command.arg("-p").arg(place).args(["-e", "stderr", "-c", "main.conf"]);
        command
    })
    .await;
    proxied.passes_all_but_metrics_on().await;
    proxied.keeps_the_name_that_was_asked_for().await;
}

#[tokio::test]
async fn caddy_passes_requests_on_as_its_example_says() {
    let Some(caddy) = program("caddy", "caddy") else { return };
    let front = front(1);
    let proxied = Proxied::start(front, async |place, address| {
        // A certificate of its own: nobody vouches for the example's name here.
        let site = format!("hooks.example.com:{} {{\n\tbind {}\n\ttls internal", front.port(), front.ip());
        let file =
            replaced("infra/Caddyfile", &[("hooks.example.com {", &site), ("127.0.0.1:8787", &address.to_string())]);
        let options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n";
        std::fs::write(place.join("Caddyfile"), format!("{options}{file}")).unwrap();
        let mut command = Command::new(caddy);
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(place.join("Caddyfile"));
        command.env("HOME", place).env("XDG_DATA_HOME", place).env("XDG_CONFIG_HOME", place);
        command
    })
    .await;
    proxied.passes_all_but_metrics_on().await;
    proxied.keeps_the_name_that_was_asked_for().await;
}
