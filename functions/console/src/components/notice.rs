//! What is said to the reader: notices, empty states, questions.

use maud::{Markup, html};

use super::badge::Tone;

/// A banner in the page.
pub(crate) fn notice(tone: Tone, inner: &Markup) -> Markup {
    html! { div class={ "notice " (tone.class()) } role="note" { (inner) } }
}

/// What was just done; it goes away by itself where there are scripts.
pub(crate) fn toast(text: &str) -> Markup {
    html! { p.toast role="status" { (text) } }
}

/// Where a list has nothing: what to do next.
pub(crate) fn empty(title: &str, inner: &Markup) -> Markup {
    html! { section.empty { h2 { (title) } (inner) } }
}

/// Asks before it is done; without a script just as well.
pub(crate) fn confirm(summary: &str, question: &str, form: &Markup) -> Markup {
    confirm_at(false, summary, question, form)
}

/// The same, open where it has to be looked at, as where something in it is wrong.
pub(crate) fn confirm_at(is_open: bool, summary: &str, question: &str, form: &Markup) -> Markup {
    html! {
        details.confirm open[is_open] { summary.button { (summary) } div.card { p { (question) } (form) } }
    }
}
