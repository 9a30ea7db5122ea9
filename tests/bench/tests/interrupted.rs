//! What a benchmark leaves when it is interrupted.
#![cfg(unix)]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(60);

/// Cargo puts it beside this package's own, whichever of its packages is tested with it.
fn hookline() -> PathBuf {
    let file = PathBuf::from(env!("CARGO_BIN_EXE_hookline-bench")).with_file_name("hookline");
    assert!(file.is_file(), "there is no {}: run `cargo build -p local`, or test the whole workspace", file.display());
    file
}

#[tokio::test]
async fn an_interrupted_benchmark_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookline-bench"))
        .args(["--isolation", "--hookline"])
        .arg(hookline())
        .env("TMPDIR", directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let entries = || std::fs::read_dir(directory.path()).unwrap().count();
    let started = Instant::now();
    while entries() != 1 {
        assert!(started.elapsed() < PATIENCE, "its server has a directory");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(entries(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_how_to_build_it() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_hookline-bench")).args(["--hookline", "/nowhere/hookline"]).output().await;
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("/nowhere/hookline") && said.contains("cargo build --release -p local"), "{said}");
}
