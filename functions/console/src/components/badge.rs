//! A state, in colour and in words.

use maud::{Markup, html};

use crate::api::Hook;

/// Of deliveries.
pub(crate) const STATUSES: [&str; 6] = ["pending", "retrying", "waiting", "succeeded", "failed", "skipped"];

/// Whether a delivery is still to be sent, and can be cancelled.
pub(crate) fn is_open(status: &str) -> bool {
    matches!(status, "pending" | "retrying" | "waiting")
}

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

/// How a hook is; the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookState {
    Disabled,
    Resting,
    Failing,
    Unverified,
    Enabled,
}

impl HookState {
    pub(crate) fn of(hook: &Hook) -> Self {
        if !hook.enabled {
            Self::Disabled
        } else if hook.health.circuit == "open" {
            Self::Resting
        } else if hook.health.failing_since.is_some() {
            Self::Failing
        } else if hook.health.verification == "pending" {
            Self::Unverified
        } else {
            Self::Enabled
        }
    }

    pub(crate) fn tone(self) -> Tone {
        match self {
            Self::Disabled => Tone::Neutral,
            Self::Resting | Self::Failing => Tone::Bad,
            Self::Unverified => Tone::Warning,
            Self::Enabled => Tone::Good,
        }
    }
}

pub(crate) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (text) } }
}
