//! What pages of customers and of operators say alike of hooks and deliveries.

use maud::{Markup, html};

use super::badge::Tone;
use super::time;
use crate::api::{Delivery, Hook};

/// A hook without a name is shown by its URL.
pub(crate) fn name(hook: &Hook) -> &str {
    if hook.name.is_empty() { &hook.url } else { &hook.name }
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
