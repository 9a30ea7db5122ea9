use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delivery::AttemptOutcome;
use crate::invalid::FieldError;
use crate::strict::without_bom;
use crate::unknown::{Unknown, keeps_unknown};

const MAX_STATUSES: usize = 50;

/// Which answers count as success, and after which nothing is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Success {
    /// Codes (`200`) and classes (`2xx`) that are success; `["2xx"]` by default.
    #[serde(default = "two_hundreds")]
    #[schema(value_type = Vec<String>)]
    pub statuses: Vec<StatusRange>,
    /// The answer's body has to be JSON as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json_body: bool,
    /// Codes and classes after which no other attempt is made; `["410"]` by default.
    #[serde(default = "gone", rename = "final")]
    #[schema(value_type = Vec<String>)]
    pub final_statuses: Vec<StatusRange>,
    /// Whether a final `410` disables the hook as well; so by default.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub gone_disables: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Success);

fn yes() -> bool {
    true
}

fn two_hundreds() -> Vec<StatusRange> {
    vec![StatusRange { low: 200, high: 299 }]
}

fn gone() -> Vec<StatusRange> {
    vec![StatusRange { low: 410, high: 410 }]
}

impl Success {
    /// How an answer ends an attempt.
    pub fn judge(&self, status: u16, body: &[u8]) -> AttemptOutcome {
        if !contains(&self.statuses, status) {
            return if status == 410 { AttemptOutcome::Gone } else { AttemptOutcome::Status };
        }
        match self.json_body && serde_json::from_slice::<serde::de::IgnoredAny>(without_bom(body)).is_err() {
            true => AttemptOutcome::NotJson,
            false => AttemptOutcome::Success,
        }
    }

    /// Whether a failure with this status is the last attempt.
    pub fn is_final(&self, status: u16) -> bool {
        contains(&self.final_statuses, status)
    }

    /// Whether a failure with this status, of an endpoint that says it is gone, disables the hook.
    pub fn disables(&self, status: u16) -> bool {
        self.gone_disables && self.is_final(status)
    }

    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        if self.statuses.is_empty() || self.statuses.len() > MAX_STATUSES {
            errors.push(FieldError::new(format!("{field}.statuses"), format!("expected 1 to {MAX_STATUSES} entries")));
        }
        if self.final_statuses.len() > MAX_STATUSES {
            errors.push(FieldError::new(format!("{field}.final"), format!("expected at most {MAX_STATUSES} entries")));
        }
    }
}

fn contains(ranges: &[StatusRange], status: u16) -> bool {
    ranges.iter().any(|range| (range.low..=range.high).contains(&status))
}

/// One status code, or a class of them such as `5xx`; both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatusRange {
    pub low: u16,
    pub high: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a status code such as 503, or a class such as 5xx")]
pub struct InvalidStatus;

impl FromStr for StatusRange {
    type Err = InvalidStatus;
    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x') {
            return Err(InvalidStatus);
        }
        if let Some(class) = text.strip_suffix("xx") {
            let class: u16 = class.parse().map_err(|_| InvalidStatus)?;
            let range = Self { low: class.saturating_mul(100), high: class.saturating_mul(100).saturating_add(99) };
            return if (1..=5).contains(&class) { Ok(range) } else { Err(InvalidStatus) };
        }
        let code: u16 = text.parse().map_err(|_| InvalidStatus)?;
        if (100..=599).contains(&code) { Ok(Self { low: code, high: code }) } else { Err(InvalidStatus) }
    }
}

impl TryFrom<String> for StatusRange {
    type Error = InvalidStatus;
    fn try_from(text: String) -> Result<Self, InvalidStatus> {
        text.parse()
    }
}

impl From<StatusRange> for String {
    fn from(range: StatusRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.low == self.high {
            true => write!(f, "{}", self.low),
            false => write!(f, "{}xx", self.low / 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success(json: &str) -> Success {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn two_hundreds_are_success_unless_said_otherwise() {
        let usual = success("{}");
        assert_eq!(usual.judge(204, b""), AttemptOutcome::Success);
        assert_eq!(usual.judge(301, b""), AttemptOutcome::Status);
        assert_eq!(usual.judge(410, b""), AttemptOutcome::Gone);
        assert!(usual.is_final(410) && !usual.is_final(500));
        assert_eq!(success(r#"{"statuses":["200","3xx"]}"#).judge(204, b""), AttemptOutcome::Status);
        assert_eq!(success(r#"{"statuses":["200","3xx"]}"#).judge(302, b""), AttemptOutcome::Success);
    }

    #[test]
    fn a_body_that_has_to_be_json_is_looked_at() {
        let strict = success(r#"{"json_body":true}"#);
        assert_eq!(strict.judge(200, b"\xef\xbb\xbf{}"), AttemptOutcome::Success, "nobody sees the mark before it");
        assert_eq!(strict.judge(200, b"OK"), AttemptOutcome::NotJson);
        assert_eq!(strict.judge(200, b""), AttemptOutcome::NotJson);
        assert_eq!(strict.judge(200, br#" {"ok":1} "#), AttemptOutcome::Success);
    }

    #[test]
    fn ranges_are_written_as_they_are_read_and_nothing_else_is_taken() {
        for text in ["200", "5xx"] {
            assert_eq!(text.parse::<StatusRange>().unwrap().to_string(), text);
        }
        for text in ["", "2x", "xx", "600", "99", "6xx", "+200", "65536xx", "20000"] {
            assert!(text.parse::<StatusRange>().is_err(), "{text}");
        }
    }
}
