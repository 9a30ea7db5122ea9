//! Hooks that fail, over all tenants: why, and since when.

use maud::{Markup, html};
use serde::Deserialize;

use super::batch;
use super::frame::FAILING;
use super::shown::{NEXT, ago, ago_or_never, done, hook_address, name, tenant_link, unreadable};
use crate::api::{Attempt, Entry, Hook, List};
use crate::components::badge::{HookState, badge};
use crate::components::listing::{self, Column, address};
use crate::components::menu::{self, Entry as MenuEntry};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, heading, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::visit::OperatorVisit;

const PATH: &str = "/console/failing";
/// As the API calls them, and as they are called here.
const STATES: [(&str, &str); 3] = [("", "Failing"), ("resting", "Resting"), ("disabled", "Disabled for it")];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    state: String,
    cursor: String,
    done: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct FailingHook {
    tenant: String,
    last_failed_attempt: Option<Attempt>,
    #[serde(flatten)]
    hook: Hook,
}

/// Those that fail most come first.
pub(crate) async fn find(
    visit: &OperatorVisit,
    state: &str,
    limit: &str,
    cursor: &str,
) -> Result<List<FailingHook>, Failure> {
    let asked = given(&[("state", state), ("limit", limit), ("cursor", cursor)]);
    Ok(visit.api().get(&["v1", "hooks"], &asked).await?)
}

pub(crate) fn state(hook: &Hook) -> Markup {
    let state = HookState::of(hook);
    let word = match state {
        HookState::Disabled => "disabled",
        HookState::Resting => "circuit open",
        HookState::Failing => "failing",
        HookState::Unverified => "not verified",
        HookState::Enabled => "enabled",
    };
    badge(state.tone(), word)
}

/// With boxes for what can be done with several.
pub(crate) fn table(visit: &OperatorVisit, hooks: &[Entry<FailingHook>]) -> Markup {
    let columns = [
        Column::hidden("Choose"),
        Column::text("Hook"),
        Column::text("Tenant"),
        Column::text("State"),
        Column::text("Since"),
        Column::text("Why"),
        Column::number("In a row"),
        Column::text("Last success"),
    ];
    let rows = html! {
        @for entry in hooks {
            @match entry {
                Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                Entry::Fine(FailingHook { tenant, last_failed_attempt, hook }) => tr {
                    td { (batch::choice(tenant, &hook.id, name(hook))) }
                    td { a href=(hook_address(tenant, &hook.id)) { (name(hook)) } br; code.help { (hook.method) " " (shortened(&hook.url, IN_A_LIST)) } }
                    td { (tenant_link(tenant)) }
                    td { (state(hook)) }
                    td { @match hook.disabled_at.as_deref().or(hook.health.failing_since.as_deref()) { Some(at) => (ago(visit, at)), None => "–" } }
                    td { (why(hook, last_failed_attempt.as_ref())) }
                    td.number { (hook.health.consecutive_failures) }
                    td { (ago_or_never(visit, hook.health.last_success.as_deref())) }
                },
            }
        }
    };
    batch::hooks_form(visit, &listing::table("Failing hooks", &columns, &rows))
}

fn why(hook: &Hook, last: Option<&Attempt>) -> Markup {
    html! {
        @if let Some(reason) = &hook.disabled_reason { (reason) ". " }
        @match last {
            Some(Attempt { status_code: Some(code), .. }) => { "answered with " (code) },
            Some(Attempt { error: Some(error), .. }) => (shortened(error, IN_A_LIST)),
            Some(attempt) => (attempt.outcome),
            None if hook.disabled_reason.is_none() => "–",
            None => {},
        }
    }
}

pub(crate) fn none(state: &str) -> Markup {
    match state {
        "" => notice::empty(
            "No hook fails",
            &html! {
                p { "None has failed twice in a row, or failed for good without a success since. The log of all deliveries:" }
                (code::block("Shell", "hookline deliveries list --all-tenants --status failed", "Copy"))
            },
        ),
        "resting" => notice::empty("No circuit is open", &html! { p { "Whatever is due goes out." } }),
        _ => notice::empty(
            "None was disabled",
            &html! { p { "Hooks that fail for longer than their " code { "disable_after" } ", or answer 410 Gone, would be here." } },
        ),
    }
}

pub(crate) async fn page(visit: OperatorVisit, Query(filters): Query<Filters>) -> Answer {
    let chosen = STATES.into_iter().find(|(name, _)| *name == filters.state).unwrap_or(STATES[0]).0;
    let hooks = find(&visit, chosen, "50", &filters.cursor).await?;
    let tabs =
        STATES.map(|(name, label)| MenuEntry::new(label, address(PATH, &[("state", name)], &[]), name == chosen));
    let main = html! {
        (done(&filters.done))
        (heading("Failing hooks", &html! {}))
        (menu::tabs(&tabs, "Kinds of failing hooks"))
        p.help { "Hooks of all tenants. " @if chosen == "disabled" { "Those that were disabled last come first." } @else { "Those that failed most often in a row come first." } }
        @if !hooks.items.is_empty() { (table(&visit, &hooks.items)) }
        @else if hooks.next_cursor.is_some() { p { "Nothing on this page; more may be on the next." } }
        @else { (none(chosen)) }
        (listing::pager(PATH, &[("state", chosen)], hooks.next_cursor.as_deref(), NEXT))
    };
    Ok(Page::new(FAILING, "Failing hooks", main))
}
