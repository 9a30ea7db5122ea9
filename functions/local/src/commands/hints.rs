//! Which flag helps where the API refuses.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::Failure;
use super::failure::Problem;

/// A failure, and beside it the flags of the command that gave what is wrong. `words` are those
/// that the process was called with.
pub(crate) fn with_hints(failure: Failure, cli: &Command, words: impl Iterator<Item = String>) -> anyhow::Error {
    let Failure::Refused(problem) = &failure else { return failure.into() };
    let command = called(cli, words);
    let mut text = problem.to_string();
    if let Some(advice) = advice(problem) {
        let _ = write!(text, "; {advice}");
    }
    let mut told: Vec<String> = Vec::new();
    for field in problem.fields() {
        if let Some(flag) = flag_for(command, field)
            && !told.contains(&flag)
        {
            told.push(flag);
        }
    }
    if !told.is_empty() {
        let _ = write!(text, "\n  see {}", told.join(", "));
    }
    anyhow::Error::msg(text)
}

/// What helps whatever the command is.
fn advice(problem: &Problem) -> Option<&'static str> {
    match problem.status() {
        401 => Some("give another key with --key or HOOKLINE_KEY"),
        403 => Some("give a key that may with --key or HOOKLINE_KEY"),
        404 if problem.is_of_tenant() => Some("name another with --tenant or HOOKLINE_TENANT"),
        404 if problem.is_of_what_tenants_have() => Some("--tenant says whose it is, and --api where"),
        _ => None,
    }
}

/// The innermost command of those words.
fn called(cli: &Command, words: impl Iterator<Item = String>) -> &Command {
    words.fold(cli, |command, word| command.find_subcommand(word).unwrap_or(command))
}

/// The flag that gives a field, or the one that gives any.
fn flag_for(command: &Command, field: &str) -> Option<String> {
    let root = field.split(['.', '[']).next().filter(|root| !root.is_empty())?;
    let name = root.replace('_', "-");
    let long = |arg: &Arg, name: &str| arg.get_long() == Some(name);
    let find = |name: &str| command.get_arguments().find(|arg| long(arg, name)).map(|_| format!("--{name}"));
    let singular = name.strip_suffix('s').unwrap_or(&name);
    // Some are shorter than the fields they give: --type of `event_type`.
    let last = name.rsplit('-').next().unwrap_or(&name);
    let any = || find("set").map(|set| format!("{set} {field}=JSON"));
    find(&name).or_else(|| find(singular)).or_else(|| find(last)).or_else(any)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn told(status: u16, problem: &str, words: &[&str]) -> String {
        let failure = Failure::Refused(Problem::read(status, problem));
        with_hints(failure, &Cli::command(), words.iter().map(|word| (*word).to_owned())).to_string()
    }

    #[test]
    fn fields_that_are_wrong_name_their_flags() {
        let wrong = r#"{"detail":"2 fields are wrong","errors":[{"field":"url","message":"a"},
            {"field":"events[0]","message":"b"},{"field":"retry.delays","message":"c"}]}"#;
        let told_of_hook = told(422, wrong, &["hooks", "create", "--url", "x"]);
        assert!(told_of_hook.ends_with("see --url, --event, --set retry.delays=JSON"), "{told_of_hook}");
        let wrong = r#"{"detail":"x","errors":[{"field":"event_type","message":"a"}]}"#;
        assert!(told(422, wrong, &["hooks", "test", "hook_1"]).ends_with("see --type"));
        assert!(!told(422, wrong, &["doctor"]).contains("see"));
    }

    #[test]
    fn keys_and_tenants_that_are_wrong_name_the_flags_that_give_them() {
        assert!(told(401, "", &["hooks", "list"]).contains("--key"));
        assert!(told(403, "", &["keys", "list"]).contains("HOOKLINE_KEY"));
        assert!(told(404, r#"{"detail":"no such tenant"}"#, &["hooks", "list"]).contains("--tenant"));
    }
}
