//! One delivery, as the portal shows it to its owner, and one event with why it went where.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::frame::{DELIVERIES, EVENTS};
use super::shown::{
    self, COPY, ENGLISH, NEXT, delivery_address, done, event_address, hook_address, status, tenant_link,
};
use crate::api::{Entry, Event, Explained, Explanation, Hook, Unmet, WholeDelivery};
use crate::components::badge::{Tone, badge, is_open};
use crate::components::listing::{self, address, path};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::timeline::timeline;
use crate::components::{code, facts, field, heading, id, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::portal::delivery::steps;
use crate::query::{Done, Query, given};
use crate::visit::OperatorVisit;

pub(crate) async fn page(
    visit: OperatorVisit,
    Path((tenant, delivery)): Path<(String, String)>,
    Query(query): Query<Done>,
) -> Answer {
    let found: WholeDelivery = visit.api().get(&["v1", "tenants", &tenant, "deliveries", &delivery], &[]).await?;
    let delivery = &found.delivery;
    let hook: Option<Hook> = match visit.api().get(&["v1", "tenants", &tenant, "hooks", &delivery.hook_id], &[]).await {
        Ok(hook) => Some(hook),
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => None,
        Err(refusal) => return Err(refusal.into()),
    };
    let retry = path(&["console", "tenants", &tenant, "deliveries", &delivery.id, "retry"]);
    let cancel = path(&["console", "tenants", &tenant, "deliveries", &delivery.id, "cancel"]);
    let event = event_address(&tenant, &delivery.event_id);
    let title = format!("Delivery of {}", delivery.event_type);
    let actions = html! {
        @if is_open(&delivery.status) {
            (notice::confirm("Cancel", "It is skipped instead of sent. A request that is on its way may still arrive.",
                &field::button(&cancel, &visit.form_token, "danger", "Cancel the delivery")))
        }
        (field::button(&retry, &visit.form_token, "primary", "Send again"))
    };
    let main = html! {
        (done(&query.done))
        (heading(&title, &actions))
        div #live data-live {
            (facts(&[
                ("Status", status(&delivery.status)),
                ("Tenant", tenant_link(&tenant)),
                ("Hook", html! { a href=(hook_address(&tenant, &delivery.hook_id)) { @match &hook { Some(hook) => (shown::name(hook)), None => code { (delivery.hook_id) } } } }),
                ("Event", html! { a href=(event) { code { (delivery.event_id) } } " – " a href=(event) { "why it went here" } }),
                ("Id", id(&delivery.id, COPY)),
                ("Last change", time::exact(&delivery.updated_at, &visit.reader, ENGLISH)),
            ]))
            @if let Some(reason) = &delivery.reason { (notice::notice(Tone::Warning, &html! { p { (reason) } })) }
            h2 { "Attempts" }
            (timeline(&steps(&visit.reader, ENGLISH, &found)))
        }
    };
    Ok(Page::new(DELIVERIES, title, main))
}

pub(crate) async fn retry(
    visit: OperatorVisit,
    Path((tenant, delivery)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let _: Value = visit.api().post(&["v1", "tenants", &tenant, "deliveries", &delivery, "retry"], &json!({})).await?;
    Ok(see_other(&address(&delivery_address(&tenant, &delivery), &[("done", "retry")], &[])))
}

pub(crate) async fn cancel(
    visit: OperatorVisit,
    Path((tenant, delivery)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let route = ["v1", "tenants", &tenant, "deliveries", &delivery, "cancel"];
    let _: Value = visit.api().post(&route, &json!({})).await?;
    Ok(see_other(&address(&delivery_address(&tenant, &delivery), &[("done", "cancelled")], &[])))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    cursor: String,
}

pub(crate) async fn event(
    visit: OperatorVisit,
    Path((tenant, event)): Path<(String, String)>,
    Query(from): Query<From>,
) -> Answer {
    let found: Event = visit.api().get(&["v1", "tenants", &tenant, "events", &event], &[]).await?;
    let asked = given(&[("cursor", &from.cursor)]);
    let explained: Explanation =
        visit.api().get(&["v1", "tenants", &tenant, "events", &event, "explain"], &asked).await?;
    let title = format!("Event {}", found.id);
    let main = html! {
        (heading(&title, &html! {}))
        (facts(&[
            ("Type", html! { code { (found.event_type) } }),
            ("Tenant", tenant_link(&tenant)),
            ("Accepted", time::exact(&found.timestamp, &visit.reader, ENGLISH)),
            ("Channels", html! { @for channel in &found.channels { code.tag { (channel) } " " } @if found.channels.is_empty() { "–" } }),
            ("Id", id(&found.id, COPY)),
        ]))
        @if found.expunged { p { "Its payload was removed." } }
        @else { (code::block("Data", &code::laid_out(found.data.as_ref().map_or("null", |data| data.get())), COPY)) }
        h2 { "At each hook, and why" }
        @if explained.items.is_empty() { p { "The tenant has no hook that could have got it." } }
        ul.cards.wide { @for entry in &explained.items { li { (card(&visit, &tenant, entry)) } } }
        (listing::pager(&event_address(&tenant, &event), &[], explained.next_cursor.as_deref(), NEXT))
    };
    Ok(Page::new(EVENTS, title, main))
}

fn card(visit: &OperatorVisit, tenant: &str, entry: &Entry<Explained>) -> Markup {
    let explained = match entry {
        Entry::Fine(explained) => explained,
        Entry::Unreadable { id, unreadable } => {
            return html! { article.card { h3 { (id) } p { "cannot be read: " (unreadable) } } };
        }
    };
    let tone = if explained.verdict == "chosen" { Tone::Good } else { Tone::Neutral };
    let name = explained.hook_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&explained.hook_id);
    html! {
        article.card {
            header { h3 { a href=(hook_address(tenant, &explained.hook_id)) { (name) } } (badge(tone, &explained.verdict)) }
            p { (explained.sentence) }
            @if let Some(remark) = &explained.remark { p.help { (remark) } }
            @if !explained.unmet.is_empty() { ul { @for unmet in explained.unmet.iter().take(5) { li { (condition(unmet)) } } } }
            @for hold in &explained.held_by {
                p.warning { (hold.sentence) }
                @if let Some(until) = &hold.until { p.help { (shown::ago(visit, until)) } }
            }
            @if let Some(delivery) = &explained.delivery {
                p { (status(&delivery.status)) " " a href=(delivery_address(tenant, &delivery.id)) { "Its delivery" } }
            }
        }
    }
}

fn condition(unmet: &Unmet) -> Markup {
    let rules = unmet.rules.as_ref().map(ToString::to_string).unwrap_or_default();
    let rules = shortened(&rules, IN_A_LIST);
    html! { code { (unmet.path) } " is " code { (unmet.value.as_deref().unwrap_or(&unmet.cause)) } ", expected " code { (rules) } }
}
