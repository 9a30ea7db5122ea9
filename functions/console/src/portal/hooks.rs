//! Hooks as cards: their state, why and since when they fail, and what went out lately.

use std::collections::HashMap;

use api_client::Refusal;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use super::delivery::done;
use super::frame::HOOKS;
use super::hook::address_of;
use crate::api::{Counts, Entry, Hook, List};
use crate::components::badge::{HookState, Tone, badge};
use crate::components::chart::{Bar, sparkline};
pub(crate) use crate::components::delivered::name;
use crate::components::field::Field;
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{heading, id, listing, notice, time};
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::reader::{Language, Reader};
use crate::texts::fill;
use crate::visit::PortalVisit;

const HOURS: usize = 24;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    name: String,
    enabled: String,
    cursor: String,
    done: String,
}

pub(crate) async fn list(visit: PortalVisit, Query(filters): Query<Filters>) -> Answer {
    let t = visit.texts();
    let query = [("name", filters.name.trim()), ("enabled", filters.enabled.as_str())];
    let asked = given(&[query[0], query[1], ("cursor", &filters.cursor)]);
    let hooks: List<Hook> = visit.api().get(&visit.path(&["hooks"]), &asked).await?;
    let charts = if hooks.items.is_empty() { HashMap::new() } else { charts(&visit, None).await? };
    let is_filtered = query.iter().any(|(_, value)| !value.is_empty());
    let new = html! { @if visit.session.may("manage") { a.button.primary href="/portal/hooks/new" { (t.new_hook) } } };
    let main = html! {
        (done(&visit, &filters.done))
        (heading(t.hooks_title, &new))
        @if let Some(welcome) = &visit.session.branding.texts.welcome { p.welcome { (welcome) } }
        @if hooks.items.is_empty() && !is_filtered {
            (notice::empty(t.no_hooks_title, &html! {
                p { (visit.session.branding.texts.no_hooks.as_deref().unwrap_or(t.no_hooks_help)) }
                p.actions { (new) }
            }))
        } @else {
            (search(&visit, &filters))
            @if hooks.items.is_empty() { (notice::empty(t.nothing_found, &html! { p { (t.nothing_found_help) } })) }
            @if let Some(total) = hooks.total { p.help { (fill(t.hooks_counted, &[("n", &total.to_string())])) } }
            ul.cards { @for entry in &hooks.items { li { (card(&visit, entry, &charts)) } } }
            (listing::pager("/portal/hooks", &query, hooks.next_cursor.as_deref(), t.next_page))
        }
    };
    Ok(Page::new(HOOKS, t.hooks_title, main))
}

fn search(visit: &PortalVisit, filters: &Filters) -> Markup {
    let t = visit.texts();
    let states = [("", t.all), ("true", t.enabled), ("false", t.disabled)];
    html! {
        form.filters role="search" action="/portal/hooks" {
            (Field::new("name", t.search_hooks).input("search", &filters.name))
            (Field::new("enabled", t.status).select(&states, &filters.enabled))
            button.button { (t.filter) }
        }
    }
}

fn card(visit: &PortalVisit, entry: &Entry<Hook>, charts: &HashMap<String, Vec<Bar>>) -> Markup {
    let t = visit.texts();
    let hook = match entry {
        Entry::Fine(hook) => hook,
        Entry::Unreadable { id, unreadable } => {
            return html! {
                article.card { h2 { (id) } p { (fill(t.unreadable, &[("why", unreadable)])) } }
            };
        }
    };
    let bars = charts.get(&hook.id).cloned().unwrap_or_else(|| vec![Bar::default(); HOURS]);
    html! {
        article.card.hook {
            header {
                h2 { a href=(address_of(&hook.id, "")) { (name(hook)) } }
                (state_badge(hook, visit.language()))
            }
            p.url { code { (hook.method) " " (shortened(&hook.url, IN_A_LIST)) } }
            (why(hook, &visit.reader, visit.language()))
            (chart(&bars, visit.language()))
            dl.facts {
                div { dt { (t.last_delivery) } dd {
                    @match &hook.health.last_execution {
                        Some(at) => (time::relative(at, &visit.reader, visit.language())),
                        None => (t.never),
                    }
                } }
                div { dt { (t.events) } dd { @for event in hook.events.iter().take(5) { code.tag { (event) } " " } @if hook.events.len() > 5 { "…" } } }
                div { dt { "ID" } dd { (id(&hook.id, t.copy)) } }
            }
            p.actions { a.button href=(address_of(&hook.id, "executions")) { (t.show_executions) } }
        }
    }
}

pub(crate) fn state_badge(hook: &Hook, language: Language) -> Markup {
    let t = language.texts();
    let state = HookState::of(hook);
    let text = match state {
        HookState::Disabled => t.disabled,
        HookState::Resting => t.resting,
        HookState::Failing => t.failing,
        HookState::Unverified => t.unverified,
        HookState::Enabled => t.enabled,
    };
    badge(state.tone(), text)
}

/// Why and since when it gets nothing, fails or rests.
pub(crate) fn why(hook: &Hook, reader: &Reader, language: Language) -> Markup {
    let t = language.texts();
    let distance = |text: &str| {
        text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| time::distance(at, reader.now, language))
    };
    let health = &hook.health;
    html! {
        @if let (false, Some(at)) = (hook.enabled, &hook.disabled_at) {
            (notice::notice(Tone::Neutral, &html! { p {
                (fill(t.disabled_since, &[("time", &distance(at)), ("reason", hook.disabled_reason.as_deref().unwrap_or("–"))]))
                @if let Some(waiting) = hook.waiting.as_ref().filter(|waiting| waiting.deliveries > 0) {
                    " " (fill(t.waiting_here, &[("count", &format!("{}{}", waiting.deliveries, if waiting.is_exact { "" } else { "+" }))]))
                }
            } }))
        }
        @if let (true, Some(at)) = (hook.enabled, &health.failing_since) {
            (notice::notice(Tone::Bad, &html! { p {
                (fill(t.failing_since, &[("time", &distance(at)), ("count", &health.consecutive_failures.to_string())]))
            } }))
        }
        @if let ("open", Some(at)) = (health.circuit.as_str(), &health.next_probe_at) {
            (notice::notice(Tone::Warning, &html! { p { (fill(t.resting_until, &[("time", &distance(at))])) } }))
        }
        @if health.verification == "pending" { (notice::notice(Tone::Warning, &html! { p { (t.unverified_why) } })) }
    }
}

pub(crate) fn chart(bars: &[Bar], language: Language) -> Markup {
    let t = language.texts();
    let attempts: u64 = bars.iter().map(|bar| bar.good + bar.bad).sum();
    let failed: u64 = bars.iter().map(|bar| bar.bad).sum();
    let label = fill(t.attempts_told, &[("attempts", &attempts.to_string()), ("failed", &failed.to_string())]);
    html! { div.lately { (sparkline(bars, &label)) p.help { (label) } } }
}

/// Attempts of the last day by hour, of every hook or of one.
pub(crate) async fn charts(visit: &PortalVisit, hook: Option<&str>) -> Result<HashMap<String, Vec<Bar>>, Refusal> {
    let hours = HOURS as i64;
    let from = visit.reader.now - SignedDuration::from_hours(hours - 1);
    let since = from.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut query = vec![("interval", "hour"), ("group_by", "hook"), ("since", since.as_str())];
    query.extend(hook.map(|hook| ("hook", hook)));
    let counts: Counts = visit.api().get(&visit.path(&["counts"]), &query).await?;
    let first = from.as_second() / 3_600;
    let mut charts: HashMap<String, Vec<Bar>> = HashMap::new();
    for counted in counts.items {
        let (Some(hook), Ok(at)) = (counted.hook_id, counted.at.parse::<Timestamp>()) else { continue };
        let bars = charts.entry(hook).or_insert_with(|| vec![Bar::default(); HOURS]);
        let hour = usize::try_from(at.as_second() / 3_600 - first).ok();
        if let Some(bar) = hour.and_then(|hour| bars.get_mut(hour)) {
            bar.good += counted.succeeded;
            bar.bad += counted.attempts.saturating_sub(counted.succeeded);
        }
    }
    Ok(charts)
}
