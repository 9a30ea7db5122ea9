//! Runs the end-to-end harness, `tests/e2e/run.py`, so that one command runs
//! every test there is.
//!
//! It needs python3 and, the first time, a package index. Without them it is
//! skipped with a line that says so, or fails where `REQUIRE_AWS_TESTS=1`.

use std::path::Path;
use std::process::Command;

/// How `run.py` says that it cannot run here, as opposed to a failed test.
const CANNOT_RUN: i32 = 3;

#[test]
fn the_deployed_stack_keeps_its_promises() {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/run.py");
    let missing = match Command::new("python3").arg(harness).status() {
        Ok(status) if status.success() => return,
        Ok(status) if status.code() == Some(CANNOT_RUN) => "its Python packages cannot be installed".to_owned(),
        Ok(status) => panic!("tests/e2e/run.py: {status}; its output is above, the emulator's log in target/e2e.log"),
        Err(error) => format!("python3 cannot be run: {error}"),
    };
    let required = std::env::vars().any(|(name, value)| name == "REQUIRE_AWS_TESTS" && value == "1");
    assert!(!required, "{missing}");
    println!("skipped: {missing}");
}
