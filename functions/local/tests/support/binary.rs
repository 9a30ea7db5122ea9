//! The binary, and waiting for what it does.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

pub(crate) const KEY: &str = "a-key-for-these-tests";
/// Far beyond what any of these waits takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, with nothing of this environment.
pub(crate) fn binary() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_hookline")))
}

pub(crate) fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOOKLINE_")) {
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
