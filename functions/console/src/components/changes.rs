//! What a change changed: what it was is struck out, what it is now stands beside it, and both
//! are read out as such.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::texts::Texts;

/// As the API answers it.
#[derive(Clone, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) at: String,
    pub(crate) by: String,
    pub(crate) user: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) what: String,
    pub(crate) target: Option<AuditTarget>,
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct AuditTarget {
    pub(crate) kind: String,
    pub(crate) id: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) field: String,
    #[serde(default)]
    pub(crate) before: Value,
    #[serde(default)]
    pub(crate) after: Value,
    #[serde(default)]
    pub(crate) too_large: bool,
}

pub(crate) fn changes(changes: &[Change], t: &Texts) -> Markup {
    html! {
        @if !changes.is_empty() {
            dl.changes { @for change in changes { div { dt { code { (change.field) } } dd { (difference(change, t)) } } } }
        }
    }
}

fn difference(change: &Change, t: &Texts) -> Markup {
    let before = html! { del { span.hidden { (t.before) ": " } (written(&change.before, t)) } };
    let after = html! { ins { span.hidden { (t.after) ": " } (written(&change.after, t)) } };
    match (change.too_large, &change.before, &change.after) {
        (true, ..) => html! { span.help { (t.too_large) } },
        (_, Value::Null, _) => after,
        (_, _, Value::Null) => before,
        _ => html! { (before) " → " (after) },
    }
}

fn written(value: &Value, t: &Texts) -> String {
    match value {
        Value::Null => t.nothing.to_owned(),
        Value::String(text) if text.is_empty() => "“”".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
