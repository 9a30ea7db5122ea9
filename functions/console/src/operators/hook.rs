//! One hook of a customer: how it is, what it is made of, and what can be done with it.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::failing::state;
use super::frame::TENANTS;
use super::shown::{self, COPY, ENGLISH, done, hook_address, status, tenant_link};
use super::tenant::address_of;
use crate::api::Hook;
use crate::components::listing::{address, path};
use crate::components::menu::{self, Entry as MenuEntry};
use crate::components::{code, facts, field, heading, id, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::portal::hooks::why;
use crate::query::{Done, Query};
use crate::visit::OperatorVisit;

pub(crate) async fn load(visit: &OperatorVisit, tenant: &str, hook: &str) -> Result<Hook, Failure> {
    Ok(visit.api().get(&["v1", "tenants", tenant, "hooks", hook], &[]).await?)
}

/// The head that the parts of a hook have in common.
pub(crate) fn around(visit: &OperatorVisit, tenant: &str, hook: &Hook, part: &str, inner: &Markup) -> Page {
    let here = hook_address(tenant, &hook.id);
    let log = address("/console/deliveries", &[("tenant", tenant), ("hook", &hook.id)], &[]);
    let tabs = [
        MenuEntry::new("Overview", here.clone(), part.is_empty()),
        MenuEntry::new("Deliveries", log, false),
        MenuEntry::new("Statistics", format!("{here}/statistics"), part == "statistics"),
        MenuEntry::new("Send again", format!("{here}/replays"), part == "replays"),
        MenuEntry::new("Audit", format!("{here}/audit"), part == "audit"),
    ];
    let token = &visit.form_token;
    let actions = html! {
        (state(hook))
        @if hook.enabled { (notice::confirm("Disable", "What comes due waits, and goes out once it is enabled again.", &field::button(&format!("{here}/disable"), token, "", "Disable"))) }
        @else { (field::button(&format!("{here}/enable"), token, "primary", "Enable")) }
    };
    let title = shown::name(hook);
    let main = html! {
        p { (tenant_link(tenant)) }
        (heading(title, &actions))
        (menu::tabs(&tabs, "Parts of the hook"))
        (inner)
    };
    Page::new(TENANTS, title.to_owned(), main)
}

pub(crate) async fn page(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
    Query(query): Query<Done>,
) -> Answer {
    let whole: Box<RawValue> = visit.api().get(&["v1", "tenants", &tenant, "hooks", &hook], &[]).await?;
    let hook = load(&visit, &tenant, &hook).await?;
    let here = hook_address(&tenant, &hook.id);
    let tags = |words: &[String]| html! { @for word in words { code.tag { (word) } " " } @if words.is_empty() { "–" } };
    let log = |status: &str| {
        address("/console/deliveries", &[("tenant", &tenant), ("hook", &hook.id), ("status", status)], &[])
    };
    let inner = html! {
        (done(&query.done))
        (why(&hook, &visit.reader, ENGLISH))
        (facts(&[
            ("URL", html! { code { (hook.method) " " (hook.url) } }),
            ("Events", tags(&hook.events)),
            ("Channels", tags(&hook.channels)),
            ("Profile", html! { a href=(path(&["console", "profiles", &hook.profile])) { (hook.profile) } }),
            ("Deliveries", html! { @for word in ["failed", "retrying", "waiting", "skipped"] { a href=(log(word)) { (status(word)) } " " } }),
            ("Last success", shown::ago_or_never(&visit, hook.health.last_success.as_deref())),
            ("Last failure", shown::ago_or_never(&visit, hook.health.last_failure.as_deref())),
            ("Circuit", html! { (hook.health.circuit) @if let Some(at) = &hook.health.next_probe_at { ", next try " (shown::ago(&visit, at)) } }),
            ("Created", time::exact(&hook.created_at, &visit.reader, ENGLISH)),
            ("Id", id(&hook.id, COPY)),
        ]))
        details { summary { "All its settings as they apply" } (code::block("JSON", &code::laid_out(whole.get()), COPY)) }
        (notice::confirm("Delete", "The hook and its log are deleted. This cannot be undone.", &field::button(&format!("{here}/delete"), &visit.form_token, "danger", "Delete")))
    };
    Ok(around(&visit, &tenant, &hook, "", &inner))
}

pub(crate) async fn enable(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
) -> Result<Response, Failure> {
    set_enabled(&visit, &tenant, &hook, true).await
}

pub(crate) async fn disable(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
) -> Result<Response, Failure> {
    set_enabled(&visit, &tenant, &hook, false).await
}

async fn set_enabled(visit: &OperatorVisit, tenant: &str, hook: &str, enabled: bool) -> Result<Response, Failure> {
    let _: Value = visit.api().patch(&["v1", "tenants", tenant, "hooks", hook], &json!({ "enabled": enabled })).await?;
    let done = if enabled { "enabled" } else { "disabled" };
    Ok(see_other(&address(&hook_address(tenant, hook), &[("done", done)], &[])))
}

pub(crate) async fn delete(
    visit: OperatorVisit,
    Path((tenant, hook)): Path<(String, String)>,
) -> Result<Response, Failure> {
    visit.api().delete(&["v1", "tenants", &tenant, "hooks", &hook]).await?;
    Ok(see_other(&address(&address_of(&tenant, ""), &[("done", "deleted")], &[])))
}
