//! What there is to look up can be looked up.

use std::collections::HashSet;

use domain::adjustment::AdjustmentCause;
use domain::advice::AdviceKind;
use domain::capability::Capability;
use domain::delivery::{AttemptOutcome, Status};
use domain::operational;
use domain::plan::{ChangeKind, PlanState};
use domain::profile::built_in;
use domain::settings::Settings;
use domain::signature::Scheme;
use serde_json::Value;

use crate::binary::binary;
use crate::markdown::{read, rows};

fn assert_rows<'a>(page: &str, names: impl IntoIterator<Item = &'a str>) {
    let rows: HashSet<String> = rows(page).into_iter().collect();
    let missing: Vec<&str> = names.into_iter().filter(|name| !rows.contains(*name)).collect();
    assert!(missing.is_empty(), "{page} has no row for {missing:?}");
}

#[test]
fn every_setting_and_every_profile_is_explained() {
    assert_rows("docs/settings.md", Settings::FIELDS.iter().copied());
    assert_rows("docs/settings.md", built_in().iter().map(|profile| profile.name.as_str()));
}

#[test]
fn every_signature_scheme_is_explained() {
    assert_rows("docs/settings.md", Scheme::ALL.iter().map(|scheme| scheme.name()));
}

#[test]
fn every_status_and_every_event_about_hooks_is_explained() {
    assert_rows("docs/events.md", operational::TYPES);
    assert_rows("docs/events.md", operational::PLAN_TYPES);
    assert_rows("docs/plans.md", PlanState::ALL.iter().map(|state| state.as_str()));
    assert_rows("docs/plans.md", ChangeKind::ALL.iter().map(|kind| kind.as_str()));
    assert_rows("docs/plans.md", AdviceKind::ALL.iter().map(|kind| kind.as_str()));
    assert_rows("docs/plans.md", AdjustmentCause::ALL.iter().map(|cause| cause.as_str()));
    assert_rows("docs/portal.md", Capability::ALL.iter().map(|capability| capability.as_str()));
    assert_rows("docs/events.md", Status::ALL.iter().map(|status| status.as_str()));
    assert_rows("docs/events.md", AttemptOutcome::ALL.iter().map(|outcome| outcome.as_str()));
}

#[test]
fn every_route_is_listed() {
    let document: Value = serde_json::from_str(&read("tests/snapshots/openapi.json")).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|key| key.as_str() != "parameters") {
            routes.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_rows("docs/api.md", routes.iter().map(String::as_str));
}

#[tokio::test]
async fn every_command_and_every_flag_of_the_server_is_listed() {
    let help = async |arguments: &[&str]| {
        let output = binary().args(arguments).arg("--help").output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let serve = help(&["serve"]).await;
    let variables = serve.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    let flags = serve.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
    assert_rows("docs/cli.md", flags.chain(variables));
    let all = help(&[]).await;
    let (_, commands) = all.split_once("Commands:").unwrap();
    let commands = commands.lines().skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    assert_rows("docs/cli.md", names);
}
