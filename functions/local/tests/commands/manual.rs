//! Completions, man pages, and what asks before it deletes.

use tokio::process::Command;

use super::{Deployment, nowhere, run};
use crate::binary::{KEY, binary, clean, listening};

#[tokio::test]
async fn completions_are_printed_for_each_shell_and_bash_takes_them() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let mut command = binary();
        command.args(["completions", shell]);
        let said = run(command).await;
        said.succeeded();
        for word in ["hookline", "dead-letters", "allow-http"] {
            assert!(said.out.contains(word), "{shell}: no {word}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["completions", "bash"]);
    std::fs::write(directory.path().join("hookline.bash"), run(command).await.out).unwrap();
    let mut bash = clean(Command::new("bash"));
    let ask = "source hookline.bash; COMP_WORDS=(hookline hooks del); COMP_CWORD=2; _hookline hookline del hooks; echo \"${COMPREPLY[@]}\"";
    bash.args(["--norc", "-c", ask]).current_dir(directory.path());
    assert_eq!(run(bash).await.out, "delete\n");
}

#[tokio::test]
async fn each_command_has_a_man_page() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["man", "--dir"]).arg(directory.path().join("man1"));
    run(command).await.succeeded();
    for (page, word) in
        [("hookline", "Sends webhooks"), ("hookline-serve", "retention"), ("hookline-hooks-create", "url")]
    {
        let text = std::fs::read_to_string(directory.path().join(format!("man1/{page}.1"))).unwrap();
        assert!(text.contains(".TH") && text.contains(word), "{page}: {text}");
    }
}

/// Each of these would ask the API, and nothing answers there.
#[tokio::test]
async fn what_deletes_wants_a_yes_and_names_the_flag_where_nobody_can_be_asked() {
    let (_socket, api) = nowhere();
    for line in [
        "tenants delete acme",
        "hooks delete hook_1",
        "profiles delete mine",
        "event-types delete a",
        "keys revoke key_1",
        "keys revoke key_1 --operator",
        "events expunge e",
        "expungements create --event-type post.*",
        "dead-letters delete 1-events-1",
    ] {
        let said = async |more: &[&str]| {
            let mut command = binary();
            command.args(line.split(' ')).args(["--api", &api, "--key", KEY, "--tenant", "acme"]).args(more);
            run(command).await
        };
        let refused = said(&[]).await;
        assert_eq!(refused.code, 2, "{line}: {}", refused.err);
        assert!(refused.err.contains("cannot be undone") && refused.err.contains("--yes"), "{line}: {}", refused.err);
        let asked = said(&["--yes"]).await;
        assert!(asked.code == 1 && asked.err.contains("nothing answers"), "{line}: {}", asked.err);
    }
}

#[tokio::test]
async fn counting_what_would_be_deleted_asks_for_no_yes() {
    let deployment = Deployment::start().await;
    deployment.run("expungements create --dry-run").await.succeeded();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_a_terminal_it_asks_and_takes_no_for_an_answer() {
    let deployment = Deployment::start().await;
    let answered = async |answer: &str| {
        // `script` gives a terminal.
        let line =
            format!("echo {answer} | script -qec '{} tenants delete acme' /dev/null", env!("CARGO_BIN_EXE_hookline"));
        let mut command = Command::new("sh");
        command.args(["-c", &line]);
        for (name, value) in [("HOOKLINE_API", deployment.api.as_str()), ("HOOKLINE_KEY", KEY)] {
            command.env(name, value);
        }
        let output = command.output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = answered("n").await;
    assert!(refused.contains("[y/N]") && refused.contains("nothing was deleted"), "{refused}");
    deployment.run("tenants get acme").await.succeeded();
    let done = answered("y").await;
    assert!(done.contains("deleted tenant acme"), "{done}");
    assert_eq!(deployment.run("tenants get acme").await.code, 1);
}

#[tokio::test]
async fn http_is_allowed_by_a_variable_as_people_write_it() {
    for (value, is_allowed) in
        [("1", true), ("true", true), ("yes", true), ("on", true), ("0", false), ("no", false), ("", false)]
    {
        let mut command = binary();
        command.args(["serve", "--temporary", "--operator-key", KEY, "--allow-network", "127.0.0.0/8"]);
        let (_server, address, _log) = listening({
            command.env("HOOKLINE_ALLOW_HTTP", value).stdout(std::process::Stdio::null());
            command
        })
        .await;
        let api = format!("http://{address}");
        let said = async |line: &str| {
            let mut command = binary();
            command.args(line.split(' ')).args(["--api", &api, "--key", KEY, "--tenant", "acme"]);
            run(command).await
        };
        said("tenants create acme").await.succeeded();
        let created = said("hooks create --url http://127.0.0.1:1/ --event *").await;
        assert_eq!(created.code == 0, is_allowed, "{value:?}: {}", created.err);
    }
    let mut command = binary();
    command.args(["serve", "--temporary"]).env("HOOKLINE_ALLOW_HTTP", "maybe");
    let said = run(command).await;
    assert!(said.code == 2 && said.err.contains("expected 1, true, yes or on"), "{}", said.err);
}
