//! Tests that are written in Python, for which the best tools are. Each takes minutes in which it
//! mostly waits, so they run beside each other.
//!
//! They need python3 and, the first time, a package index. Without them they are skipped with a
//! line that says so, or fail where `REQUIRE_AWS_TESTS=1`.

mod e2e;
mod schemathesis;

use std::path::Path;
use std::process::Command;

/// How a harness says that it cannot run here, as opposed to a failed test.
const CANNOT_RUN: i32 = 3;

/// Runs a program below `tests/`, which leaves a log in `target/`. Says why it was skipped, if it was.
fn run(program: &str, log: &str) -> Option<String> {
    let missing = match Command::new("python3").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(program)).status() {
        Ok(status) if status.success() => return None,
        Ok(status) if status.code() == Some(CANNOT_RUN) => "its Python packages cannot be installed".to_owned(),
        Ok(status) => panic!("tests/{program}: {status}; its output is above, more is in target/{log}"),
        Err(error) => format!("python3 cannot be run: {error}"),
    };
    let required = std::env::vars().any(|(name, value)| name == "REQUIRE_AWS_TESTS" && value == "1");
    assert!(!required, "{missing}");
    Some(missing)
}
