//! What pages are built of. `/console/components` shows them all.

pub(crate) mod badge;
pub(crate) mod changes;
pub(crate) mod chart;
pub(crate) mod code;
pub(crate) mod delivered;
pub(crate) mod exchange;
pub(crate) mod field;
pub(crate) mod listing;
pub(crate) mod menu;
pub(crate) mod notice;
pub(crate) mod period;
pub(crate) mod plan;
pub(crate) mod replay;
pub(crate) mod short;
pub(crate) mod time;
pub(crate) mod timeline;

use maud::{Markup, html};

/// The start of a page: where it is, what it is called, and what can be done.
pub(crate) fn heading(title: &str, actions: &Markup) -> Markup {
    html! {
        div.heading { h1 { (title) } div.actions { (actions) } }
    }
}

/// An id, with a button that copies it; scripts show that.
pub(crate) fn id(id: &str, copy: &str) -> Markup {
    html! {
        span.id { code { (id) } (code::copy_button(id, copy)) }
    }
}

/// Names and values.
pub(crate) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}
