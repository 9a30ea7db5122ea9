//! What operators ask: is it sound, and what could not be processed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{OsRandom, Outgoing, QueueSender as _, SystemClock};
use domain::address::AddressPolicy;
use embedded::StoreOptions;
use local::{Engine, Options};

use super::*;
use crate::visitor::Visitor;

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
        assert_eq!(deployment.run(&format!("dead-letters delete {id} --yes")).await.out, format!("deleted {id}\n"));
    }
    assert_eq!(letters().await.len(), 0);
}

/// Sends a form of `page`, which leads on.
async fn post_from(operator: &Visitor, page: &str, action: &str) {
    let shown = operator.get(page).await;
    assert!(shown.contains(&format!("action=\"{action}\"")), "{action} is not on {page}: {shown}");
    assert_eq!(operator.send(action, &[("form_token", &token(&shown))]).await.status(), 303, "{action}");
}

/// Of the forms of a page.
fn token(page: &str) -> String {
    page.split_once("name=\"form_token\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn the_page_of_dead_letters_shows_them_sends_them_back_and_deletes_them() {
    const PAGE: &str = "/console/dead-letters";
    let deployment = Deployment::start_on(with_dead_letters).await;
    let operator = Visitor::enter(&deployment.api, "/console/login", "key", KEY).await;
    let letters = async || {
        let page = operator.get(PAGE).await;
        let links: Vec<_> = page.split(&format!("{PAGE}/")).skip(1).map(str::to_owned).collect();
        let ids = links.iter().map(|rest| rest.split_once('"').unwrap().0.to_owned()).filter(|id| id != "batch");
        let ids: Vec<_> = ids.collect();
        (ids, page)
    };
    let (ids, page) = letters().await;
    assert!(ids.len() == 2 && page.contains("data: is required") && !page.contains("one that is no JSON"), "{page}");
    let oldest = format!("{PAGE}/{}", ids[1]);
    assert!(operator.get(&oldest).await.contains("one that is no JSON"));
    assert!(operator.get("/console/overview").await.contains("2</span>"));

    // Nothing was fixed, so it comes back, as another letter.
    post_from(&operator, &oldest, &format!("{oldest}/redrive")).await;
    until("it has come back", || async {
        let (now, _) = letters().await;
        now.len() == 2 && now != ids
    })
    .await;
    let [one, other] = &letters().await.0[..] else { panic!("there are two") };
    post_from(&operator, &format!("{PAGE}/{one}"), &format!("{PAGE}/{one}/delete")).await;
    // Several at once are counted and asked first, also where something was done just before.
    let page = operator.get(&format!("{PAGE}?done=deleted")).await;
    let (token, before) = (token(&page), page.split_once("name=\"back\" value=\"").unwrap().1);
    let before = before.split_once('"').unwrap().0;
    assert_eq!(before, format!("{PAGE}?done=deleted"));
    let chosen = format!("events/{other}/{other}");
    let fields = [("form_token", token.as_str()), ("chosen", &chosen), ("action", "delete"), ("back", before)];
    let batch = format!("{PAGE}/batch");
    let question = operator.send(&batch, &fields).await.text().await.unwrap();
    assert!(question.contains("Delete 1 message?") && letters().await.0.len() == 1, "{question}");
    let confirmed = [&fields[..], &[("confirmed", "true")]].concat();
    assert_eq!(operator.send(&batch, &confirmed).await.headers()["location"], format!("{PAGE}?done=deleted"));
    let (ids, page) = letters().await;
    assert!(ids.is_empty() && page.contains("No dead letters"), "{page}");
}

#[tokio::test]
async fn dead_letters_are_the_operators_only() {
    let deployment = Deployment::start_on(with_dead_letters).await;
    let key = deployment.run("keys create --scope tenant --json").await.json();
    for (line, key, answer) in [
        ("dead-letters list", key["key"].as_str().unwrap(), "(403)"),
        ("dead-letters show 1-events-1", key["key"].as_str().unwrap(), "(403)"),
        ("dead-letters redrive 1-events-1", "nobody's key", "(401)"),
        ("dead-letters delete 1-events-1 --yes", "nobody's key", "(401)"),
        ("dead-letters delete 1-events-1 --yes", KEY, "(404)"),
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
async fn hooks_that_fail_are_listed_over_all_tenants_by_command() {
    let deployment = Deployment::start().await;
    assert_eq!(deployment.run("hooks failing").await.err, "none\n");
    let create = r#"hooks create --json --url http://127.0.0.1:1/ --event * --set retry={"delays":[]}"#;
    let hook = deployment.run(create).await.json()["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        deployment.run("events publish --type a --data 1").await.succeeded();
    }
    until("it is listed with both", || async {
        let failing = deployment.run("hooks failing --state failing --json").await.json();
        failing["items"][0]["id"] == hook.as_str() && failing["items"][0]["health"]["consecutive_failures"] == 2
    })
    .await;
    let told = deployment.run("hooks failing").await.out;
    let row: Vec<_> = told.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1]), ("acme", hook.as_str()), "{told}");
    assert_eq!(deployment.run("hooks failing --state disabled").await.err, "none\n");
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
