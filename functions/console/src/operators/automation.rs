//! Plans and adjustments of a tenant, for operators.

use api_client::Refusal;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::shown::{ENGLISH, NEXT, hook_address};
use super::tenant;
use crate::api::{List, Tenant};
use crate::components::badge::Tone;
use crate::components::field;
use crate::components::listing::{self, address, path};
use crate::components::menu::{self, Entry};
use crate::components::notice;
use crate::components::plan::{self, Adjustment, Decision, Plan, Seen};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Query, given};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    show: String,
    cursor: String,
    done: String,
}

fn base(tenant: &str) -> String {
    path(&["console", "tenants", tenant, "automation"])
}

fn around(visit: &OperatorVisit, tenant: &Tenant, tab: &str, inner: &Markup) -> Page {
    let base = base(&tenant.id);
    let labels = [("pending", "Pending Plans"), ("approved", "Approved Plans"), ("rejected", "Rejected Plans")];
    let of_state = |(name, label): (&str, &str)| Entry::new(label, format!("{base}?show={name}"), name == tab);
    let mut tabs: Vec<_> = labels.into_iter().map(of_state).collect();
    tabs.push(Entry::new("Adjustment Log", format!("{base}/log"), tab == "log"));
    let look = field::button(&format!("{base}/advise"), &visit.form_token, "", "Look for advice now");
    let inner = html! { (menu::tabs(&tabs, "Automation")) div.actions { (look) } (inner) };
    tenant::around(visit, &tenant.id, "automation", tenant::title(tenant), &inner)
}

fn refused(refusal: &Refusal) -> Markup {
    notice::notice(
        Tone::Bad,
        &html! {
            p { (refusal.detail) }
            @if !refusal.errors.is_empty() { ul { @for error in &refusal.errors { li { code { (error.field) } ": " (error.message) } } } }
        },
    )
}

fn is_told_beside(refusal: &Refusal) -> bool {
    matches!(refusal.status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
}

pub(crate) async fn plans(visit: OperatorVisit, Path(tenant): Path<String>, Query(filters): Query<Filters>) -> Answer {
    shown(&visit, &tenant, &filters, None).await
}

async fn shown(visit: &OperatorVisit, tenant: &str, filters: &Filters, refusal: Option<&Refusal>) -> Answer {
    let tenant = tenant::load(visit, tenant).await?;
    let (tab, states) = plan::states_of(&filters.show);
    let asked = given(&[("state", states), ("limit", plan::ON_A_PAGE), ("cursor", &filters.cursor)]);
    let plans: List<Plan> = visit.api().get(&["v1", "tenants", &tenant.id, "plans"], &asked).await?;
    let done = match filters.done.as_str() {
        "advised" => notice::toast("There is something new to propose"),
        "nothing" => notice::toast("There is nothing new to propose"),
        done => plan::done(done, ENGLISH.texts()),
    };
    let base = base(&tenant.id);
    let hook_page = |hook: &str| hook_address(&tenant.id, hook);
    let seen = Seen {
        reader: &visit.reader,
        language: ENGLISH,
        form_token: &visit.form_token,
        base: &base,
        hook_page: &hook_page,
        may_decide: true,
    };
    let inner = html! {
        (done)
        @if let Some(refusal) = refusal { (refused(refusal)) }
        @if plans.items.is_empty() && plans.next_cursor.is_none() {
            (notice::empty("No plans here", &html! { p { "The advisor looks at hooks once a day; your own systems propose plans with " code { "POST …/plans" } "." } }))
        }
        (plan::cards(&seen, &plans.items))
        (listing::pager(&base, &[("show", tab)], plans.next_cursor.as_deref(), NEXT))
    };
    Ok(around(visit, &tenant, tab, &inner))
}

pub(crate) async fn approve(
    visit: OperatorVisit,
    Path((tenant, plan)): Path<(String, String)>,
    _: Form,
) -> Result<Response, Failure> {
    decide(&visit, &tenant, &plan, "approve", json!({})).await
}

pub(crate) async fn reject(
    visit: OperatorVisit,
    Path((tenant, plan)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Failure> {
    decide(&visit, &tenant, &plan, "reject", json!({ "reason": form.typed("reason") })).await
}

async fn decide(visit: &OperatorVisit, tenant: &str, plan: &str, how: &str, body: Value) -> Result<Response, Failure> {
    match visit.api().post::<Decision>(&["v1", "tenants", tenant, "plans", plan, how], &body).await {
        Ok(now) => Ok(see_other(&address(&base(tenant), &[("show", now.tab()), ("done", &now.state)], &[]))),
        Err(refusal) if is_told_beside(&refusal) => {
            let page = shown(visit, tenant, &Filters::default(), Some(&refusal)).await?;
            Ok(page.with_status(refusal.status).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

#[derive(Deserialize)]
struct Advised {
    plans: Vec<IgnoredAny>,
}

pub(crate) async fn advise(visit: OperatorVisit, Path(tenant): Path<String>, _: Form) -> Result<Response, Failure> {
    let advised: Advised = visit.api().post(&["v1", "tenants", &tenant, "advice"], &json!({})).await?;
    let done = if advised.plans.is_empty() { "nothing" } else { "advised" };
    Ok(see_other(&format!("{}?show=pending&done={done}", base(&tenant))))
}

pub(crate) async fn log(visit: OperatorVisit, Path(tenant): Path<String>, Query(filters): Query<Filters>) -> Answer {
    logged(&visit, &tenant, &filters, None).await
}

async fn logged(visit: &OperatorVisit, tenant: &str, filters: &Filters, refusal: Option<&Refusal>) -> Answer {
    let tenant = tenant::load(visit, tenant).await?;
    let asked = given(&[("limit", plan::ON_A_PAGE), ("cursor", &filters.cursor)]);
    let found: List<Adjustment> = visit.api().get(&["v1", "tenants", &tenant.id, "adjustments"], &asked).await?;
    let base = base(&tenant.id);
    let hook_page = |hook: &str| hook_address(&tenant.id, hook);
    let seen = Seen {
        reader: &visit.reader,
        language: ENGLISH,
        form_token: &visit.form_token,
        base: &base,
        hook_page: &hook_page,
        may_decide: true,
    };
    let inner = html! {
        @if let Some(refusal) = refusal { (refused(refusal)) }
        @if found.items.is_empty() && found.next_cursor.is_none() {
            (notice::empty("Nothing was changed automatically", &html! { p { "Approved plans stand here, and what Hookline changed by itself." } }))
        }
        (plan::log(&seen, &found.items))
        (listing::pager(&format!("{base}/log"), &[], found.next_cursor.as_deref(), NEXT))
    };
    Ok(around(visit, &tenant, "log", &inner))
}

pub(crate) async fn revert(
    visit: OperatorVisit,
    Path((tenant, adjustment)): Path<(String, String)>,
    _: Form,
) -> Result<Response, Failure> {
    let route = ["v1", "tenants", &tenant, "adjustments", &adjustment, "revert"];
    match visit.api().post::<IgnoredAny>(&route, &json!({})).await {
        Ok(_) => Ok(see_other(&format!("{}?show=pending&done=reverted", base(&tenant)))),
        Err(refusal) if is_told_beside(&refusal) => {
            let page = logged(&visit, &tenant, &Filters::default(), Some(&refusal)).await?;
            Ok(page.with_status(refusal.status).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}
