//! What pages of customers and of operators say alike of hooks and deliveries.

use maud::{Markup, html};

use super::badge::Tone;
use super::short::IN_A_LIST;
use super::time;
use crate::api::{Delivery, Hook};

/// A hook without a name is shown by its URL, as far as a name may be long.
pub(crate) fn name(hook: &Hook) -> &str {
    match hook.name.is_empty() {
        true => hook.url.char_indices().nth(IN_A_LIST).and_then(|(end, _)| hook.url.get(..end)).unwrap_or(&hook.url),
        false => &hook.name,
    }
}

/// The code of the last answer, or why there was none.
pub(crate) fn answer(delivery: &Delivery) -> Markup {
    html! {
        @match &delivery.last_attempt {
            Some(attempt) => {
                @match attempt.status_code {
                    Some(code) => span class=(Tone::of_code(code).class()) { (code) },
                    None => span.bad { (attempt.outcome) },
                }
                " " span.help { (time::took(attempt.duration_ms)) }
            }
            None => "–",
        }
    }
}
