//! What a change changed: what it was is struck out, what it is now stands beside it, and both
//! are read out as such.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::short::{IN_A_LIST, shortened};
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

impl Change {
    pub(crate) fn is_longer_than(&self, most: usize) -> bool {
        [&self.before, &self.after].into_iter().any(|value| match value {
            Value::String(text) => text.chars().count() > most,
            value => value.to_string().chars().count() > most,
        })
    }
}

/// Of one entry among others, so many fields are shown.
const MOST_FIELDS: usize = 10;

pub(crate) fn changes(changes: &[Change], t: &Texts) -> Markup {
    let (shown, rest) = changes.split_at(changes.len().min(MOST_FIELDS));
    html! {
        (changes_of(shown, IN_A_LIST, t))
        @if !rest.is_empty() { p.help { "+ " (rest.len()) } }
    }
}

/// All fields, each side of a change with at most so many characters.
pub(crate) fn changes_of(changes: &[Change], most: usize, t: &Texts) -> Markup {
    html! {
        @if !changes.is_empty() {
            dl.changes { @for change in changes { div { dt { code { (change.field) } } dd { (difference(change, most, t)) } } } }
        }
    }
}

fn difference(change: &Change, most: usize, t: &Texts) -> Markup {
    let before = html! { del { span.hidden { (t.before) ": " } (shortened(&written(&change.before, t), most)) } };
    let after = html! { ins { span.hidden { (t.after) ": " } (shortened(&written(&change.after, t), most)) } };
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
