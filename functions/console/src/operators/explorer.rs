//! Events and deliveries of all tenants, or of one.

use maud::{Markup, html};
use serde::Deserialize;

use super::batch;
use super::frame::{DELIVERIES, EVENTS};
use super::shown::{
    ENGLISH, NEXT, ago, answer, delivery_address, done, event_address, hook_address, list, status, tenant_link,
    unreadable,
};
use crate::api::{Delivery, Entry, List};
use crate::components::badge::{STATUSES, Tone, badge};
use crate::components::field::Field;
use crate::components::listing::{self, Column};
use crate::components::period::{Bounds, Period};
use crate::components::{heading, notice};
use crate::page::{Answer, Page};
use crate::query::{Query, given};
use crate::visit::OperatorVisit;

/// Of one tenant, or of all.
fn route<'a>(tenant: &'a str, kind: &'a str) -> Vec<&'a str> {
    if tenant.is_empty() { vec!["v1", kind] } else { vec!["v1", "tenants", tenant, kind] }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventFilters {
    tenant: String,
    #[serde(rename = "type")]
    kind: String,
    id_prefix: String,
    matched: String,
    #[serde(flatten)]
    time: Period,
    cursor: String,
}

#[derive(Clone, Deserialize)]
struct ListedEvent {
    tenant: Option<String>,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    channels: Vec<String>,
    accepted_at: String,
    matched: bool,
}

pub(crate) async fn events(visit: OperatorVisit, Query(filters): Query<EventFilters>) -> Answer {
    const PATH: &str = "/console/events";
    let tenant = filters.tenant.trim();
    let t = ENGLISH.texts();
    let bounds = filters.time.bounds(&visit.reader, t);
    let query =
        [("type", filters.kind.trim()), ("id_prefix", filters.id_prefix.trim()), ("matched", filters.matched.as_str())];
    let narrowed = [("since", bounds.since.as_str()), ("until", bounds.until.as_str()), ("limit", "50")];
    let asked = given(&[query, narrowed].concat());
    let events: List<ListedEvent> = list(&visit, &route(tenant, "events"), &asked, &filters.cursor).await?;
    let kept: Vec<_> = query.into_iter().chain([("tenant", tenant)]).chain(filters.time.query()).collect();
    let matched = [("", "All"), ("true", "went to a hook"), ("false", "went to none")];
    let columns = ["Type", "Event", "Tenant", "Channels", "Accepted", "Hooks"].map(Column::text);
    let main = html! {
        (heading("Events", &html! {}))
        form.filters role="search" action=(PATH) {
            (Field::new("tenant", "Tenant").input("search", tenant))
            (Field::new("type", "Type").input("search", query[0].1))
            (Field::new("id_prefix", "Id begins with").input("search", query[1].1))
            (Field::new("matched", "Hooks").select(&matched, &filters.matched))
            (filters.time.field(t))
            (filters.time.exact_fields(&bounds, &visit.reader, t))
            button.button { "Filter" }
            a.button href=(PATH) { "Clear" }
        }
        (around_rows(events.items.is_empty(), events.next_cursor.is_some(), &listing::table("Events", &columns, &html! {
            @for entry in &events.items {
                @match entry {
                    Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                    Entry::Fine(event) => {
                        @let owner = event.tenant.as_deref().unwrap_or(tenant);
                        tr {
                            td { a href=(event_address(owner, &event.id)) { (event.kind) } }
                            td { code { (event.id) } }
                            td { (tenant_link(owner)) }
                            td { @for channel in event.channels.iter().take(3) { code.tag { (channel) } " " } @match event.channels.len() { 0 => "–", 1..=3 => {}, _ => "…" } }
                            td { (ago(&visit, &event.accepted_at)) }
                            td { @if event.matched { (badge(Tone::Good, "matched")) } @else { (badge(Tone::Neutral, "none matched")) } }
                        }
                    }
                }
            }
        })))
        (listing::pager(PATH, &kept, events.next_cursor.as_deref(), NEXT))
    };
    Ok(Page::new(EVENTS, "Events", main))
}

fn around_rows(is_empty: bool, goes_on: bool, table: &Markup) -> Markup {
    match (is_empty, goes_on) {
        (false, _) => table.clone(),
        (true, true) => html! { p { "Nothing on this page; older ones may be on the next." } },
        (true, false) => notice::empty(
            "Nothing found",
            &html! { p { "Lists of all tenants reach back 31 days, those of one as far as it keeps them. Fewer filters find more." } },
        ),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeliveryFilters {
    tenant: String,
    hook: String,
    status: String,
    outcome: String,
    code: String,
    event_type: String,
    event_prefix: String,
    #[serde(flatten)]
    time: Period,
    cursor: String,
    done: String,
}

impl DeliveryFilters {
    fn query(&self) -> [(&str, &str); 6] {
        [
            ("hook", self.hook.trim()),
            ("status", self.status.as_str()),
            ("outcome", self.outcome.trim()),
            ("code", self.code.trim()),
            ("event_type", self.event_type.trim()),
            ("event_prefix", self.event_prefix.trim()),
        ]
    }
}

pub(crate) async fn deliveries(visit: OperatorVisit, Query(filters): Query<DeliveryFilters>) -> Answer {
    const PATH: &str = "/console/deliveries";
    let tenant = filters.tenant.trim();
    let bounds = filters.time.bounds(&visit.reader, ENGLISH.texts());
    let mut asked = filters.query().to_vec();
    asked.extend([("since", bounds.since.as_str()), ("until", bounds.until.as_str()), ("limit", "50")]);
    let found: List<Delivery> = list(&visit, &route(tenant, "deliveries"), &asked, &filters.cursor).await?;
    let mut kept = filters.query().to_vec();
    kept.extend([("tenant", tenant)].into_iter().chain(filters.time.query()));
    let table = delivery_table(&visit, tenant, &found);
    let main = html! {
        (done(&filters.done))
        (heading("Deliveries", &html! { button.button type="button" hidden data-needs-script data-live-toggle aria-pressed="false" { "Pause" } }))
        (delivery_filters(&visit, PATH, tenant, &filters, &bounds))
        div #live data-live {
            (around_rows(found.items.is_empty(), found.next_cursor.is_some(), &batch::deliveries_form(&visit, &table)))
            (listing::pager(PATH, &kept, found.next_cursor.as_deref(), NEXT))
        }
    };
    Ok(Page::new(DELIVERIES, "Deliveries", main))
}

fn delivery_filters(
    visit: &OperatorVisit,
    action: &str,
    tenant: &str,
    filters: &DeliveryFilters,
    bounds: &Bounds,
) -> Markup {
    let statuses: Vec<_> = [("", "All")].into_iter().chain(STATUSES.map(|status| (status, status))).collect();
    html! {
        form.filters role="search" action=(action) {
            (Field::new("tenant", "Tenant").input("search", tenant))
            (Field::new("status", "Status").select(&statuses, &filters.status))
            (filters.time.field(ENGLISH.texts()))
            (Field::new("event_type", "Type").input("search", &filters.event_type))
            (Field::new("code", "Code").input("search", &filters.code))
            (Field::new("outcome", "Outcome").input("search", &filters.outcome))
            (Field::new("event_prefix", "Event begins with").input("search", &filters.event_prefix))
            (Field::new("hook", "Hook").input("search", &filters.hook))
            (filters.time.exact_fields(bounds, &visit.reader, ENGLISH.texts()))
            button.button { "Filter" }
            a.button href=(action) { "Clear" }
        }
    }
}

fn delivery_table(visit: &OperatorVisit, tenant: &str, found: &List<Delivery>) -> Markup {
    let columns = [
        Column::hidden("Choose"),
        Column::text("Status"),
        Column::text("Type"),
        Column::text("Event"),
        Column::text("Tenant"),
        Column::text("Hook"),
        Column::number("Attempts"),
        Column::number("Answer"),
        Column::text("Last change"),
    ];
    listing::table(
        "Deliveries",
        &columns,
        &html! {
            @for entry in &found.items {
                @match entry {
                    Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                    Entry::Fine(delivery) => {
                        @let owner = delivery.tenant.as_deref().unwrap_or(tenant);
                        tr {
                            td { (batch::choice(owner, &delivery.id, &delivery.event_id)) }
                            td { (status(&delivery.status)) }
                            td { a href=(delivery_address(owner, &delivery.id)) { (delivery.event_type) } }
                            td { a href=(event_address(owner, &delivery.event_id)) { code { (delivery.event_id) } } }
                            td { (tenant_link(owner)) }
                            td { a href=(hook_address(owner, &delivery.hook_id)) { code { "…" (tail(&delivery.hook_id)) } } }
                            td.number { (delivery.attempt_count) }
                            td.number { (answer(delivery)) }
                            td { (ago(visit, &delivery.updated_at)) }
                        }
                    }
                }
            }
        },
    )
}

/// The end of an id, by which its neighbours are told apart.
fn tail(id: &str) -> &str {
    id.char_indices().rev().nth(5).map_or(id, |(at, _)| &id[at..])
}
