//! Bodies, headers and commands.

use std::borrow::Cow;

use maud::{Markup, html};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::short::shortened;

/// Of a block, as many characters are shown: four of them make a page of 60 KB, whatever is in them.
pub(crate) const MOST_SHOWN: usize = 16_000;

/// A script copies with it; without one it is not shown.
pub(crate) fn copy_button(text: &str, label: &str) -> Markup {
    html! { button.copy type="button" hidden data-copy=(text) aria-label=(label) title=(label) { (icon()) } }
}

fn icon() -> Markup {
    html! {
        svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5" {
            rect x="5.5" y="5.5" width="8" height="8" rx="1" {}
            path d="M3.5 10.5h-1v-8h8v1" {}
        }
    }
}

/// A block with a button that copies it. One that is too long for a page is shown as far as there is room,
/// and is not copied: half of it would be taken for all.
pub(crate) fn block(label: &str, text: &str, copy: &str) -> Markup {
    block_of(label, text, MOST_SHOWN, copy)
}

/// The same of at most so many characters.
pub(crate) fn block_of(label: &str, text: &str, most: usize, copy: &str) -> Markup {
    let shown = shortened(text, most);
    let is_whole = matches!(shown, Cow::Borrowed(_));
    html! {
        figure.code {
            figcaption {
                span { (label) @if !is_whole { " (" (most) " / " (text.chars().count()) ")" } }
                // It copies what stands below, which is sent once that way.
                @if is_whole { button.copy type="button" hidden data-copy aria-label=(copy) title=(copy) { (icon()) } }
            }
            pre tabindex="0" aria-label=(label) { code { (shown) } }
        }
    }
}

/// As it goes to the API.
pub(crate) fn raw(value: &(impl Serialize + ?Sized)) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// JSON is laid out, with each text and number as it was written and in its order; whatever
/// else stays as it is.
pub(crate) fn laid_out(body: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(body).is_err() {
        return body.to_owned();
    }
    let mut written = String::with_capacity(body.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut characters = body.chars().peekable();
    while let Some(character) = characters.next() {
        if in_text {
            written.push(character);
            in_text = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                written.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    written.push(end);
                } else {
                    depth += 1;
                    new_line(&mut written, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut written, depth);
                written.push(character);
            }
            ',' => {
                written.push(character);
                new_line(&mut written, depth);
            }
            ':' => written.push_str(": "),
            _ => {
                in_text = character == '"';
                written.push(character);
            }
        }
    }
    written
}

fn new_line(written: &mut String, depth: usize) {
    written.push('\n');
    written.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_nothing_in_it_changes() {
        assert_eq!(
            laid_out(r#"{"z":1.50,"a":[1, {}, [ ]],"t":"a\"{,:\\","e":{"b":null}}"#),
            "{\n  \"z\": 1.50,\n  \"a\": [\n    1,\n    {},\n    []\n  ],\n  \"t\": \"a\\\"{,:\\\\\",\n  \"e\": {\n    \"b\": null\n  }\n}"
        );
        for text in ["", "a=1&b=2", "{broken", "12", "\"a b\""] {
            assert_eq!(laid_out(text), text);
        }
    }
}
