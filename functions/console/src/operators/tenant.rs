//! One tenant: its hooks, its settings, and the way into its portal.

use std::collections::{BTreeMap, HashMap};

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cost::Counted;
use super::frame::TENANTS;
use super::shown::{self, COPY, ENGLISH, NEXT, done, hook_address, mistakes_besides, name, unreadable};
use super::{batch, failing};
use crate::api::{Counts, Entry, Hook, List, Tenant};
use crate::components::field::{self, Field, Mistakes};
use crate::components::listing::{self, Column, address, path};
use crate::components::menu::{self, Entry as MenuEntry};
use crate::components::short::{IN_A_LIST, shortened};
use crate::components::{code, facts, heading, id, notice, time};
use crate::failure::Failure;
use crate::page::{Answer, Page, see_other};
use crate::query::{Done, Query, given};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

/// What the API answers of a tenant and does not take.
const FIXED: [&str; 3] = ["id", "created_at", "updated_at"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filters {
    name: String,
    enabled: String,
    cursor: String,
    done: String,
}

pub(crate) fn address_of(tenant: &str, part: &str) -> String {
    match part {
        "" => path(&["console", "tenants", tenant]),
        part => path(&["console", "tenants", tenant, part]),
    }
}

/// The head that the parts of a tenant have in common.
pub(crate) fn around(visit: &OperatorVisit, tenant: &str, part: &str, title: &str, inner: &Markup) -> Page {
    let tab = |label: &str, name: &str| MenuEntry::new(label, address_of(tenant, name), name == part);
    let explorer = |label: &str, page: &str| MenuEntry::new(label, address(page, &[("tenant", tenant)], &[]), false);
    let tabs = [
        tab("Hooks", ""),
        explorer("Events", "/console/events"),
        explorer("Deliveries", "/console/deliveries"),
        tab("Statistics", "statistics"),
        tab("Replays", "replays"),
        tab("Automation", "automation"),
        tab("Settings", "settings"),
        tab("Event types", "event-types"),
        tab("Keys", "keys"),
        tab("Audit", "audit"),
        tab("Portal", "portal"),
    ];
    let open = field::button(
        &path(&["console", "tenants", tenant, "portal", "open"]),
        &visit.form_token,
        "primary",
        "Open the portal as this tenant",
    );
    let main = html! {
        (heading(title, &open))
        (menu::tabs(&tabs, "Parts of the tenant"))
        (inner)
    };
    Page::new(TENANTS, title.to_owned(), main)
}

pub(crate) async fn load(visit: &OperatorVisit, tenant: &str) -> Result<Tenant, Failure> {
    Ok(visit.api().get(&["v1", "tenants", tenant], &[]).await?)
}

pub(crate) fn title(tenant: &Tenant) -> &str {
    if tenant.name.is_empty() { &tenant.id } else { &tenant.name }
}

pub(crate) async fn page(visit: OperatorVisit, Path(tenant): Path<String>, Query(filters): Query<Filters>) -> Answer {
    let tenant = load(&visit, &tenant).await?;
    let query = [("name", filters.name.trim()), ("enabled", filters.enabled.as_str())];
    let asked = given(&[query[0], query[1], ("limit", "50"), ("cursor", &filters.cursor)]);
    let hooks: List<Hook> = visit.api().get(&["v1", "tenants", &tenant.id, "hooks"], &asked).await?;
    let by_hook = [("interval", "day"), ("group_by", "hook")];
    let counts: Counts = visit.api().get(&["v1", "tenants", &tenant.id, "counts"], &by_hook).await?;
    let (mut attempts, cost): (HashMap<String, u64>, _) = (HashMap::new(), Counted::of(&counts));
    for counted in &counts.items {
        *attempts.entry(counted.hook_id.clone().unwrap_or_default()).or_default() += counted.attempts;
    }
    let here = address_of(&tenant.id, "");
    let states = [("", "All"), ("true", "Enabled"), ("false", "Disabled")];
    let is_filtered = query.iter().any(|(_, value)| !value.is_empty());
    let inner = html! {
        (done(&filters.done))
        (facts(&[
            ("Id", id(&tenant.id, COPY)),
            ("Profile", html! { (tenant.profile.as_deref().unwrap_or("the deployment's")) }),
            ("Attempts in 30 days", html! { (attempts.values().sum::<u64>()) }),
            ("On AWS", html! { (cost.cost()) " (" a href="/console/cost" { "how it is counted" } ")" }),
            ("Created", time::exact(&tenant.created_at, &visit.reader, ENGLISH)),
        ]))
        h2 { "Hooks" }
        @if hooks.items.is_empty() && !is_filtered {
            (notice::empty("No hooks yet", &html! {
                p { "The customer makes them in the portal, or you with" }
                (code::block("Shell", &format!("hookline hooks create --tenant {} --url https://… --event '*'", tenant.id), COPY))
            }))
        } @else {
            form.filters role="search" action=(here) {
                (Field::new("name", "Name").input("search", &filters.name))
                (Field::new("enabled", "State").select(&states, &filters.enabled))
                button.button { "Filter" }
            }
            @if hooks.items.is_empty() { (notice::empty("Nothing found", &html! { p { "No hook is so called." } })) }
            @else { (hooks_table(&visit, &tenant.id, &hooks, &attempts)) }
            (listing::pager(&here, &query, hooks.next_cursor.as_deref(), NEXT))
        }
    };
    Ok(around(&visit, &tenant.id, "", title(&tenant), &inner))
}

fn hooks_table(visit: &OperatorVisit, tenant: &str, hooks: &List<Hook>, attempts: &HashMap<String, u64>) -> Markup {
    let columns = [
        Column::hidden("Choose"),
        Column::text("Hook"),
        Column::text("State"),
        Column::text("Events"),
        Column::text("Last delivery"),
        Column::number("Failures in a row"),
        Column::number("Attempts in 30 days"),
    ];
    let rows = html! {
        @for entry in &hooks.items {
            @match entry {
                Entry::Unreadable { id, unreadable: why } => (unreadable(id, why, columns.len())),
                Entry::Fine(hook) => tr {
                    td { (batch::choice(tenant, &hook.id, name(hook))) }
                    td { a href=(hook_address(tenant, &hook.id)) { (name(hook)) } br; code.help { (hook.method) " " (shortened(&hook.url, IN_A_LIST)) } }
                    td { (failing::state(hook)) }
                    td { @for event in hook.events.iter().take(3) { code.tag { (event) } " " } @if hook.events.len() > 3 { "…" } }
                    td { (shown::ago_or_never(visit, hook.health.last_execution.as_deref())) }
                    td.number { (hook.health.consecutive_failures) }
                    td.number { (attempts.get(&hook.id).copied().unwrap_or_default()) }
                },
            }
        }
    };
    batch::hooks_form(visit, &listing::table("Hooks", &columns, &rows))
}

pub(crate) async fn create(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    let mut body = json!({ "name": form.typed("name").unwrap_or_default() });
    for field in ["id", "profile"] {
        if let (Some(value), Some(body)) = (form.typed(field), body.as_object_mut()) {
            body.insert(field.to_owned(), json!(value));
        }
    }
    match visit.api().post::<Tenant>(&["v1", "tenants"], &body).await {
        Ok(tenant) => Ok(see_other(&address(&address_of(&tenant.id, ""), &[("done", "created")], &[]))),
        Err(refusal) => {
            let mistakes = Mistakes::of_refusal(refusal)?;
            let main = html! { (heading("New tenant", &html! {})) (new_form(&visit, &form, &mistakes)) };
            Ok(Page::new(TENANTS, "New tenant", main).with_mistakes().into_response())
        }
    }
}

pub(crate) fn new_form(visit: &OperatorVisit, form: &Form, mistakes: &Mistakes) -> Markup {
    let value = |name| form.get(name).unwrap_or_default();
    field::form(
        "/console/tenants",
        &visit.form_token,
        &html! {
            (mistakes_besides(mistakes, &["id", "name", "profile"]))
            (Field::new("id", "Id").help("Your own id of this customer. Made when absent.").mistakes(mistakes).input("text", value("id")))
            (Field::new("name", "Name").help("For people.").mistakes(mistakes).input("text", value("name")))
            (Field::new("profile", "Profile").help("The deployment's when absent.").mistakes(mistakes).input("text", value("profile")))
            button.button.primary { "Create" }
        },
    )
}

pub(crate) async fn settings(visit: OperatorVisit, Path(tenant): Path<String>, Query(query): Query<Done>) -> Answer {
    let (tenant, text) = written(&visit, &tenant).await?;
    Ok(settings_page(&visit, &tenant, &text, &Mistakes::default(), &query.done))
}

/// The tenant as JSON that can be changed.
async fn written(visit: &OperatorVisit, tenant: &str) -> Result<(Tenant, String), Failure> {
    let members: BTreeMap<String, Box<RawValue>> = visit.api().get(&["v1", "tenants", tenant], &[]).await?;
    let tenant = load(visit, tenant).await?;
    Ok((tenant, shown::editable(&members, |name, _| !FIXED.contains(&name))))
}

fn settings_page(visit: &OperatorVisit, tenant: &Tenant, text: &str, mistakes: &Mistakes, was_done: &str) -> Page {
    let inner = html! {
        (done(was_done))
        p { "What this tenant decides for all its hooks, as JSON. A setting that is taken out stays as it is; " code { "null" } " leaves it to the profile." }
        (field::form(&address_of(&tenant.id, "settings"), &visit.form_token, &html! {
            (mistakes_besides(mistakes, &["settings"]))
            (Field::new("settings", "Settings").mistakes(mistakes).area(text, 24))
            button.button.primary { "Save" }
        }))
        (notice::confirm("Delete the tenant", "With its hooks, keys, portal sessions, event types, events and deliveries. This cannot be undone.",
            &field::button(&address_of(&tenant.id, "delete"), &visit.form_token, "danger", "Delete the tenant")))
    };
    around(visit, &tenant.id, "settings", title(tenant), &inner)
}

pub(crate) async fn save(visit: OperatorVisit, Path(tenant): Path<String>, form: Form) -> Result<Response, Failure> {
    let text = form.get("settings").unwrap_or_default();
    let mut wrong = Mistakes::default();
    if let Some(body) = shown::json(text, "settings", &mut wrong) {
        match visit.api().patch::<Value>(&["v1", "tenants", &tenant], &body).await {
            Ok(_) => return Ok(see_other(&address(&address_of(&tenant, "settings"), &[("done", "saved")], &[]))),
            Err(refusal) => wrong = Mistakes::of_refusal(refusal)?,
        }
    }
    let tenant = load(&visit, &tenant).await?;
    Ok(settings_page(&visit, &tenant, text, &wrong, "").with_mistakes().into_response())
}

pub(crate) async fn delete(visit: OperatorVisit, Path(tenant): Path<String>) -> Result<Response, Failure> {
    visit.api().delete(&["v1", "tenants", &tenant]).await?;
    Ok(see_other("/console/tenants?done=deleted"))
}
