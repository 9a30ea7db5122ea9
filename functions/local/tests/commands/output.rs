//! Forms of output, parts of ids, what comes as it comes, and which flag helps.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::*;

#[tokio::test]
async fn lists_and_things_are_printed_in_each_form() {
    let deployment = Deployment::start().await;
    let names = ["=1+1", "a, \"b\"", "plain"];
    for (n, name) in names.iter().enumerate() {
        let create = format!("hooks create --url http://127.0.0.1:1/{n} --event a --event b --name");
        deployment.run_with(&create, &[name]).await.succeeded();
    }
    let csv = deployment.run("hooks list --output csv --limit 2 --all --order created").await;
    csv.succeeded();
    let lines: Vec<&str> = csv.out.split("\r\n").collect();
    assert_eq!((lines[0], lines.len()), ("id,name,url,events,enabled,profile", 5));
    for (line, cell) in lines[1..].iter().zip(["'=1+1", "\"a, \"\"b\"\"\"", "plain"]) {
        let rest = line.split_once(',').unwrap().1;
        assert!(rest.starts_with(&format!("{cell},http://127.0.0.1:1/")) && rest.contains(",\"a, b\",true,"), "{line}");
    }
    let jsonl = deployment.run("hooks list --output jsonl --limit 2").await;
    let shown: Vec<Value> = jsonl.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((shown.len(), &shown[0]["enabled"]), (2, &json!(true)));
    assert!(jsonl.err.contains("more with --all"), "{}", jsonl.err);
    let json = deployment.run("hooks list --output json").await;
    assert_eq!(json.json(), deployment.run("hooks list --json").await.json());
    let id = shown[0]["id"].as_str().unwrap();
    let one = deployment.run(&format!("hooks get {id} --output csv")).await;
    let (names, values) = one.out.split_once("\r\n").unwrap();
    assert!(names.starts_with("id,") && values.starts_with(id) && values.ends_with("\r\n"), "{}", one.out);
    let empty = deployment.run("hooks list --name none --output csv").await;
    assert_eq!(empty.out, "id,name,url,events,enabled,profile\r\n");
    for line in [&*format!("hooks test {id}"), "event-types export", "console-link"] {
        let refused = deployment.run(&format!("{line} --output csv")).await;
        assert!(refused.code == 2 && refused.err.contains("--output json"), "{line}: {}", refused.err);
    }
    let link = deployment.run("console-link --json").await.json();
    assert!(link["key"].as_str().is_some() && link["expires_at"].as_str().is_some(), "{link}");
    assert_eq!(deployment.run("hooks list --json --output csv").await.code, 2);
}

#[tokio::test]
async fn part_of_an_id_is_enough_where_it_fits_one_and_is_refused_with_those_it_fits() {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--quiet"]).await;
    let create = format!("hooks create --json --event * --url {}", receiver.url);
    let (one, other) = (deployment.run(&create).await.json(), deployment.run(&create).await.json());
    let (one, other) = (one["id"].as_str().unwrap(), other["id"].as_str().unwrap());
    let end = one[one.len() - 8..].to_ascii_lowercase();
    assert_eq!(deployment.run(&format!("hooks get {end} --json")).await.json()["id"], one);
    assert_eq!(deployment.run(&format!("stats --hook {end} --json")).await.json()["deliveries"], 0);

    let beginning = &one["hook_".len()..][..4];
    let ambiguous = deployment.run(&format!("hooks get {beginning}")).await;
    assert_eq!(ambiguous.code, 2);
    assert!(
        ambiguous.err.contains("fits 2 hooks") && [one, other].iter().all(|id| ambiguous.err.contains(id)),
        "{}",
        ambiguous.err
    );
    for unknown in ["abc", "ZZZZZZZZ"] {
        assert_eq!(deployment.run(&format!("hooks get {unknown}")).await.code, 1);
    }

    deployment.run("events publish --type a --id e-1 --data 1").await.succeeded();
    let delivery = deployment.settled("e-1").await["id"].as_str().unwrap().to_owned();
    let middle = &delivery[20..];
    assert_eq!(deployment.run(&format!("deliveries get {middle} --json")).await.json()["id"], delivery);
    let deleted = deployment.run(&format!("hooks delete {end} --yes")).await;
    assert_eq!(deleted.out, format!("deleted hook {one}\n"));
    let key = deployment.run("keys create --scope publish --json").await.json()["id"].as_str().unwrap().to_owned();
    let revoke = format!("keys revoke {}", &key[key.len() - 8..]);
    let asked = deployment.run(&revoke).await;
    assert!(asked.code == 2 && asked.err.contains(&key), "which one it would be: {}", asked.err);
    assert_eq!(deployment.run(&format!("{revoke} --yes")).await.out, format!("revoked key {key}\n"));
}

#[tokio::test]
async fn events_since_a_time_are_printed_from_there_on() {
    let deployment = Deployment::start().await;
    let published = async |id: &str| {
        deployment.run(&format!("events publish --type a --id {id} --data 1")).await.succeeded();
        until("it is listed", || async { deployment.run("events list").await.out.contains(id) }).await;
        let events = deployment.run("events list --json").await.json();
        let event = events["items"].as_array().unwrap().iter().find(|event| event["id"] == id).unwrap();
        event["accepted_at"].as_str().unwrap().to_owned()
    };
    published("old").await;
    // Times are of milliseconds.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let since = published("first").await;
    let mut command = deployment.command();
    command.args(["events", "tail", "--since", &since, "--interval", "1", "--output", "jsonl"]);
    let mut tail = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = async || {
        let event: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(next().await, "first");
    published("second").await;
    assert_eq!(next().await, "second", "and none again, nor one from before");
}

#[tokio::test]
async fn events_are_printed_as_they_come_and_each_once() {
    let deployment = Deployment::start().await;
    deployment.run("events publish --type a --id before --data 1").await.succeeded();
    until("it is listed", || async { deployment.run("events list").await.out.contains("before") }).await;
    let mut command = deployment.command();
    command.args(["events", "tail", "--type", "a", "--output", "jsonl"]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut tail = command.spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    // One that is published before it looks for the first time may be older than what it prints.
    let mut seen = Vec::new();
    for n in 0..40 {
        deployment.run(&format!("events publish --type a --id e-{n} --data 1")).await.succeeded();
        deployment.run(&format!("events publish --type b --id other-{n} --data 1")).await.succeeded();
        while let Ok(line) = tokio::time::timeout(std::time::Duration::from_millis(300), lines.next_line()).await {
            let event: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
            seen.push(event["id"].as_str().unwrap().to_owned());
        }
        if seen.len() > 3 {
            break;
        }
    }
    let number = |id: &String| id.strip_prefix("e-").unwrap().parse::<usize>().unwrap();
    let numbers: Vec<usize> = seen.iter().map(number).collect();
    assert!(numbers.len() > 3 && numbers.windows(2).all(|two| two[0] + 1 == two[1]), "{numbers:?}");
}

#[tokio::test]
async fn deliveries_over_all_hooks_tell_hook_outcome_and_reason_and_stats_count_them() {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--status", "410"]).await;
    let hook = deployment.run(&format!("hooks create --json --event * --url {}", receiver.url)).await.json();
    deployment.run("events publish --type a --id e-1 --data 1").await.succeeded();
    deployment.settled("e-1").await;
    until("it is listed", || async { deployment.run("deliveries list").await.out.contains("gone") }).await;
    for line in ["deliveries list --output csv", "deliveries list --all-tenants --output csv"] {
        let listed = deployment.run(line).await;
        let (head, rest) = listed.out.split_once("\r\n").unwrap();
        for column in ["hook_id", "last_attempt.outcome", "reason"] {
            assert!(head.split(',').any(|name| name == column), "{head}");
        }
        assert!(rest.contains(hook["id"].as_str().unwrap()) && rest.contains("gone"), "{rest}");
    }
    let stats = deployment.run("stats --output csv").await;
    stats.succeeded();
    assert!(stats.out.starts_with("deliveries,") && stats.out.lines().count() == 2, "{}", stats.out);
}

#[tokio::test]
async fn a_refusal_names_the_flag_that_helps() {
    let deployment = Deployment::start().await;
    for (line, flag) in [
        ("hooks create --url nowhere --event a", "--url"),
        ("hooks create --url http://127.0.0.1:1/ --event a/b", "--event"),
        (r#"hooks create --url http://127.0.0.1:1/ --event a --set retry={"delays":[-1]}"#, "--set retry.delays"),
        ("events publish --type a/b --data 1", "--type"),
        ("hooks list --cursor x", "--cursor"),
        ("deliveries list --since yesterday", "--since"),
        ("hooks list --tenant nobody", "--tenant"),
        ("hooks list --key wrong", "--key"),
        ("keys create --scope portal", "--expires-in"),
    ] {
        let said = deployment.run(line).await;
        assert!(said.code == 1 && said.err.contains(flag), "{line}: {}", said.err);
    }
}

/// Runs a program on a terminal of its own, and prints what it wrote there.
const ON_A_TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

#[tokio::test]
async fn long_work_tells_how_far_it_is_on_a_terminal_and_nowhere_else() {
    let deployment = Deployment::start().await;
    let receiver = deployment.listen(&["--fail", "9", "--quiet"]).await;
    let create = format!("hooks create --json --event * --url {} --set retry={{\"delays\":[]}}", receiver.url);
    let hook = deployment.run(&create).await.json()["id"].as_str().unwrap().to_owned();
    let events: Vec<String> = (0..9).map(|n| format!(r#"{{"id":"e-{n}","type":"a","data":{n}}}"#)).collect();
    let file = deployment.file("events.jsonl", &events.join("\n"));
    let copy = deployment.directory.path().join("copy.tar");
    let on_a_terminal = async |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.args(["-c", ON_A_TERMINAL]).arg(binary().as_std().get_program()).args(arguments);
        command.env("HOOKLINE_API", &deployment.api).env("HOOKLINE_KEY", KEY).env("HOOKLINE_TENANT", "acme");
        command.stdin(Stdio::null());
        run(command).await
    };
    let published = on_a_terminal(&["events", "publish", "--batch", file.to_str().unwrap()]).await;
    assert!(published.out.contains("published [##############################] 100% 9 of 9"), "{}", published.out);
    for n in 0..9 {
        deployment.settled(&format!("e-{n}")).await;
    }
    let replayed = on_a_terminal(&["replays", "create", "--hook", &hook, "--kind", "failed", "--wait"]).await;
    assert!(
        replayed.code == 0 && replayed.out.contains("sent [") && replayed.out.contains("finished"),
        "{}",
        replayed.out
    );
    let copied = on_a_terminal(&["backup", "--to", copy.to_str().unwrap()]).await;
    assert!(copied.code == 0 && copied.out.contains("copied"), "{}", copied.out);
    let quiet = deployment.run_with("events publish --batch", &[file.to_str().unwrap()]).await;
    assert_eq!(quiet.err, "9 accepted\n");
}
