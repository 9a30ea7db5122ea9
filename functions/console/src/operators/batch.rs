//! What is done to several at once: counted and asked first.

use api_client::Refusal;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::frame::{DEAD_LETTERS, DELIVERIES, FAILING};
use crate::components::field;
use crate::components::heading;
use crate::cookies::Area;
use crate::failure::Failure;
use crate::page::{Page, back_to, is_of_ours};
use crate::same_origin::Form;
use crate::visit::OperatorVisit;

/// As many as fit into one answer of a page.
const MOST: usize = 500;
const HOOK_ACTIONS: [(&str, &str, &str); 3] =
    [("disable", "Disable", ""), ("enable", "Enable", ""), ("delete", "Delete", "danger")];

/// A box for one of several; tenant and id travel together, and what people call it.
pub(crate) fn choice(tenant: &str, id: &str, label: &str) -> Markup {
    html! { input type="checkbox" name="chosen" value={ (tenant) "/" (id) "/" (label) } aria-label={ "Choose " (label) }; }
}

/// Around a table with boxes for hooks.
pub(crate) fn hooks_form(visit: &OperatorVisit, table: &Markup) -> Markup {
    field::form(
        "/console/hooks/batch",
        &visit.form_token,
        &html! {
            input type="hidden" name="back" value=(visit.reader.address);
            (table)
            p.actions { "With those chosen:" @for (action, label, class) in HOOK_ACTIONS { button class={ "button " (class) } name="action" value=(action) { (label) } } }
        },
    )
}

pub(crate) fn deliveries_form(visit: &OperatorVisit, table: &Markup) -> Markup {
    field::form(
        "/console/deliveries/batch",
        &visit.form_token,
        &html! {
            input type="hidden" name="back" value=(visit.reader.address);
            (table)
            p.actions { "With those chosen:" button.button name="action" value="retry" { "Send again" } }
        },
    )
}

/// A letter's box names its queue in the place of a tenant.
pub(crate) fn letters_form(visit: &OperatorVisit, table: &Markup) -> Markup {
    field::form(
        "/console/dead-letters/batch",
        &visit.form_token,
        &html! {
            input type="hidden" name="back" value=(visit.reader.address);
            (table)
            p.actions { "With those chosen:" button.button name="action" value="redrive" { "Send back" } button.button.danger name="action" value="delete" { "Delete" } }
        },
    )
}

struct Chosen<'a> {
    tenant: &'a str,
    id: &'a str,
    label: &'a str,
}

fn chosen(form: &Form) -> Vec<Chosen<'_>> {
    let read = |value| {
        let (tenant, rest) = str::split_once(value, '/')?;
        let (id, label) = rest.split_once('/').unwrap_or((rest, rest));
        Some(Chosen { tenant, id, label })
    };
    form.all("chosen").filter_map(read).take(MOST).collect()
}

fn back(form: &Form, otherwise: &'static str) -> String {
    form.get("back").filter(|back| is_of_ours(back) && Area::of(back) == Area::Console).unwrap_or(otherwise).to_owned()
}

fn asked(
    visit: &OperatorVisit,
    form: &Form,
    section: &'static str,
    action: &str,
    question: &str,
    label: &str,
    otherwise: &'static str,
) -> Page {
    let chosen = chosen(form);
    let back = back(form, otherwise);
    let main = html! {
        section.empty {
            h1 { (question) }
            ul { @for one in &chosen { li { (one.label) " of " (one.tenant) } } }
            (field::form(&visit.reader.address, &visit.form_token, &html! {
                @for one in &chosen { input type="hidden" name="chosen" value={ (one.tenant) "/" (one.id) }; }
                input type="hidden" name="back" value=(back);
                input type="hidden" name="confirmed" value="true";
                p.actions { button.button.primary name="action" value=(action) { (label) } a.button href=(back) { "Cancel" } }
            }))
        }
    };
    Page::new(section, question.to_owned(), main)
}

fn nothing_chosen(section: &'static str, back: &str) -> Page {
    let main = html! {
        (heading("Nothing was chosen", &html! {}))
        p { "Tick the boxes of those you mean, then try again." }
        p { a.button href=(back) { "Back" } }
    };
    Page::new(section, "Nothing was chosen", main).with_mistakes()
}

/// Whether it is gone, or in a state that forbids it: the others are gone on with.
fn passes_over(refusal: &Refusal) -> bool {
    matches!(refusal.status, StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
}

pub(crate) async fn hooks(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    let (chosen, back) = (chosen(&form), back(&form, "/console/failing"));
    let action = HOOK_ACTIONS.into_iter().find(|(name, ..)| form.get("action") == Some(name));
    let (action, label, _) =
        action.ok_or_else(|| Failure::from_status(StatusCode::BAD_REQUEST, "there is no such action"))?;
    if chosen.is_empty() {
        return Ok(nothing_chosen(FAILING, &back).into_response());
    }
    let count = chosen.len();
    let label = format!("{label} {count} {}", if count == 1 { "hook" } else { "hooks" });
    if !form.has("confirmed") {
        let question = if action == "delete" { format!("{label} with their log?") } else { format!("{label}?") };
        return Ok(asked(&visit, &form, FAILING, action, &question, &label, "/console/failing").into_response());
    }
    let mut done = match action {
        "disable" => "disabled",
        "enable" => "enabled",
        _ => "deleted",
    };
    for Chosen { tenant, id: hook, .. } in chosen {
        let path = ["v1", "tenants", tenant, "hooks", hook];
        let result = match action {
            "delete" => visit.api().delete(&path).await,
            _ => visit.api().patch::<Value>(&path, &json!({ "enabled": action == "enable" })).await.map(drop),
        };
        match result {
            Ok(()) => {}
            Err(refusal) if passes_over(&refusal) => done = "some",
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(back_to(&back, done))
}

pub(crate) async fn deliveries(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    let (chosen, back) = (chosen(&form), back(&form, "/console/deliveries"));
    if chosen.is_empty() {
        return Ok(nothing_chosen(DELIVERIES, &back).into_response());
    }
    let count = chosen.len();
    if !form.has("confirmed") {
        let label = format!("Send {count} {} again", if count == 1 { "delivery" } else { "deliveries" });
        let question = format!("{label}?");
        return Ok(asked(&visit, &form, DELIVERIES, "retry", &question, &label, "/console/deliveries").into_response());
    }
    let mut done = "again";
    for Chosen { tenant, id: delivery, .. } in chosen {
        let path = ["v1", "tenants", tenant, "deliveries", delivery, "retry"];
        match visit.api().post::<Value>(&path, &json!({})).await {
            Ok(_) => {}
            Err(refusal) if passes_over(&refusal) => done = "some",
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(back_to(&back, done))
}

pub(crate) async fn letters(visit: OperatorVisit, form: Form) -> Result<Response, Failure> {
    const PAGE: &str = "/console/dead-letters";
    let (chosen, back) = (chosen(&form), back(&form, PAGE));
    let (action, label, mut done) = match form.get("action") {
        Some("redrive") => ("redrive", "Send back", "sent_back"),
        Some("delete") => ("delete", "Delete", "deleted"),
        _ => return Err(Failure::from_status(StatusCode::BAD_REQUEST, "there is no such action")),
    };
    if chosen.is_empty() {
        return Ok(nothing_chosen(DEAD_LETTERS, &back).into_response());
    }
    let count = chosen.len();
    if !form.has("confirmed") {
        let label = format!("{label} {count} {}", if count == 1 { "message" } else { "messages" });
        return Ok(asked(&visit, &form, DEAD_LETTERS, action, &format!("{label}?"), &label, PAGE).into_response());
    }
    for Chosen { id: letter, .. } in chosen {
        let path = ["v1", "dead-letters", letter];
        let result = match action {
            "delete" => visit.api().delete(&path).await,
            _ => visit.api().order(&[&path[..], &["redrive"]].concat(), &json!({})).await,
        };
        match result {
            Ok(()) => {}
            Err(refusal) if passes_over(&refusal) => done = "some",
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(back_to(&back, done))
}
