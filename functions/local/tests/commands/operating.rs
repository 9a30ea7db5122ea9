//! What operators ask: is it sound, and what could not be processed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{OsRandom, Outgoing, QueueSender as _, SystemClock};
use domain::address::AddressPolicy;
use embedded::StoreOptions;
use local::{Engine, Options};

use super::*;

/// The check of a name.
fn check<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    diagnosis["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()
}

#[tokio::test]
async fn a_sound_deployment_is_told_so_from_inside_and_outside() {
    let deployment = Deployment::start().await;
    let diagnosis = deployment.run("doctor --json").await.json();
    for name in ["api", "transport", "clock.here", "version", "operator_key", "store", "secrets", "queue.retries"] {
        assert_eq!(check(&diagnosis, name)["status"], "ok", "{diagnosis}");
    }
    let told = deployment.run("doctor").await;
    assert_eq!(told.code, 0, "{}", told.err);
    let first: Vec<Vec<&str>> = told.out.lines().take(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((&first[0][..], &first[1][..2]), (&["CHECK", "STATUS", "DETAIL"][..], &["api", "ok"][..]));
}

#[tokio::test]
async fn what_is_broken_is_told_with_what_to_do_and_the_exit_code_is_1() {
    let deployment = Deployment::start().await;
    std::fs::remove_file(deployment.directory.path().join("data/keys")).unwrap();
    let told = deployment.run("doctor").await;
    assert_eq!((told.code, told.err.as_str()), (1, "error: one check failed\n"));
    assert!(told.out.contains("\nsecrets: put the file `keys` of the data directory back"), "{}", told.out);

    let (_socket, api) = nowhere();
    let mut command = deployment.command();
    command.env("HOOKLINE_API", api).arg("doctor");
    let told = run(command).await;
    assert_eq!(told.code, 1);
    assert!(told.out.contains("\napi: start a server with `hookline serve`"), "{}", told.out);
}

/// A data directory with two messages that nobody can process.
async fn with_dead_letters(data: &Path) {
    let options = Options {
        store: StoreOptions::default(),
        operator_key: KEY.to_owned(),
        sender: Arc::new(courier::Http1Sender::new(courier::SenderOptions::default()).unwrap()),
        public_url: "http://127.0.0.1:8787".parse().unwrap(),
        addresses: AddressPolicy::default(),
        profile: "standard".parse().unwrap(),
        retention: Duration::from_secs(24 * 3_600),
        max_in_flight: 8,
        max_in_flight_per_hook: 8,
        clock: Arc::new(SystemClock),
        accept_clock_until: None,
        random: Arc::new(OsRandom),
    };
    let engine = Engine::start(data, options).await.unwrap();
    for body in ["one that is no JSON", r#"{"tenant":"acme","type":"a"}"#] {
        let message = Outgoing { body: body.into(), group: "acme".into(), due: None, content: None };
        engine.queues.events.send_one(message).await.unwrap();
        engine.consumers().drain().await;
    }
    engine.store.close();
}

#[tokio::test]
async fn dead_letters_are_listed_shown_sent_back_and_deleted() {
    let deployment = Deployment::start_on(with_dead_letters).await;
    let diagnosis = deployment.run("doctor --json").await.json();
    assert_eq!(check(&diagnosis, "dead_letters")["status"], "warning");
    assert_eq!(check(&diagnosis, "dead_letters")["detail"], "2 of events");

    let metrics = reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{}/metrics", deployment.api));
    let metrics = metrics.bearer_auth(KEY).send().await.unwrap().text().await.unwrap();
    for line in [r#"hookline_dead_letters{queue="events"} 2"#, r#"hookline_dead_letters{queue="retries"} 0"#] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(metrics.contains("hookline_circuits_open 0"), "{metrics}");

    let first = deployment.run("dead-letters list --json --limit 1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = deployment.run(&format!("dead-letters list --json --limit 1 --cursor {cursor}")).await.json();
    assert_eq!(second["next_cursor"], Value::Null);
    let (latest, oldest) = (&first["items"][0], &second["items"][0]);
    assert_eq!((&latest["queue"], &latest["reason"]), (&json!("events"), &json!("data: is required")));
    assert_eq!((&oldest["size"], oldest.get("body")), (&json!(19), None));

    let id = oldest["id"].as_str().unwrap();
    let shown = deployment.run(&format!("dead-letters show {id} --json")).await.json();
    assert_eq!(shown["body"], "one that is no JSON");
    // Nothing was fixed, so it comes back, as another letter.
    deployment.run(&format!("dead-letters redrive {id}")).await.succeeded();
    let line = "dead-letters list --json";
    let letters = || async { deployment.run(line).await.json()["items"].as_array().unwrap().clone() };
    until("it has come back", || async { letters().await.len() == 2 }).await;
    assert_eq!(deployment.run(&format!("dead-letters show {id}")).await.err, "error: no such dead letter (404)\n");

    for letter in letters().await {
        let id = letter["id"].as_str().unwrap();
        assert_eq!(deployment.run(&format!("dead-letters delete {id}")).await.out, format!("deleted {id}\n"));
    }
    assert_eq!(letters().await.len(), 0);
}

#[tokio::test]
async fn dead_letters_are_the_operators_only() {
    let deployment = Deployment::start_on(with_dead_letters).await;
    let key = deployment.run("keys create --scope tenant --json").await.json();
    for (line, key, answer) in [
        ("dead-letters list", key["key"].as_str().unwrap(), "(403)"),
        ("dead-letters show 1-events-1", key["key"].as_str().unwrap(), "(403)"),
        ("dead-letters redrive 1-events-1", "nobody's key", "(401)"),
        ("dead-letters delete 1-events-1", "nobody's key", "(401)"),
        ("dead-letters delete 1-events-1", KEY, "(404)"),
        ("dead-letters redrive nonsense", KEY, "(404)"),
        ("dead-letters list --cursor nonsense", KEY, "(400)"),
    ] {
        let mut command = deployment.command();
        command.env("HOOKLINE_KEY", key).args(line.split(' '));
        let said = run(command).await;
        assert!(said.code == 1 && said.err.contains(answer), "{line}: {}", said.err);
    }
    // No command sends this.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("{}/v1/dead-letters/%da", deployment.api)).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_rotation_is_begun_and_ended_by_command() {
    let deployment = Deployment::start().await;
    let create = "hooks create --json --url http://127.0.0.1:1/ --event * --profile github --secret one";
    let hook = deployment.run(create).await.json()["id"].as_str().unwrap().to_owned();
    let begun = deployment.run(&format!("hooks rotate {hook} --secret two --cutover manual")).await;
    begun.succeeded();
    let told = "also live until `hooks cutover`, alone where a header holds one signature: one";
    assert!(begun.out.contains("two") && begun.out.contains(told), "{}", begun.out);
    let ended = deployment.run(&format!("hooks cutover {hook}")).await;
    ended.succeeded();
    assert!(ended.out.contains("two") && !ended.out.contains("also live"), "{}", ended.out);
    let refused = deployment.run(&format!("hooks rotate {hook} --cutover soon")).await;
    assert!(refused.code == 1 && refused.err.contains("at_end"), "{}", refused.err);
}
