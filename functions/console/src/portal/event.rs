//! One event: what was published, and what became of it at each hook.

use axum::extract::Path;
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::EXECUTIONS;
use crate::api::{Entry, Event, Explained, Explanation, Unmet};
use crate::components::badge::{Tone, badge};
use crate::components::listing::{self, path};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, facts, heading, id, time};
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::texts::{Texts, fill};
use crate::visit::PortalVisit;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    cursor: String,
}

pub(crate) async fn page(visit: PortalVisit, Path(event): Path<String>, Query(from): Query<From>) -> Answer {
    let t = visit.texts();
    let api = visit.api();
    let found: Event = api.get(&visit.path(&["events", &event]), &[]).await?;
    let asked = given(&[("cursor", &from.cursor)]);
    let explained: Explanation = api.get(&visit.path(&["events", &event, "explain"]), &asked).await?;
    let title = fill(t.event_title, &[("id", &found.id)]);
    let main = html! {
        (heading(&title, &html! {}))
        (facts(&[
            ("ID", id(&found.id, t.copy)),
            (t.event_type, html! { code { (found.event_type) } }),
            (t.accepted_at, time::exact(&found.timestamp, &visit.reader, visit.language())),
            (t.channels, html! { @for channel in &found.channels { code.tag { (channel) } " " } @if found.channels.is_empty() { "–" } }),
        ]))
        @if found.expunged { p { (t.no_data) } }
        @else { (code::block(t.event_data, &code::laid_out(found.data.as_ref().map_or("null", |data| data.get())), t.copy)) }
        h2 { (t.each_hook) }
        ul.cards.wide { @for entry in &explained.items { li { (card(&visit, entry)) } } }
        (listing::pager(&path(&["portal", "events", &event]), &[], explained.next_cursor.as_deref(), t.next_page))
    };
    Ok(Page::new(EXECUTIONS, title, main))
}

fn card(visit: &PortalVisit, entry: &Entry<Explained>) -> Markup {
    let t = visit.texts();
    let explained = match entry {
        Entry::Fine(explained) => explained,
        Entry::Unreadable { id, unreadable } => {
            return html! { article.card { h3 { (id) } p { (fill(t.unreadable, &[("why", unreadable)])) } } };
        }
    };
    let is_chosen = explained.verdict == "chosen";
    let (tone, word) = if is_chosen { (Tone::Good, t.verdict_chosen) } else { (Tone::Neutral, t.verdict_not) };
    let name = explained.hook_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&explained.hook_id);
    html! {
        article.card {
            header { h3 { a href=(path(&["portal", "hooks", &explained.hook_id])) { (name) } } (badge(tone, word)) }
            // The API's own words.
            p lang="en" { (explained.sentence) }
            @if let Some(remark) = &explained.remark { p.help lang="en" { (remark) } }
            @if !explained.unmet.is_empty() { ul { @for unmet in explained.unmet.iter().take(5) { li { (condition(unmet, t)) } } } }
            // The sentence tells most of them.
            @for hold in explained.held_by.iter().filter(|hold| !explained.sentence.contains(&hold.sentence)) {
                p.warning lang="en" { (hold.sentence) }
                @if let Some(until) = &hold.until { p.help { (time::relative(until, &visit.reader, visit.language())) } }
            }
            @if let Some(delivery) = &explained.delivery {
                p { (badge(Tone::of_status(&delivery.status), t.status_of(&delivery.status))) " "
                    a href=(path(&["portal", "executions", &delivery.id])) { (t.details) } }
            }
        }
    }
}

pub(crate) fn condition(unmet: &Unmet, t: &Texts) -> String {
    let rules = unmet.rules.as_ref().map(ToString::to_string).unwrap_or_default();
    let rules = shortened(&rules, IN_A_LIST);
    let value = unmet.value.as_deref().unwrap_or(&unmet.cause);
    fill(t.condition, &[("path", &unmet.path), ("value", value), ("rules", &rules)])
}
