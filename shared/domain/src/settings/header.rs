use std::collections::HashSet;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::choices;
use crate::headers;
use crate::invalid::FieldError;
use crate::payload::TextTemplate;
use crate::secret::Secret;
use crate::unknown::{Unknown, keeps_unknown};

/// Of ASCII, what CloudEvents has encoded in headers; of the rest, all is.
const NOT_VISIBLE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

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
    /// A text in the template language Jinja, as in a payload, in the place of `value`.
    /// Where it writes nothing, the header is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TextTemplate>,
    /// `percent`: whatever is no visible ASCII character, `"` and `%` are written as `%XX`, as
    /// CloudEvents has it. Without it a header can only say what is visible ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<HeaderEncoding>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(FixedHeader);

choices! {
    /// How the text of a header is written.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum HeaderEncoding {
        /// Percent-encoded UTF-8, as the HTTP binding 1.0.2 of CloudEvents says in section 3.1.3.2.
        Percent = "percent",
    }
}

impl HeaderEncoding {
    pub fn encode(self, text: &str) -> String {
        match self {
            Self::Percent => utf8_percent_encode(text, NOT_VISIBLE).to_string(),
        }
    }
}

impl FixedHeader {
    /// Its text as it is sent, or why it cannot be.
    pub fn encoded(&self, text: String) -> Result<String, headers::InvalidHeader> {
        let encoded = match self.encoding {
            Some(encoding) => encoding.encode(&text),
            None => text,
        };
        headers::check_value(&encoded).map(|()| encoded)
    }
}

choices! {
    /// What a header can say of its delivery.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum HeaderSource {
        /// The id of the event.
        EventId = "event.id",
        /// The type of the event.
        EventType = "event.type",
        /// When the event happened, in RFC 3339.
        EventTimestamp = "event.timestamp",
        /// The same in Unix seconds.
        EventUnix = "event.timestamp_unix",
        /// The id of the hook's tenant.
        TenantId = "tenant.id",
        /// The id of the hook.
        HookId = "hook.id",
        /// The hook's `uid`; its id where it has none.
        HookUid = "hook.uid",
        /// The id of the message: the delivery's, or the event's where `message_id` says so.
        DeliveryId = "delivery.id",
        /// When this attempt was made, in Unix seconds.
        AttemptUnix = "attempt.timestamp_unix",
    }
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
        match (&header.value, header.from, &header.template) {
            (Some(value), None, None) => {
                if let Err(refusal) = header.encoded(value.reveal().to_owned()) {
                    wrong("value", refusal.to_string());
                } else if header.secret && value.reveal().is_empty() {
                    wrong("value", "is required of a secret header".to_owned());
                }
            }
            (None, Some(_), None) | (None, None, Some(_)) if header.secret => {
                wrong("secret", "only a fixed value can be secret".to_owned());
            }
            (None, Some(_), None) => {}
            (None, None, Some(template)) => {
                if let Err(reason) = template.check() {
                    wrong("template", reason);
                }
            }
            _ => wrong("value", "expected exactly one of `value`, `from` and `template`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the HTTP binding 1.0.2 of CloudEvents, section 3.1.3.2.
    #[test]
    fn the_published_example_is_encoded_as_it_is_published() {
        assert_eq!(HeaderEncoding::Percent.encode("Euro \u{20ac} \u{1f600}"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(HeaderEncoding::Percent.encode("a\"%b~!/:?#[]@"), "a%22%25b~!/:?#[]@");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_a_value_of_a_header_and_reads_back(text in "\\PC{0,40}|[ \"%\\x00-\\x1f\\x7f]{0,20}") {
            let encoded = HeaderEncoding::Percent.encode(&text);
            prop_assert!(headers::check_value(&encoded).is_ok() && !encoded.contains([' ', '"']));
            let decoded: Vec<u8> = url::form_urlencoded::parse(encoded.replace('+', "%2B").replace('&', "%26").replace('=', "%3D").as_bytes())
                .flat_map(|(name, _)| name.into_owned().into_bytes()).collect();
            prop_assert_eq!(decoded, text.into_bytes());
        }
    }
}
