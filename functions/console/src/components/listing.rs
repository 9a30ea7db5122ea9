//! Tables, and the way to what is on the next page.

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

const IN_A_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `head` has the name of each column; numbers stand to the right.
pub(crate) fn table(caption: &str, head: &[Column<'_>], rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead { tr { @for column in head { th scope="col" class=[column.is_number.then_some("number")] { @if column.is_hidden { span.hidden { (column.name) } } @else { (column.name) } } } } }
                tbody { (rows) }
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Column<'a> {
    name: &'a str,
    is_number: bool,
    is_hidden: bool,
}

impl<'a> Column<'a> {
    pub(crate) fn text(name: &'a str) -> Self {
        Self { name, is_number: false, is_hidden: false }
    }

    /// Of check boxes: only read out.
    pub(crate) fn hidden(name: &'a str) -> Self {
        Self { name, is_number: false, is_hidden: true }
    }

    pub(crate) fn number(name: &'a str) -> Self {
        Self { name, is_number: true, is_hidden: false }
    }
}

/// Leads on with the same filters. The way back is the browser's.
pub(crate) fn pager(path: &str, query: &[(&str, &str)], next: Option<&str>, label: &str) -> Markup {
    html! {
        @if let Some(next) = next {
            nav.pager aria-label=(label) { a.button rel="next" href=(address(path, query, &[("cursor", next)])) { (label) " →" } }
        }
    }
}

/// A path with what is not empty of a query, and with more.
pub(crate) fn address(path: &str, query: &[(&str, &str)], more: &[(&str, &str)]) -> String {
    let pairs = query.iter().chain(more).filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A path of these segments, whatever they hold.
pub(crate) fn path(segments: &[&str]) -> String {
    segments.iter().fold(String::new(), |mut path, segment| {
        path.push('/');
        path.extend(utf8_percent_encode(segment, IN_A_SEGMENT));
        path
    })
}
