//! Hooks → Automation: plans that wait for a decision, those that were decided, and the log of
//! what was changed automatically.

use api_client::Refusal;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::frame::AUTOMATION;
use super::hook::address_of;
use crate::api::List;
use crate::components::badge::Tone;
use crate::components::menu::{self, Entry};
use crate::components::plan::{self, Adjustment, Decision, Plan, Seen};
use crate::components::{heading, listing, notice};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Query, given};
use crate::same_origin::Form;
use crate::visit::PortalVisit;

const BASE: &str = "/portal/automation";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    show: String,
    cursor: String,
    done: String,
}

fn hook_page(hook: &str) -> String {
    address_of(hook, "")
}

fn seen(visit: &PortalVisit) -> Seen<'_> {
    Seen {
        reader: &visit.reader,
        language: visit.language(),
        form_token: &visit.form_token,
        base: BASE,
        hook_page: &hook_page,
        may_decide: visit.session.may("approve"),
    }
}

fn around(visit: &PortalVisit, tab: &str, inner: &Markup) -> Page {
    let t = visit.texts();
    let labels = [("pending", t.plans_pending), ("approved", t.plans_approved), ("rejected", t.plans_rejected)];
    let of_state = |(name, label): (&str, &str)| Entry::new(label, format!("{BASE}?show={name}"), name == tab);
    let mut tabs: Vec<_> = labels.into_iter().map(of_state).collect();
    tabs.push(Entry::new(t.adjustment_log, format!("{BASE}/log"), tab == "log"));
    let main = html! { (heading(t.automation, &html! {})) (menu::tabs(&tabs, t.automation)) (inner) };
    Page::new(AUTOMATION, t.automation, main)
}

pub(crate) async fn plans(visit: PortalVisit, Query(filters): Query<Filters>) -> Answer {
    shown(&visit, &filters, None).await
}

async fn shown(visit: &PortalVisit, filters: &Filters, refusal: Option<&Refusal>) -> Answer {
    let t = visit.texts();
    let (tab, states) = plan::states_of(&filters.show);
    let asked = given(&[("state", states), ("limit", plan::ON_A_PAGE), ("cursor", &filters.cursor)]);
    let plans: List<Plan> = visit.api().get(&visit.path(&["plans"]), &asked).await?;
    let inner = html! {
        (plan::done(&filters.done, t))
        @if let Some(refusal) = refusal { (refused(refusal)) }
        @if plans.items.is_empty() && plans.next_cursor.is_none() {
            (notice::empty(t.no_plans, &html! { p { (t.no_plans_help) } }))
        }
        (plan::cards(&seen(visit), &plans.items))
        (listing::pager(BASE, &[("show", tab)], plans.next_cursor.as_deref(), t.next_page))
    };
    Ok(around(visit, tab, &inner))
}

fn refused(refusal: &Refusal) -> Markup {
    notice::notice(
        Tone::Bad,
        &html! {
            div lang="en" {
                p { (refusal.detail) }
                @if !refusal.errors.is_empty() { ul { @for error in &refusal.errors { li { code { (error.field) } ": " (error.message) } } } }
            }
        },
    )
}

pub(crate) async fn approve(visit: PortalVisit, Path(plan): Path<String>, _: Form) -> Result<Response, Failure> {
    decide(&visit, &plan, "approve", json!({})).await
}

pub(crate) async fn reject(visit: PortalVisit, Path(plan): Path<String>, form: Form) -> Result<Response, Failure> {
    decide(&visit, &plan, "reject", json!({ "reason": form.typed("reason") })).await
}

async fn decide(visit: &PortalVisit, plan: &str, how: &str, body: serde_json::Value) -> Result<Response, Failure> {
    match visit.api().post::<Decision>(&visit.path(&["plans", plan, how]), &body).await {
        Ok(now) => Ok(see_other(&listing::address(BASE, &[("show", now.tab()), ("done", &now.state)], &[]))),
        // What has moved on, or is not allowed any more, is told beside the plans.
        Err(refusal) if matches!(refusal.status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            Ok(shown(visit, &Filters::default(), Some(&refusal)).await?.with_status(refusal.status).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn log(visit: PortalVisit, Query(filters): Query<Filters>) -> Answer {
    logged(&visit, &filters, None).await
}

async fn logged(visit: &PortalVisit, filters: &Filters, refusal: Option<&Refusal>) -> Answer {
    let t = visit.texts();
    let asked = given(&[("limit", plan::ON_A_PAGE), ("cursor", &filters.cursor)]);
    let found: List<Adjustment> = visit.api().get(&visit.path(&["adjustments"]), &asked).await?;
    let inner = html! {
        @if let Some(refusal) = refusal { (refused(refusal)) }
        p.help { (t.adjustment_log_help) }
        @if found.items.is_empty() && found.next_cursor.is_none() {
            (notice::empty(t.no_adjustments, &html! { p { (t.no_adjustments_help) } }))
        }
        (plan::log(&seen(visit), &found.items))
        (listing::pager(&format!("{BASE}/log"), &[], found.next_cursor.as_deref(), t.next_page))
    };
    Ok(around(visit, "log", &inner))
}

pub(crate) async fn revert(visit: PortalVisit, Path(adjustment): Path<String>, _: Form) -> Result<Response, Failure> {
    match visit.api().post::<IgnoredAny>(&visit.path(&["adjustments", &adjustment, "revert"]), &json!({})).await {
        Ok(_) => Ok(see_other(&format!("{BASE}?show=pending&done=reverted"))),
        Err(refusal) if matches!(refusal.status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            Ok(logged(&visit, &Filters::default(), Some(&refusal)).await?.with_status(refusal.status).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}
