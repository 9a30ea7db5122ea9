//! The commands that ask a deployment, and the receiver for development: real
//! processes, real sockets.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "support/binary.rs"]
mod binary;
#[path = "commands/cataloguing.rs"]
mod cataloguing;
#[path = "commands/choices.rs"]
mod choices;
#[path = "commands/entering.rs"]
mod entering;
#[path = "commands/listening.rs"]
mod listening;
#[path = "commands/manual.rs"]
mod manual;
#[path = "commands/operating.rs"]
mod operating;
#[path = "commands/output.rs"]
mod output;
#[path = "commands/planning.rs"]
mod planning;
#[path = "commands/refusals.rs"]
mod refusals;
#[path = "commands/repairing.rs"]
mod repairing;
#[path = "commands/retrying.rs"]
mod retrying;
#[path = "commands/tracing.rs"]
mod tracing;
#[path = "support/visitor.rs"]
mod visitor;

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};

use binary::{KEY, PATIENCE, binary, listening, until};

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WHSK: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

/// Where nothing answers: the port is taken, and nobody listens on it.
fn nowhere() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let api = format!("http://{}", socket.local_addr().unwrap());
    (socket, api)
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn succeeded(&self) {
        assert_eq!(self.code, 0, "{}", self.err);
    }

    fn json(&self) -> Value {
        self.succeeded();
        serde_json::from_str(&self.out).unwrap()
    }
}

async fn run(mut command: Command) -> Said {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Said { code: output.status.code().unwrap(), out, err }
}

/// A server with the tenant `acme`, and a directory for whatever a test needs.
struct Deployment {
    _server: Child,
    api: String,
    directory: TempDir,
}

impl Deployment {
    async fn start() -> Self {
        Self::start_on(async |_: &Path| {}).await
    }

    /// Over a data directory that is prepared before.
    async fn start_on(prepare: impl AsyncFnOnce(&Path)) -> Self {
        Self::start_as(prepare, &[]).await
    }

    /// With variables in its environment.
    async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_as(async |_: &Path| {}, variables).await
    }

    async fn start_as(prepare: impl AsyncFnOnce(&Path), variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        prepare(&directory.path().join("data")).await;
        let mut command = binary();
        command
            .args(["serve", "--allow-http", "--allow-network", "127.0.0.0/8", "--operator-key", KEY, "--data"])
            .arg(directory.path().join("data"))
            .envs(variables.iter().copied())
            .stdout(Stdio::null());
        let (server, address, _log) = listening(command).await;
        let deployment = Self { _server: server, api: format!("http://{address}"), directory };
        deployment.run("tenants create acme").await.succeeded();
        deployment
    }

    fn command(&self) -> Command {
        let mut command = binary();
        command.env("HOOKLINE_API", &self.api).env("HOOKLINE_KEY", KEY).env("HOOKLINE_TENANT", "acme");
        command
    }

    /// Runs a command that has no spaces in its arguments.
    async fn run(&self, line: &str) -> Said {
        self.run_with(line, &[]).await
    }

    async fn run_with(&self, line: &str, more: &[&str]) -> Said {
        let mut command = self.command();
        command.args(line.split(' ')).args(more);
        run(command).await
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn listen(&self, flags: &[&str]) -> Receiver {
        let output = self.directory.path().join("received");
        let mut command = binary();
        command.arg("listen").args(flags).stdout(File::create(&output).unwrap());
        let (child, address, _log) = listening(command).await;
        Receiver { _child: child, url: format!("http://{address}/in"), output }
    }

    /// The status of the one delivery of an event, once it is settled.
    async fn settled(&self, event: &str) -> Value {
        let line = format!("events deliveries {event} --json");
        let mut delivery = Value::Null;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !matches!(delivery["status"].as_str(), Some("succeeded" | "failed" | "skipped")) {
            assert!(tokio::time::Instant::now() < deadline, "not settled: {delivery}");
            // An event that was accepted a moment ago may not be there to be read yet.
            let said = self.run(&line).await;
            if said.code == 0 {
                delivery = said.json()["items"][0].take();
            }
        }
        delivery
    }
}

struct Receiver {
    _child: Child,
    url: String,
    output: PathBuf,
}

impl Receiver {
    fn received(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }
}

#[tokio::test]
async fn a_hook_an_event_its_log_and_a_retry_by_command() {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--secret", WHSEC]).await;
    let create = format!("hooks create --json --event post.* --url {} --secret {WHSEC} --name Site", receiver.url);
    let hook = deployment.run_with(&create, &["--set", r#"retry={"delays":[0.5]}"#]).await.json();
    assert_eq!(hook["retry"]["delays"], json!([0.5]));
    let hook = hook["id"].as_str().unwrap();

    let data = r#"{"z": 1.50, "a":[1e2]}"#;
    let published = deployment.run_with("events publish --type post.published --id e-1 --data", &[data]).await;
    assert_eq!(published.code, 0, "{}", published.err);
    let delivery = deployment.settled("e-1").await;
    assert_eq!(delivery["status"], "succeeded");
    let received = receiver.received();
    assert!(received.contains(data) && received.contains("signature: valid"), "{received}");

    let log = deployment.run(&format!("deliveries list --hook {hook} --code 2xx --status succeeded")).await;
    assert_eq!(log.code, 0, "{}", log.err);
    let lines: Vec<Vec<&str>> = log.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let id = delivery["id"].as_str().unwrap();
    assert_eq!(lines[0][..5], ["ID", "EVENT", "TYPE", "STATUS", "ATTEMPTS"]);
    assert_eq!(lines[1][..6], [id, "e-1", "post.published", "succeeded", "1", "200"]);
    assert!(!log.out.contains('\u{1b}'), "colours are for terminals");

    let explained = deployment.run(&format!("explain e-1 --hook {hook}")).await;
    explained.succeeded();
    let lines: Vec<Vec<&str>> = explained.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["HOOK", "NAME", "VERDICT", "STATUS", "JUDGED", "FROM", "WHY", "REMARK"]);
    assert_eq!(lines[1][..5], [hook, "Site", "chosen", "succeeded", "version_then"]);
    assert!(explained.out.contains("it was delivered: the one attempt was answered with 200"), "{}", explained.out);
    let unknown = deployment.run("explain never-published").await;
    assert!(unknown.code == 1 && unknown.err.contains("events are kept for 30 days"), "{}", unknown.err);

    let retried = deployment.run(&format!("deliveries retry {id}")).await;
    retried.succeeded();
    let told = format!("delivery {id}: succeeded\n\nattempt 2 (manual) at ");
    assert!(retried.out.starts_with(&told) && retried.out.contains(": success, answered 200"), "{}", retried.out);
    until("the retry has arrived", || async { receiver.received().contains("\n#2 ") }).await;
    let line = format!("deliveries get {id} --json");
    let attempts = || async { deployment.run(&line).await.json()["attempts"].as_array().map_or(0, Vec::len) };
    until("the retry is in the log", || async { attempts().await == 2 }).await;
    let shown = deployment.run(&format!("deliveries get {id}")).await.out;
    assert!(shown.contains("attempt 1 (first)") && shown.contains("attempt 2 (manual)"), "{shown}");

    let updated = deployment.run(&format!("hooks update {hook} --disabled --rate-limit 5 --json")).await.json();
    assert_eq!(
        (&updated["enabled"], &updated["rate_limit"], &updated["name"]),
        (&json!(false), &json!(5), &json!("Site"))
    );
    assert_eq!(deployment.run(&format!("hooks delete {hook} --yes")).await.out, format!("deleted hook {hook}\n"));
    let gone = deployment.run(&format!("hooks get {hook}")).await;
    assert_eq!(
        (gone.code, gone.err.as_str()),
        (1, "error: no such hook (404); --tenant says whose it is, and --api where\n")
    );
}

#[tokio::test]
async fn lists_are_read_to_their_end_one_json_entry_a_line() {
    let deployment = Deployment::start().await;
    for n in 0..5 {
        let hook = format!("hooks create --url http://127.0.0.1:1/{n} --event * --name hook-{n}");
        deployment.run(&hook).await.succeeded();
    }
    let all = deployment.run("hooks list --limit 2 --all --json --order -name").await;
    let names: Vec<Value> =
        all.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].take()).collect();
    assert_eq!(names, ["hook-4", "hook-3", "hook-2", "hook-1", "hook-0"]);
    let table = deployment.run("hooks list --limit 2 --all").await;
    assert_eq!(table.out.lines().count(), 6, "{}", table.out);
    let page = deployment.run("hooks list --limit 2").await;
    assert!(page.err.starts_with("2 of 5; more with --all"), "{}", page.err);
}

#[tokio::test]
async fn a_file_of_events_is_published_in_batches_and_each_refusal_is_told() {
    let deployment = Deployment::start().await;
    let mut lines: Vec<String> = (0..150).map(|n| format!(r#"{{"id":"e-{n}","type":"a","data":{n}.0}}"#)).collect();
    lines[120] = r#"{"type":"no type","data":1}"#.to_owned();
    let file = deployment.file("events.jsonl", &lines.join("\n"));
    let said = deployment.run_with("events publish --batch", &[file.to_str().unwrap()]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("1 of 150 refused"), "{}", said.err);
    let refused: Vec<&str> = said.out.lines().filter(|line| line.contains("refused")).collect();
    assert!(refused.len() == 1 && refused[0].starts_with("121 "), "{refused:?}");
    until("the last event is there, as it was given", || async {
        deployment.run("events get e-149 --json").await.out.contains(r#""data":149.0"#)
    })
    .await;

    let file = deployment.file("events.jsonl", "{\"type\":\"a\",\"id\":\"late\",\"data\":1}\nnonsense\n");
    let said = deployment.run_with("events publish --batch", &[file.to_str().unwrap()]).await;
    assert!(said.code == 2 && said.err.contains("line 2 is not JSON"), "{}", said.err);
    assert_eq!(deployment.run("events get late").await.code, 1, "nothing of it was published");
}

#[tokio::test]
async fn tenants_are_searched() {
    let deployment = Deployment::start().await;
    deployment.run_with("tenants create zebra --name", &["Needle Ltd"]).await.succeeded();
    let found = deployment.run("tenants list --search needle").await;
    assert!(found.out.contains("zebra") && !found.out.contains("acme"), "{}", found.out);
}
