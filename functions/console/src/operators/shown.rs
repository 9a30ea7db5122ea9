//! What the console's pages have in common.

mod stretches;

use std::collections::BTreeMap;

use api_client::Refusal;
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use crate::api::List;
use crate::components::badge::{Tone, badge};
pub(crate) use crate::components::delivered::{answer, name};
use crate::components::field::Mistakes;
use crate::components::listing::path;
use crate::components::{code, notice, time};
use crate::query::given;
use crate::reader::Language;
use crate::visit::OperatorVisit;

/// The console speaks English.
pub(crate) const ENGLISH: Language = Language::English;
pub(crate) const COPY: &str = "Copy";
pub(crate) const NEXT: &str = "Next page";

/// What was just done, as the address of a page names it.
pub(crate) fn done(done: &str) -> Markup {
    let text = match done {
        "saved" => "Saved",
        "created" => "Created",
        "deleted" => "Deleted",
        "revoked" => "The key was revoked",
        "enabled" => "Enabled",
        "disabled" => "Disabled",
        "retry" => "It is being sent again",
        "again" => "They are being sent again",
        "some" => "Done, except for some that are gone, or whose state forbids it",
        "redriven" => "It was sent back to its queue",
        "sent_back" => "They were sent back to their queues",
        "cancelled" => "Cancelled",
        _ => return html! {},
    };
    notice::toast(text)
}

pub(crate) async fn list<T: DeserializeOwned>(
    visit: &OperatorVisit,
    route: &[&str],
    asked: &[(&str, &str)],
    cursor: &str,
) -> Result<List<T>, Refusal> {
    stretches::first_found(cursor, |cursor| async move {
        let query = [asked, &[("cursor", cursor.as_str())]].concat();
        visit.api().get(route, &given(&query)).await
    })
    .await
}

pub(crate) fn status(word: &str) -> Markup {
    badge(Tone::of_status(word), word)
}

pub(crate) fn ago(visit: &OperatorVisit, at: &str) -> Markup {
    time::relative(at, &visit.reader, ENGLISH)
}

pub(crate) fn ago_or_never(visit: &OperatorVisit, at: Option<&str>) -> Markup {
    html! { @match at { Some(at) => (ago(visit, at)), None => "never" } }
}

pub(crate) fn unreadable(id: &str, why: &str, columns: usize) -> Markup {
    html! { tr { td { code { (id) } } td colspan=(columns.saturating_sub(1).max(1)) { "cannot be read: " (why) } } }
}

/// At the head of a form: mistakes that stand at none of its fields.
pub(crate) fn mistakes_besides(mistakes: &Mistakes, fields: &[&str]) -> Markup {
    html! {
        @for error in mistakes.besides(fields) {
            (notice::notice(Tone::Bad, &html! { p role="alert" { @if !error.field.is_empty() { code { (error.field) } ": " } (error.message) } }))
        }
    }
}

/// Of a field that holds JSON, with each text and number as it was typed.
pub(crate) fn json(text: &str, field: &str, mistakes: &mut Mistakes) -> Option<Box<RawValue>> {
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            mistakes.add(field, &format!("expected JSON: {error}"));
            None
        }
    }
}

/// The same of an object, with more members before its own.
pub(crate) fn json_object(
    text: &str,
    field: &str,
    more: &[(&str, &RawValue)],
    mistakes: &mut Mistakes,
) -> Option<Box<RawValue>> {
    let raw = json(text, field, mistakes)?;
    let Some(rest) = raw.get().strip_prefix('{') else {
        mistakes.add(field, "expected an object, which begins with {");
        return None;
    };
    let mut members: Vec<String> =
        more.iter().map(|(name, value)| format!("{}:{}", json!(name), value.get())).collect();
    let own = rest.strip_suffix('}').unwrap_or(rest);
    if !own.trim().is_empty() {
        members.push(own.to_owned());
    }
    RawValue::from_string(format!("{{{}}}", members.join(","))).ok()
}

/// What the API answers of something, as it is edited: without what cannot be changed.
pub(crate) fn editable(members: &BTreeMap<String, Box<RawValue>>, is_kept: impl Fn(&str, &RawValue) -> bool) -> String {
    let kept: BTreeMap<_, _> = members.iter().filter(|(name, value)| is_kept(name, value)).collect();
    code::laid_out(&serde_json::to_string(&kept).unwrap_or_default())
}

pub(crate) fn tenant_link(tenant: &str) -> Markup {
    html! { a href=(path(&["console", "tenants", tenant])) { (tenant) } }
}

pub(crate) fn hook_address(tenant: &str, hook: &str) -> String {
    path(&["console", "tenants", tenant, "hooks", hook])
}

pub(crate) fn delivery_address(tenant: &str, delivery: &str) -> String {
    path(&["console", "tenants", tenant, "deliveries", delivery])
}

pub(crate) fn event_address(tenant: &str, event: &str) -> String {
    path(&["console", "tenants", tenant, "events", event])
}
