//! The binary, and waiting for what it does.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

pub(crate) const KEY: &str = "a-key-for-these-tests";
/// Far beyond what any of these waits takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, with nothing of this environment.
pub(crate) fn binary() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_hookline")))
}

pub(crate) fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOOKLINE_") || name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let poll = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, poll).await.is_ok(), "waited in vain until {what}");
}

/// Runs `command`, a server or a receiver, and returns once it listens: with
/// its address, and the file that it logs into.
pub(crate) async fn listening(mut command: Command) -> (Child, SocketAddr, NamedTempFile) {
    let log = NamedTempFile::new().unwrap();
    // A port chosen here could be another test's before this process binds it.
    command.args(["--listen", "127.0.0.1:0"]).stderr(log.reopen().unwrap());
    let mut child = command.spawn().unwrap();
    let address = async {
        loop {
            let text = std::fs::read_to_string(log.path()).unwrap();
            let address = text.split_once("ing on http://").and_then(|(_, rest)| rest.split_once('"'));
            if let Some((address, _)) = address {
                return address.parse().unwrap();
            }
            assert!(child.try_wait().unwrap().is_none(), "it did not start: {text}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let address = tokio::time::timeout(PATIENCE, address).await.expect("it listens in time");
    (child, address, log)
}
