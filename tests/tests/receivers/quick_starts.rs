//! The programs of `docs/quick-starts`: what a page tells to install is installed, and what it tells to run prints what
//! it says, also while somebody else sends the program requests that are not signed.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use contract::ports::{Clock as _, SystemClock};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tests::receivers;
use tests::server::Server;
use tests::world::OPERATOR;
use tokio::net::TcpListener;

/// More than a first build takes.
const PATIENCE: Duration = Duration::from_secs(600);

struct Page {
    install: String,
    file: String,
    program: String,
    run: String,
    printed: String,
}

impl Page {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/quick-starts").join(name);
        let page = std::fs::read_to_string(path).unwrap();
        // Prose and blocks in turn.
        let parts: Vec<&str> = page.split("```").collect();
        let [_, install, before, program, _, run, _, printed, _] = parts.as_slice() else {
            panic!("{name} has {} blocks, and not four", parts.len() / 2)
        };
        let text = |block: &str| block.split_once('\n').unwrap().1.to_owned();
        let file = before.rsplit('`').nth(1).unwrap().to_owned();
        Self { install: text(install), file, program: text(program), run: text(run), printed: text(printed) }
    }

    /// With the program in it.
    fn folder(&self, language: &str, switch: &str) -> Option<PathBuf> {
        let folder = receivers::installed(language, switch, &self.install)?;
        let file = folder.join(&self.file);
        if std::fs::read_to_string(&file).ok().as_ref() != Some(&self.program) {
            std::fs::write(file, &self.program).unwrap();
        }
        Some(folder)
    }

    /// Runs the program in this folder; the page names an API and a port, and it gets these. Its complaints.
    async fn run(&self, folder: &Path, api: &str, port: u16) -> String {
        let (mut script, port) = (self.run.clone(), port.to_string());
        for (named, given) in [("http://127.0.0.1:8787", api), ("tour-operator-key", OPERATOR), ("9000", &*port)] {
            assert_eq!(script.matches(named).count(), 1, "{named} in {script}");
            script = script.replace(named, given);
        }
        let mut shell = tokio::process::Command::from(receivers::shell(&script));
        shell.current_dir(folder).stdin(std::process::Stdio::null()).kill_on_drop(true);
        let Output { status, stdout, stderr } =
            tokio::time::timeout(PATIENCE, shell.output()).await.expect("it ends").unwrap();
        let (told, wrong) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(status.success(), "{script}{told}{wrong}");
        assert_eq!(without_ids(&told), without_ids(&self.printed), "{wrong}");
        wrong
    }
}

/// Ids of events are other ones each time.
fn without_ids(text: &str) -> String {
    let mut parts = text.split("evt_");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "evt_" + part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()))
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// Passes on to a server what it is asked. Before an event is published, it sends forged requests to the receiver.
struct Forger {
    server: String,
    port: u16,
    answers: Mutex<Vec<u16>>,
}

/// A body, and headers.
type Forgery = (&'static [u8], Vec<(&'static str, String)>);

impl Forger {
    /// The bodies and headers of requests that no receiver may take.
    fn forgeries() -> Vec<Forgery> {
        let now = SystemClock.now().as_secs();
        let (body, binary) = (b"{}".as_slice(), b"\xff\xfe".as_slice());
        let wrong = format!("v1,{}=", "A".repeat(43));
        let headers = |at: &str, signature: &str| {
            let named = [("webhook-id", "dlv_1"), ("webhook-timestamp", at), ("webhook-signature", signature)];
            named.map(|(name, value)| (name, value.to_owned())).to_vec()
        };
        vec![
            (body, Vec::new()),
            (body, headers(&now.to_string(), &wrong)),
            (binary, headers(&now.to_string(), &wrong)),
            (body, headers(&now.to_string(), "no signature")),
            (body, headers(&now.to_string(), "v1,%")),
            (body, headers(&(now - 3_600).to_string(), &wrong)),
            (body, headers("soon", &wrong)),
        ]
    }

    async fn forge(&self) {
        for (body, headers) in Self::forgeries() {
            let request = client().post(format!("http://127.0.0.1:{}/", self.port)).body(body);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
            let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
            self.answers.lock().unwrap().push(status);
        }
    }

    /// Its address.
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

async fn pass_on(
    State(forger): State<Arc<Forger>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Bytes) {
    if uri.path().ends_with("/events") {
        forger.forge().await;
    }
    let request = client().request(method, format!("{}{uri}", forger.server)).body(body);
    let passed = ["authorization", "idempotency-key"].into_iter();
    let request = passed.fold(request, |request: RequestBuilder, name| request.header(name, headers[name].clone()));
    let answer = request.send().await.unwrap();
    (answer.status(), answer.bytes().await.unwrap())
}

/// What came of each event, once the log has so many.
async fn log(server: &str, tenant: &str, events: usize) -> Vec<Value> {
    for _ in 0..200 {
        let request = client().get(format!("{server}/v1/tenants/{tenant}/deliveries")).bearer_auth(OPERATOR);
        let log: Value = request.send().await.unwrap().json().await.unwrap();
        let items = log["items"].as_array().unwrap();
        if items.len() >= events {
            return items.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the log of {tenant} has fewer than {events} deliveries")
}

async fn does_what_it_says(name: &str, language: &str, switch: &str) {
    let page = Page::read(&format!("{name}.md"));
    let Some(folder) = page.folder(language, switch) else { return };
    let server = Server::start().await;
    let address = format!("http://{}", server.address);
    let pages = ["python", "typescript", "go", "java", "rust"];
    let page_number = pages.iter().position(|page| *page == name).unwrap();
    // Nobody is given one of these by the system, which another test could get before the program binds it.
    let port = 20_000 + u16::try_from(std::process::id() % 2_000).unwrap() * 5 + u16::try_from(page_number).unwrap();

    let complaints = page.run(&folder, &address, port).await;
    assert_eq!(complaints, "");
    let forger = Arc::new(Forger { server: address.clone(), port, answers: Mutex::default() });
    let between_forgeries = forger.start().await;
    let complaints = page.run(&folder, &between_forgeries, port).await;
    let forgeries = Forger::forgeries().len();
    assert_eq!(*forger.answers.lock().unwrap(), vec![400; forgeries], "{complaints}");
    assert_eq!(complaints.matches("refused: ").count(), forgeries, "{complaints}");

    // It made one hook, and ended once Hookline had its answers.
    for delivery in log(&address, &format!("quick-start-{name}"), 2).await {
        assert_eq!((&delivery["status"], &delivery["attempt_count"]), (&"succeeded".into(), &1.into()), "{delivery}");
        assert_eq!(delivery["last_attempt"]["status_code"], 204, "{delivery}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_in_python_does_what_it_says() {
    does_what_it_says("python", "Python", "NODE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_in_typescript_does_what_it_says() {
    does_what_it_says("typescript", "TypeScript", "NODE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_in_go_does_what_it_says() {
    does_what_it_says("go", "Go", "GO").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_in_java_does_what_it_says() {
    does_what_it_says("java", "Java", "JAVA").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_in_rust_does_what_it_says() {
    does_what_it_says("rust", "Rust", "AWS").await;
}
