use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::headers;
use crate::invalid::{FieldError, exactly_one_of};
use crate::secret::Secret;
use crate::unknown::{Unknown, keeps_unknown};

/// The most headers of one hook.
pub const MAX_HEADERS: usize = 50;

/// A header of every request: fixed, or filled in for each delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct FixedHeader {
    /// Sent as it is written here.
    pub name: String,
    /// Its text. Of a secret header it is never shown again; leaving it blank
    /// in an update keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret>,
    /// What it says of the delivery, in the place of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<HeaderSource>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(FixedHeader);

/// What a header can say of its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum HeaderSource {
    #[serde(rename = "event.id")]
    EventId,
    #[serde(rename = "event.type")]
    EventType,
    /// RFC 3339
    #[serde(rename = "event.timestamp")]
    EventTimestamp,
    /// Unix seconds
    #[serde(rename = "event.timestamp_unix")]
    EventUnix,
    #[serde(rename = "tenant.id")]
    TenantId,
    #[serde(rename = "hook.id")]
    HookId,
    #[serde(rename = "delivery.id")]
    DeliveryId,
    /// Unix seconds of this attempt
    #[serde(rename = "attempt.timestamp_unix")]
    AttemptUnix,
}

pub(super) fn check(fixed: &[FixedHeader], field: &str, errors: &mut Vec<FieldError>) {
    if fixed.len() > MAX_HEADERS {
        errors.push(FieldError::new(field, format!("expected at most {MAX_HEADERS} entries")));
        return;
    }
    let mut seen = HashSet::new();
    for (index, header) in fixed.iter().enumerate() {
        let mut wrong = |name: &str, message: String| {
            errors.push(FieldError::new(format!("{field}[{index}].{name}"), message));
        };
        let name = header.name.to_ascii_lowercase();
        if let Err(refusal) = headers::check_name(&header.name) {
            wrong("name", refusal.to_string());
        } else if !seen.insert(name) {
            wrong("name", "is there twice".to_owned());
        }
        match (&header.value, header.from) {
            (Some(value), None) => {
                if let Err(refusal) = headers::check_value(value.reveal()) {
                    wrong("value", refusal.to_string());
                } else if header.secret && value.reveal().is_empty() {
                    wrong("value", "is required of a secret header".to_owned());
                }
            }
            (None, Some(_)) if header.secret => wrong("secret", "only a fixed value can be secret".to_owned()),
            (None, Some(_)) => {}
            _ => wrong("value", exactly_one_of(["value", "from"])),
        }
    }
}
