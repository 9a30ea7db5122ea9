//! One hook: how it is, and what can be done with it.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::delivery::done;
use super::frame::HOOKS;
use super::hooks::{chart, charts, name, state_badge, why};
use super::log;
use crate::api::{Counts, Entry, Hook, List};
use crate::components::listing::{address, path};
use crate::components::menu::{self, Entry as MenuEntry};
use crate::components::{facts, field, heading, id, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Done, Query};
use crate::statistics::per_cent;
use crate::texts::fill;
use crate::visit::PortalVisit;

/// Below the page of a hook, and what each part needs.
const TABS: [(&str, &str); 8] = [
    ("", "view"),
    ("executions", "view"),
    ("statistics", "view"),
    ("settings", "manage"),
    ("test", "test"),
    ("secret", "view"),
    ("send-again", "send_again"),
    ("changes", "view"),
];

pub(crate) fn address_of(hook: &str, part: &str) -> String {
    let segments: Vec<_> =
        ["portal", "hooks", hook].into_iter().chain(part.split('/').filter(|part| !part.is_empty())).collect();
    path(&segments)
}

pub(crate) async fn load(visit: &PortalVisit, hook: &str) -> Result<Hook, Failure> {
    Ok(visit.api().get(&visit.path(&["hooks", hook]), &[]).await?)
}

/// The head that the parts of a hook have in common, and below it the part.
pub(crate) fn around(visit: &PortalVisit, hook: &Hook, part: &str, inner: &Markup) -> Page {
    let t = visit.texts();
    let label = |part: &str| match part {
        "executions" => t.nav_log,
        "statistics" => t.statistics,
        "changes" => t.tab_changes,
        "settings" => t.tab_settings,
        "test" => t.tab_test,
        "secret" => t.tab_secret,
        "send-again" => t.tab_send_again,
        _ => t.overview,
    };
    let tabs: Vec<_> = TABS
        .into_iter()
        .filter(|(_, needed)| visit.session.may(needed))
        .map(|(tab, _)| MenuEntry::new(label(tab), address_of(&hook.id, tab), tab == part))
        .collect();
    let main = html! {
        (heading(name(hook), &html! { (state_badge(hook, visit.language())) (switch(visit, hook)) }))
        (menu::tabs(&tabs, t.tabs))
        (inner)
    };
    Page::new(HOOKS, format!("{} – {}", name(hook), label(part)), main)
}

/// Enabled or Disabled, and the way from one to the other.
fn switch(visit: &PortalVisit, hook: &Hook) -> Markup {
    let t = visit.texts();
    html! {
        @if visit.session.may("manage") {
            @if hook.enabled {
                (notice::confirm(t.disable, t.disable_question, &field::button(&address_of(&hook.id, "disable"), &visit.form_token, "", t.disable)))
            } @else { (field::button(&address_of(&hook.id, "enable"), &visit.form_token, "primary", t.enable)) }
        }
    }
}

pub(crate) async fn overview(visit: PortalVisit, Path(hook): Path<String>, Query(query): Query<Done>) -> Answer {
    let t = visit.texts();
    let hook = load(&visit, &hook).await?;
    // Counts are kept by day, so this costs the same however many executions there are.
    let by_day = [("interval", "day"), ("hook", hook.id.as_str())];
    let counts: Counts = visit.api().get(&visit.path(&["counts"]), &by_day).await?;
    let bars = charts(&visit, Some(&hook.id)).await?.remove(&hook.id).unwrap_or_default();
    let language = visit.language();
    let tags = |words: &[String]| html! { @for word in words { code.tag { (word) } " " } @if words.is_empty() { "–" } };
    let when = |at: &Option<String>| html! { @match at { Some(at) => (time::relative(at, &visit.reader, language)), None => (t.never) } };
    let attempts: u64 = counts.items.iter().map(|day| day.attempts).sum();
    let succeeded: u64 = counts.items.iter().map(|day| day.succeeded).sum();
    let last = counts.items.iter().rev().find(|day| day.duration_ms.p50.is_some());
    let took = |time: Option<u64>| time.map_or_else(|| "–".to_owned(), time::took);
    let inner = html! {
        (done(&visit, &query.done))
        (why(&hook, &visit.reader, language))
        (chart(&bars, language))
        (facts(&[
            ("URL", html! { code { (hook.method) " " (hook.url) } }),
            (t.events, tags(&hook.events)),
            (t.channels, tags(&hook.channels)),
            (t.description, html! { (hook.description) @if hook.description.is_empty() { "–" } }),
            (t.attempts_30_days, html! {
                (attempts)
                @if attempts > 0 { ", " (fill(t.share_successful, &[("share", &per_cent(succeeded, attempts))])) }
            }),
            (t.nav_log, html! {
                @for status in ["failed", "retrying", "waiting", "skipped"] {
                    a href=(address(&address_of(&hook.id, "executions"), &[("status", status)], &[])) { (t.status_of(status)) } " "
                }
            }),
            (t.durations, html! {
                @match last {
                    Some(day) => { "p50 " (took(day.duration_ms.p50)) ", p95 " (took(day.duration_ms.p95)) ", p99 " (took(day.duration_ms.p99)) },
                    None => { "–" },
                }
            }),
            (t.last_success, when(&hook.health.last_success)),
            (t.last_failure, when(&hook.health.last_failure)),
            (t.profile, html! { (hook.profile) }),
            (t.created, time::exact(&hook.created_at, &visit.reader, language)),
            (t.last_change, time::exact(&hook.updated_at, &visit.reader, language)),
            ("ID", id(&hook.id, t.copy)),
        ]))
        @if visit.session.may("manage") {
            (notice::confirm(t.delete, t.delete_question, &field::button(&address_of(&hook.id, "delete"), &visit.form_token, "danger", t.delete)))
        }
    };
    Ok(around(&visit, &hook, "", &inner))
}

pub(crate) async fn executions(
    visit: PortalVisit,
    Path(hook): Path<String>,
    Query(mut filters): Query<log::Filters>,
) -> Answer {
    let hook = load(&visit, &hook).await?;
    filters.hook.clone_from(&hook.id);
    let hooks = List { items: vec![Entry::Fine(hook.clone())], next_cursor: None, total: None };
    let inner = html! {
        (done(&visit, &filters.done))
        p.actions { (log::pause(&visit)) }
        (log::entries(&visit, &address_of(&hook.id, "executions"), &filters, &hooks, false).await?)
    };
    Ok(around(&visit, &hook, "executions", &inner))
}

pub(crate) async fn enable(visit: PortalVisit, Path(hook): Path<String>) -> Result<Response, Failure> {
    set_enabled(&visit, &hook, true).await
}

pub(crate) async fn disable(visit: PortalVisit, Path(hook): Path<String>) -> Result<Response, Failure> {
    set_enabled(&visit, &hook, false).await
}

async fn set_enabled(visit: &PortalVisit, hook: &str, enabled: bool) -> Result<Response, Failure> {
    let _: Value = visit.api().patch(&visit.path(&["hooks", hook]), &json!({ "enabled": enabled })).await?;
    let done = if enabled { "enabled" } else { "disabled" };
    Ok(see_other(&address(&address_of(hook, ""), &[("done", done)], &[])))
}

pub(crate) async fn delete(visit: PortalVisit, Path(hook): Path<String>) -> Result<Response, Failure> {
    visit.api().delete(&visit.path(&["hooks", &hook])).await?;
    Ok(see_other("/portal/hooks?done=deleted"))
}
