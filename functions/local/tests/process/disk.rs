//! A disk that takes no more writes, is full, or is read-only.
//!
//! A limit on the size of files stands in for a disk that fails: it works
//! everywhere. A disk that is truly full is a small one of its own, where this
//! user may mount one.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::binary::clean;
use crate::receiver::Receiver;
use crate::support::{Answer, KEY, PATIENCE, Server, binary, terminate, until};

/// The size of the small disk, in MiB.
const DISK_MIB: usize = 48;

/// Has a shell set things up and become the binary.
fn through_shell(mut starter: Command, script: &str) -> Command {
    let script = format!(r#"{script} && exec "$0" "$@""#);
    starter.args(["sh", "-c", &script, env!("CARGO_BIN_EXE_hookline")]);
    clean(starter)
}

/// A way into a mount namespace of one's own, if there is any.
async fn namespace() -> Option<Command> {
    for flags in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mut unshare = Command::new("unshare");
        unshare.args(flags);
        let mut trial = Command::new("unshare");
        trial.args(flags).args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"]).stderr(Stdio::null());
        if trial.status().await.is_ok_and(|status| status.success()) {
            return Some(unshare);
        }
    }
    leave_out("this user may mount nothing, and in no namespace of their own");
    None
}

/// Says what cannot be tried here; where everything must be, that is a failure.
fn leave_out(why: &str) {
    let required = std::env::vars().any(|(name, value)| name == "REQUIRE_AWS_TESTS" && value == "1");
    assert!(!required, "{why}");
    println!("skipped: {why}");
}

/// A server whose data directory is a disk of its own.
async fn on_small_disk(mount_point: &Path, flags: &[&str]) -> Option<Server> {
    let script = format!("mount -t tmpfs -o size={DISK_MIB}m tmpfs {}", mount_point.display());
    let command = through_shell(namespace().await?, &script);
    Some(Server::start_with(command, &mount_point.join("data"), flags).await)
}

/// Takes up room on the disk of `server`, but for this many MiB.
fn fill(server: &Server, mount_point: &Path, left_mib: usize) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", server.child.id().unwrap()));
    let path = root.join(mount_point.strip_prefix("/").unwrap()).join("filler");
    let mut file = File::create(&path).unwrap();
    let chunk = vec![1; 64 * 1024];
    let most = (DISK_MIB - left_mib) * 16;
    for _ in 0..most {
        if file.write_all(&chunk).is_err() {
            break;
        }
    }
    path
}

/// A server with a hook, and how many events it has accepted.
struct Publisher {
    server: Server,
    receiver: Receiver,
    hook: String,
    accepted: u64,
}

impl Publisher {
    async fn new(server: Server) -> Self {
        let receiver = Receiver::start().await;
        server.make_tenant().await;
        let hook = server.subscribe(&receiver.steady()).await;
        Self { server, receiver, hook, accepted: 0 }
    }

    async fn publish(&self, number: u64) -> Answer {
        self.server.publish(&number.to_string(), &json!({ "number": number })).await.unwrap()
    }

    async fn publish_well(&mut self, count: u64) {
        for _ in 0..count {
            let answer = self.publish(self.accepted).await;
            assert_eq!(answer.status, 202, "{answer:?}\n{}", self.server.log());
            self.accepted += 1;
        }
    }

    /// Publishes until that is refused, and once more.
    async fn publish_until_refused(&mut self) -> Answer {
        let publish = async {
            loop {
                let answer = self.publish(self.accepted).await;
                if answer.status != 202 {
                    return answer;
                }
                self.accepted += 1;
            }
        };
        let first = tokio::time::timeout(PATIENCE, publish).await.expect("it is refused in time");
        is_clear(&first);
        let second = self.publish(self.accepted).await;
        is_clear(&second);
        second
    }

    async fn healthz(&self) -> Answer {
        self.server.get("/healthz").await.unwrap()
    }

    async fn until_healthy(&self) {
        until("the server is healthy", || async { self.healthz().await.status == 200 }).await;
    }

    fn all_arrived(&self) -> bool {
        (0..self.accepted).all(|number| self.receiver.has("/steady", number))
    }

    /// Everything accepted arrives and is in the log as that.
    async fn until_all_arrived(&self) {
        until("everything accepted has arrived", || async { self.all_arrived() }).await;
        until("the log says so", || async {
            let fates = self.server.fates(&self.hook).await;
            (0..self.accepted).all(|number| fates.get(&number.to_string()).is_some_and(|fate| fate == "succeeded"))
        })
        .await;
    }
}

fn is_clear(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.kind, "application/problem+json");
    assert!(answer.retry_after.is_some_and(|seconds| seconds >= 1), "{answer:?}");
    assert_eq!(answer.body["status"], 503);
    assert!(answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{answer:?}");
}

fn says(answer: &Answer, text: &str) {
    is_clear(answer);
    assert!(answer.body["detail"].as_str().unwrap().contains(text), "{answer:?}");
}

/// What gets an error, and no signal, where a file may not grow.
fn limited(script: &str) -> Command {
    through_shell(Command::new("env"), &format!("trap '' XFSZ && {script}"))
}

/// The largest file that the server may write from now on.
fn limit_files(server: &Server, bytes: u64) {
    let pid = i32::try_from(server.child.id().unwrap()).unwrap();
    let (mut soft, mut hard) = (0, 0);
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, None, Some((&mut soft, &mut hard))).unwrap();
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, Some((bytes.min(hard), hard)), None).unwrap();
}

/// Its log is on the same disk and cannot be written either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_no_writes_is_told_and_the_store_is_opened_again_when_it_does() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_with(limited("true"), directory.path(), &[]).await;
    let mut publisher = Publisher::new(server).await;
    for _ in 0..3 {
        publisher.publish_well(20).await;
        limit_files(&publisher.server, 1);
        publisher.publish_until_refused().await;
        until("the server says what is wrong", || async {
            let answer = publisher.healthz().await;
            answer.status == 503 && answer.body["detail"].as_str().unwrap().contains("the disk has failed")
        })
        .await;
        says(&publisher.publish(publisher.accepted).await, "the disk has failed");
        limit_files(&publisher.server, u64::MAX);
        publisher.until_healthy().await;
    }
    publisher.publish_well(20).await;
    publisher.until_all_arrived().await;
    assert!(publisher.server.child.try_wait().unwrap().is_none(), "it is the same process");
    assert!(publisher.server.log().contains("the store takes writes again"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_the_disk_takes_no_writes_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_with(limited("true"), directory.path(), &[]).await;
    let mut publisher = Publisher::new(server).await;
    publisher.receiver.refuse(true);
    publisher.publish_well(20).await;
    limit_files(&publisher.server, 1);
    publisher.publish_until_refused().await;
    assert!(terminate(&mut publisher.server.child).await.success());

    publisher.receiver.refuse(false);
    publisher.server = Server::start(directory.path()).await;
    publisher.until_all_arrived().await;
}

/// A petabyte is more than any disk has, so this one counts as full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_with_less_room_than_was_asked_for_takes_no_events() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_with(binary(), directory.path(), &["--min-free-mib", "1073741824"]).await;
    let publisher = Publisher::new(server).await;
    says(&publisher.publish(0).await, "the disk is nearly full; nothing was accepted");
    says(&publisher.healthz().await, "the disk is nearly full");
    let batch = json!({"events": [{"type": "test.event", "data": {"number": 0}}]});
    let answer = publisher.server.post("/v1/tenants/acme/events/batch", &batch).await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(publisher.server.fates(&publisher.hook).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_nearly_full_takes_no_events_and_goes_on_with_those_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let Some(server) = on_small_disk(directory.path(), &["--min-free-mib", "16"]).await else { return };
    let mut publisher = Publisher::new(server).await;
    publisher.receiver.refuse(true);
    publisher.publish_well(50).await;
    let filler = fill(&publisher.server, directory.path(), 12);
    says(&publisher.publish_until_refused().await, "nearly full");
    says(&publisher.healthz().await, "nearly full");
    publisher.receiver.refuse(false);
    publisher.until_all_arrived().await;
    says(&publisher.publish(publisher.accepted).await, "nearly full");

    std::fs::remove_file(filler).unwrap();
    publisher.until_healthy().await;
    publisher.publish_well(50).await;
    publisher.until_all_arrived().await;
    assert!(!publisher.server.log().contains("the disk has failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_ran_full_is_told_and_the_store_is_opened_again_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let Some(server) = on_small_disk(directory.path(), &["--min-free-mib", "0"]).await else { return };
    let mut publisher = Publisher::new(server).await;
    publisher.receiver.refuse(true);
    publisher.publish_well(50).await;
    let filler = fill(&publisher.server, directory.path(), 0);
    publisher.publish_until_refused().await;
    until("the server says what is wrong", || async { publisher.healthz().await.status == 503 }).await;
    publisher.receiver.refuse(false);

    std::fs::remove_file(filler).unwrap();
    publisher.until_healthy().await;
    publisher.publish_well(50).await;
    publisher.until_all_arrived().await;
    assert!(publisher.server.child.try_wait().unwrap().is_none(), "it is the same process");
    let log = publisher.server.log();
    assert!(log.contains("No space left on device") && log.contains("the store takes writes again"), "{log}");
}

async fn refusal(mut command: Command, data: &Path) -> String {
    command.args(["--operator-key", KEY, "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names(log: &str, data: &Path, cause: &str) {
    let told = format!("cannot write to {}; let this process write there and make room", data.display());
    assert!(log.contains(&told) && log.contains("--data") && log.contains(cause), "{log}");
}

#[tokio::test]
async fn a_start_where_nothing_can_be_written_is_refused_with_the_directory_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let log = refusal(limited("ulimit -f 0"), directory.path()).await;
    names(&log, directory.path(), "File too large");
}

#[tokio::test]
async fn a_start_on_a_read_only_disk_is_refused_with_the_directory_and_what_to_do() {
    let Some(unshare) = namespace().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o ro tmpfs {}", directory.path().display());
    names(&refusal(through_shell(unshare, &script), directory.path()).await, directory.path(), "Read-only file system");
}

/// The binary as somebody who obeys permissions: this user, or root without
/// its power over files.
async fn bound_by_permissions(directory: &Path) -> Option<Command> {
    const POWERLESS: [&str; 2] = ["--inh-caps=-all", "--bounding-set=-dac_override"];
    if File::create(directory.join("probe")).is_err() {
        return Some(binary());
    }
    let mut trial = Command::new("setpriv");
    if !trial.args(POWERLESS).arg("true").status().await.is_ok_and(|status| status.success()) {
        leave_out("root cannot give up its power over files");
        return None;
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args(POWERLESS).arg(env!("CARGO_BIN_EXE_hookline"));
    Some(clean(setpriv))
}

#[tokio::test]
async fn a_start_where_permissions_forbid_it_is_refused_with_the_directory_and_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if let Some(command) = bound_by_permissions(directory.path()).await {
        names(&refusal(command, &data).await, &data, "Permission denied");
    }
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
}
