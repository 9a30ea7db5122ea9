//! What can be given to a flag is named in its help.

use domain::adjustment::AdjustmentCause;
use domain::audit::TargetKind;
use domain::capability::Capability;
use domain::delivery::Status;
use domain::key::Scope;
use domain::plan::{ChangeKind, PlanState};

use super::*;

/// What the help of a command says of one flag.
async fn help(line: &str, flag: &str) -> String {
    let mut command = binary();
    command.args(line.split(' ')).arg("--help");
    let said = run(command).await;
    said.succeeded();
    let (_, rest) = said.out.split_once(&format!("--{flag} <")).unwrap_or_else(|| panic!("{line} has no --{flag}"));
    rest.split("\n      --").next().unwrap().to_owned()
}

#[tokio::test]
async fn whatever_a_flag_takes_is_named_in_its_help() {
    let capabilities: Vec<_> = Capability::ALL.iter().map(|capability| capability.as_str()).collect();
    // An operator's key has a flag of its own, and a limited one is a portal key with capabilities.
    let scopes = Scope::ALL.iter().filter(|scope| !matches!(scope, Scope::Operator | Scope::Limited));
    // Of an adjustment, not of an entry of the audit trail.
    let targets = TargetKind::ALL.iter().filter(|kind| **kind != TargetKind::External);
    // Nobody can look for what was deleted.
    let statuses = Status::ALL.iter().filter(|status| **status != Status::Deleted);
    for (line, flag, names) in [
        ("keys create", "capabilities", capabilities.clone()),
        ("portal link", "capabilities", capabilities),
        ("keys create", "scope", scopes.map(|scope| scope.as_str()).collect()),
        ("audit", "kind", targets.map(|kind| kind.as_str()).collect()),
        ("deliveries list", "status", statuses.map(|status| status.as_str()).collect()),
        ("plans list", "state", PlanState::ALL.iter().map(|state| state.as_str()).collect()),
        ("plans list", "kind", ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect()),
        ("adjustments list", "cause", AdjustmentCause::ALL.iter().map(|cause| cause.as_str()).collect()),
    ] {
        let help = help(line, flag).await;
        let named: Vec<_> = help.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        for name in names {
            assert!(named.contains(&name), "{line} --{flag} does not name {name}: {help}");
        }
    }
}
