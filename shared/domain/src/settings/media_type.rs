//! What requests call their bodies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::invalid::FieldError;
use crate::unknown::{Unknown, keeps_unknown};

/// The longest media type, in characters.
const MAX_CHARS: usize = 128;

/// What `content-type` says of a body in JSON: `application/json` where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct MediaType {
    /// Of a body that tells of one event, such as `application/cloudevents+json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub single: Option<String>,
    /// Of an array of several, such as `application/cloudevents-batch+json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub batch: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(MediaType);

impl MediaType {
    /// Whether it says what is said without it.
    pub fn is_usual(&self) -> bool {
        self.single.is_none() && self.batch.is_none()
    }

    pub fn of(&self, is_batch: bool) -> &str {
        let named = if is_batch { &self.batch } else { &self.single };
        named.as_deref().unwrap_or("application/json")
    }

    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        for (name, text) in [("single", &self.single), ("batch", &self.batch)] {
            if text.as_deref().is_some_and(|text| !is_media_type(text)) {
                let message = format!(
                    "expected a media type such as application/vnd.example+json, at most {MAX_CHARS} characters"
                );
                errors.push(FieldError::new(format!("{field}.{name}"), message));
            }
        }
    }
}

/// `type/subtype`, and parameters whose values need no quotes (RFC 9110, section 8.3.1).
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut parts = text.split(';');
    let essence = parts.next().and_then(|essence| essence.split_once('/'));
    text.len() <= MAX_CHARS
        && essence.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        && parts.all(|part| {
            let part = part.strip_prefix(' ').unwrap_or(part);
            part.split_once('=').is_some_and(|(name, value)| is_token(name) && is_token(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_of_the_form_that_headers_have() {
        for text in ["application/cloudevents+json", "text/json; charset=utf-8", "a/b;c=d;e=f"] {
            assert!(is_media_type(text), "{text}");
        }
        for text in [
            "",
            "json",
            "a/",
            "/b",
            "a/b;",
            "a/b; c",
            "a/b\r\nx: y",
            "a /b",
            "a/b/c",
            &format!("a/{}", "b".repeat(127)),
        ] {
            assert!(!is_media_type(text), "{text}");
        }
    }
}
