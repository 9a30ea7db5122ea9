//! Navigation: between sections, and between the tabs of a page.

use maud::{Markup, html};

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) label: String,
    pub(crate) address: String,
    pub(crate) is_current: bool,
}

impl Entry {
    pub(crate) fn new(label: &str, address: impl Into<String>, is_current: bool) -> Self {
        Self { label: label.to_owned(), address: address.into(), is_current }
    }
}

pub(crate) fn navigation(entries: &[Entry], label: &str) -> Markup {
    html! { nav.sections aria-label=(label) { (links(entries)) } }
}

pub(crate) fn tabs(entries: &[Entry], label: &str) -> Markup {
    html! { nav.tabs aria-label=(label) { (links(entries)) } }
}

fn links(entries: &[Entry]) -> Markup {
    html! {
        ul { @for entry in entries {
            li { a href=(entry.address) aria-current=[entry.is_current.then_some("page")] { (entry.label) } }
        } }
    }
}
