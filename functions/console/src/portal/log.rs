//! Executions: what was sent lately over all hooks, and what was answered.

use api_client::Refusal;
use maud::{Markup, html};
use serde::Deserialize;

use super::delivery::done;
use super::frame::EXECUTIONS;
use crate::api::{Delivery, Entry, Hook, List};
use crate::components::badge::{STATUSES, Tone, badge};
use crate::components::delivered::answer;
use crate::components::field::{self, Field};
use crate::components::listing::{self, Column, path};
use crate::components::period::{Bounds, Period};
use crate::components::{heading, notice, time};
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::texts::fill;
use crate::visit::PortalVisit;

const PATH: &str = "/portal/executions";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    pub(crate) hook: String,
    status: String,
    code: String,
    event_type: String,
    event_prefix: String,
    #[serde(flatten)]
    time: Period,
    cursor: String,
    pub(crate) done: String,
}

impl Filters {
    fn query(&self) -> Vec<(&str, &str)> {
        vec![
            ("hook", self.hook.trim()),
            ("status", self.status.as_str()),
            ("code", self.code.trim()),
            ("event_type", self.event_type.trim()),
            ("event_prefix", self.event_prefix.trim()),
        ]
    }
}

pub(crate) async fn list(visit: PortalVisit, Query(filters): Query<Filters>) -> Answer {
    let t = visit.texts();
    let hooks: List<Hook> = visit.api().get(&visit.path(&["hooks"]), &[("limit", "100")]).await?;
    let main = html! {
        (done(&visit, &filters.done))
        (heading(t.log_title, &pause(&visit)))
        (entries(&visit, PATH, &filters, &hooks, true).await?)
    };
    Ok(Page::new(EXECUTIONS, t.log_title, main))
}

/// Live update goes on by itself; this stops it. Without a script there is none.
pub(crate) fn pause(visit: &PortalVisit) -> Markup {
    html! { button.button type="button" hidden data-needs-script data-live-toggle aria-pressed="false" { (visit.texts().pause_live) } }
}

/// Filters and the executions that meet them; of one hook where that is fixed.
pub(crate) async fn entries(
    visit: &PortalVisit,
    base: &str,
    filters: &Filters,
    hooks: &List<Hook>,
    with_hooks: bool,
) -> Result<Markup, Refusal> {
    let t = visit.texts();
    let query = filters.query();
    let bounds = filters.time.bounds(&visit.reader, t);
    let narrowed =
        [("since", bounds.since.as_str()), ("until", bounds.until.as_str()), ("cursor", filters.cursor.as_str())];
    let asked = given(&query.iter().copied().chain(narrowed).collect::<Vec<_>>());
    let deliveries: List<Delivery> = visit.api().get(&visit.path(&["deliveries"]), &asked).await?;
    let kept = query.into_iter().filter(|(name, _)| with_hooks || *name != "hook");
    let kept: Vec<_> = kept.chain(filters.time.query()).collect();
    let is_filtered = kept.iter().any(|(_, value)| !value.is_empty());
    let may_send = visit.session.may("send_again");
    let table = listing::table(
        t.log_title,
        &columns(visit, may_send, with_hooks),
        &html! {
            @for entry in &deliveries.items { (row(visit, entry, hooks, may_send, with_hooks)) }
        },
    );
    Ok(html! {
        (filter_form(visit, base, filters, &bounds, hooks, with_hooks))
        div #live data-live {
            @if deliveries.items.is_empty() {
                @if deliveries.next_cursor.is_some() { p { (t.more_on_next_page) } }
                @else if is_filtered { (notice::empty(t.nothing_found, &html! { p { (t.nothing_found_help) } })) }
                @else { (notice::empty(t.no_log_title, &html! { p { (t.no_log_help) } })) }
            } @else if may_send {
                (field::form("/portal/executions/send-again", &visit.form_token, &html! {
                    input type="hidden" name="back" value=(listing::address(base, &kept, &[]));
                    (table)
                    button.button { (t.send_selected) }
                }))
            } @else { (table) }
            (listing::pager(base, &kept, deliveries.next_cursor.as_deref(), t.next_page))
        }
    })
}

fn filter_form(
    visit: &PortalVisit,
    base: &str,
    filters: &Filters,
    bounds: &Bounds,
    hooks: &List<Hook>,
    with_hooks: bool,
) -> Markup {
    let t = visit.texts();
    let statuses: Vec<_> = [("", t.all)].into_iter().chain(STATUSES.map(|name| (name, t.status_of(name)))).collect();
    let mut names = vec![("", t.all)];
    names.extend(hooks.fine().map(|hook| (hook.id.as_str(), super::hooks::name(hook))));
    if !filters.hook.is_empty() && !names.iter().any(|(id, _)| *id == filters.hook) {
        names.push((&filters.hook, &filters.hook));
    }
    html! {
        form.filters role="search" action=(base) {
            @if with_hooks { (Field::new("hook", t.hook).select(&names, &filters.hook)) }
            (Field::new("status", t.status).select(&statuses, &filters.status))
            (filters.time.field(t))
            (Field::new("event_type", t.event_type).input("search", &filters.event_type))
            (Field::new("code", t.code).input("search", &filters.code))
            (Field::new("event_prefix", t.event_id).input("search", &filters.event_prefix))
            (filters.time.exact_fields(bounds, &visit.reader, t))
            button.button { (t.filter) }
            a.button href=(base) { (t.clear) }
        }
    }
}

fn columns(visit: &PortalVisit, may_send: bool, with_hooks: bool) -> Vec<Column<'static>> {
    let t = visit.texts();
    let mut columns = Vec::with_capacity(8);
    if may_send {
        columns.push(Column::hidden(t.select));
    }
    columns.extend([Column::text(t.status), Column::text(t.event_type), Column::text(t.event_id)]);
    if with_hooks {
        columns.push(Column::text(t.hook));
    }
    columns.extend([Column::number(t.attempts), Column::number(t.answer), Column::text(t.last_change)]);
    columns
}

fn row(visit: &PortalVisit, entry: &Entry<Delivery>, hooks: &List<Hook>, may_send: bool, with_hooks: bool) -> Markup {
    let t = visit.texts();
    let delivery = match entry {
        Entry::Fine(delivery) => delivery,
        Entry::Unreadable { id, unreadable } => {
            return html! { tr { td colspan="8" { code { (id) } " " (fill(t.unreadable, &[("why", unreadable)])) } } };
        }
    };
    let hook = hooks.fine().find(|hook| hook.id == delivery.hook_id);
    let page = path(&["portal", "executions", &delivery.id]);
    html! {
        tr {
            @if may_send {
                td { input type="checkbox" name="delivery" value=(delivery.id) aria-label={ (t.select) " " (delivery.event_id) }; }
            }
            td { (badge(Tone::of_status(&delivery.status), t.status_of(&delivery.status))) }
            td { a href=(page) { (delivery.event_type) } }
            td { code { (delivery.event_id) } }
            @if with_hooks { td { @match hook { Some(hook) => (super::hooks::name(hook)), None => code { (delivery.hook_id) } } } }
            td.number { (delivery.attempt_count) }
            td.number { (answer(delivery)) }
            td { (time::relative(&delivery.updated_at, &visit.reader, visit.language())) }
        }
    }
}
