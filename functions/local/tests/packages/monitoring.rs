//! `/metrics`, the alerts and the dashboard: what these ask for is there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Stdio;

use contract::runner::FAULT_CAUSES;
use domain::delivery::AttemptOutcome;
use regex_lite::Regex;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::binary::KEY;
use crate::tools::{passes, program, read, root, server};

/// Of a server to which nothing has happened yet.
async fn metrics() -> String {
    let directory = tempfile::tempdir().unwrap();
    let (_server, address) = server(directory.path()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}/metrics")).bearer_auth(KEY).send().await.unwrap();
    answer.text().await.unwrap()
}

/// Of each sample its name, also as `…_bucket`.
fn names(metrics: &str) -> BTreeSet<&str> {
    let samples = metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    samples.map(|line| line.split(['{', ' ']).next().unwrap()).collect()
}

/// The queries of the dashboard, as Grafana sends them.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("infra/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    queries.map(|query| query.replace("$__rate_interval", "5m").replace("$instance", ".*")).collect()
}

#[tokio::test]
async fn series_of_what_never_happened_are_there_with_zero() {
    let metrics = metrics().await;
    let attempts =
        AttemptOutcome::ALL.iter().map(|outcome| format!(r#"attempts_total{{outcome="{}"}}"#, outcome.as_str()));
    let others = [
        "events_accepted_total",
        "retries_scheduled_total",
        "circuits_open",
        "attempt_duration_seconds_count",
        r#"attempt_duration_seconds_bucket{le="+Inf"}"#,
        "first_attempt_delay_seconds_count",
        r#"events_fanned_out_total{result="duplicate"}"#,
        r#"deliveries_settled_total{status="failed"}"#,
        r#"deliveries_settled_total{status="skipped"}"#,
        r#"circuit_transitions_total{to="open"}"#,
        r#"clock_jumps_total{direction="back"}"#,
        r#"queue_messages{queue="retries",state="leased"}"#,
        r#"dead_letters{queue="events"}"#,
        // The names of before.
        r#"attempts{outcome="success"}"#,
        "events_accepted",
    ];
    let faults = FAULT_CAUSES.map(|cause| format!(r#"faults_total{{cause="{cause}"}}"#));
    for series in attempts.chain(faults).chain(others.map(str::to_owned)) {
        let line = format!("hookline_{series} 0");
        assert!(metrics.lines().any(|other| other == line), "no {line} in\n{metrics}");
    }
}

#[tokio::test]
async fn names_of_metrics_follow_the_conventions_of_prometheus() {
    let Some(promtool) = program("promtool", "prometheus") else { return };
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(metrics().await.as_bytes()).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn what_alerts_dashboard_and_documents_name_is_in_the_metrics() {
    let metrics = metrics().await;
    let known = names(&metrics);
    let name = Regex::new("hookline_[a-z_]+").unwrap();
    let asked = [read("infra/alerts.yaml"), read("infra/alerts.test.yaml"), read("infra/grafana.json")].concat();
    for found in name.find_iter(&asked) {
        assert!(known.contains(found.as_str()), "nothing counts {}", found.as_str());
        let is_former = metrics.contains(&format!("# TYPE {} untyped", found.as_str()));
        assert!(!is_former, "{} is a former name", found.as_str());
    }
    let documented = read("docs/operating.md");
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for (family, _) in types.filter(|(_, kind)| *kind != "untyped") {
        assert!(documented.contains(&format!("`{family}`")), "docs/operating.md does not name {family}");
    }
}

#[tokio::test]
async fn alerts_fire_when_something_is_wrong_and_only_then() {
    let Some(promtool) = program("promtool", "prometheus") else { return };
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(root().join("infra"));
        passes(command).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    std::fs::write(place.join("hookline.key"), KEY).unwrap();
    std::fs::copy(root().join("infra/alerts.yaml"), place.join("hookline-alerts.yaml")).unwrap();
    let config = read("infra/prometheus.yaml").replace("/etc/prometheus", place.to_str().unwrap());
    std::fs::write(place.join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(&promtool);
    command.args(["check", "config"]).arg(place.join("prometheus.yml"));
    passes(command).await;
}

#[tokio::test]
async fn prometheus_understands_each_query_of_the_dashboard() {
    let Some(promtool) = program("promtool", "prometheus") else { return };
    let queries = queries();
    assert!(queries.len() > 10, "{queries:?}");
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, query) in queries.iter().enumerate() {
        let _ =
            writeln!(rules, "      - record: query:{number}\n        expr: {}", serde_json::to_string(query).unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules.yaml");
    std::fs::write(&path, rules).unwrap();
    let mut command = Command::new(promtool);
    command.args(["check", "rules"]).arg(path);
    passes(command).await;
}
