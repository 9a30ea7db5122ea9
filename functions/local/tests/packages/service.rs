//! The unit of systemd.

use tokio::process::Command;

use crate::binary::binary;
use crate::tools::{passes, program, read};

/// What `systemd-analyze security` gives, in tenths, where 100 is no protection at all.
const MOST_EXPOSED: u32 = 20;

fn unit() -> String {
    read("infra/hookline.service")
}

#[tokio::test]
async fn the_unit_is_understood_by_systemd_and_leaves_little_exposed() {
    let Some(analyze) = program("systemd-analyze", "systemd") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hookline.service");
    std::fs::write(&path, unit().replace("/usr/local/bin/hookline", env!("CARGO_BIN_EXE_hookline"))).unwrap();
    let mut verify = Command::new(&analyze);
    verify.args(["verify", "--man=no"]).arg(&path);
    assert_eq!(passes(verify).await, "");
    let mut security = Command::new(&analyze);
    security.args(["security", "--offline=true", "--no-pager", &format!("--threshold={MOST_EXPOSED}")]).arg(&path);
    passes(security).await;
}

#[tokio::test]
async fn the_command_of_the_unit_has_flags_that_exist() {
    let unit = unit();
    let of = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
    let words: Vec<&str> = of("ExecStart=").split(' ').skip(1).collect();
    let mut command = binary();
    command.args(&words).arg("--help");
    passes(command).await;
    let state = format!("/var/lib/{}", of("StateDirectory="));
    assert!(words.windows(2).any(|pair| pair == ["--data", &state]), "{words:?}");
    // It finishes what is under way for 50 s.
    assert!(of("TimeoutStopSec=").parse::<u32>().unwrap() > 50);
}
