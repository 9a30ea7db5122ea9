//! A state, in colour and in words.

use maud::{Markup, html};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warning,
    Neutral,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warning => "warning",
            Self::Neutral => "neutral",
        }
    }

    /// Of a delivery's status.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "succeeded" => Self::Good,
            "failed" => Self::Bad,
            "retrying" => Self::Warning,
            _ => Self::Neutral,
        }
    }

    /// Of the status code of an answer.
    pub(crate) fn of_code(code: u16) -> Self {
        match code {
            200..=299 => Self::Good,
            300..=399 => Self::Warning,
            _ => Self::Bad,
        }
    }
}

pub(crate) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (text) } }
}
