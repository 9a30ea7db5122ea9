//! What a benchmark tells.

use std::path::PathBuf;

use tokio::process::Command;

#[tokio::test]
async fn each_system_is_measured_and_compared_with_the_relay() {
    let bench = PathBuf::from(env!("CARGO_BIN_EXE_hookline-bench"));
    let hookline = bench.with_file_name("hookline");
    assert!(hookline.is_file(), "run `cargo build -p local`, or test the whole workspace");
    let output = Command::new(bench).args(["--events", "40", "--rounds", "1", "--hookline"]).arg(hookline).output();
    let output = output.await.unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for hooks in ["1 hook(s)", "10 hook(s)"] {
        let table = told.split_once(hooks).unwrap().1;
        let rows: Vec<&str> = table.lines().skip(1).take(8).collect();
        assert!(rows[0].ends_with("hookline") && rows[0].contains("relay"), "{told}");
        // A value, and how often it is the relay's: of so few events that may have taken no CPU at all.
        for row in &rows[1..] {
            let (numbers, ratio) =
                row.strip_suffix(')').and_then(|row| row.rsplit_once('(')).unwrap_or_else(|| panic!("{told}"));
            let (ratio, is_of_cpu) = (ratio.trim(), row.starts_with("server CPU"));
            let is_number = |text: &str| text.parse::<f64>().is_ok_and(|number| number.is_finite());
            assert!(numbers.split_whitespace().rev().take(2).all(is_number), "{told}");
            assert!(is_number(ratio) || is_of_cpu && ratio == "–", "{told}");
        }
        assert_eq!(rows.len(), 8, "{told}");
    }
}
