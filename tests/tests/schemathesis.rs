//! Runs `tests/hostile/run.py`, which holds the real binary against its own
//! OpenAPI document with thousands of requests that are right or wrong.
//!
//! It needs python3 and, the first time, a package index. Without them it is
//! skipped with a line that says so, or fails where `REQUIRE_AWS_TESTS=1`.

use std::path::Path;
use std::process::Command;

/// How `run.py` says that it cannot run here, as opposed to a failed test.
const CANNOT_RUN: i32 = 3;

#[test]
fn the_api_does_what_its_document_says_whatever_it_is_sent() {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile/run.py");
    let missing = match Command::new("python3").arg(harness).status() {
        Ok(status) if status.success() => return,
        Ok(status) if status.code() == Some(CANNOT_RUN) => "its Python packages cannot be installed".to_owned(),
        Ok(status) => {
            panic!("tests/hostile/run.py: {status}; its output is above, the server's log in target/hostile.log")
        }
        Err(error) => format!("python3 cannot be run: {error}"),
    };
    let required = std::env::vars().any(|(name, value)| name == "REQUIRE_AWS_TESTS" && value == "1");
    assert!(!required, "{missing}");
    println!("skipped: {missing}");
}
