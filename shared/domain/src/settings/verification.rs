//! How an endpoint shows that it wants a hook's requests, as a setting.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::address::is_host_name;
use crate::choices;
use crate::headers;
use crate::invalid::FieldError;
use crate::unknown::{Unknown, keeps_unknown};
use crate::whole::{self, whole};

/// The most requests per hour to an endpoint that has not verified itself.
const MAX_PER_HOUR: u32 = 3_600;
/// The most requests per minute that can be asked for.
pub const MAX_PER_MINUTE: u32 = 600_000;

/// Names the sender in the handshake and in each request after it.
pub const ORIGIN_HEADER: &str = "WebHook-Request-Origin";

/// The handshake by which an endpoint shows that it wants these requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Verification {
    pub required: bool,
    /// Requests per hour until then, 1 to 3,600; 1 by default.
    #[serde(default = "one", deserialize_with = "whole::<1, MAX_PER_HOUR, _>")]
    pub per_hour: u32,
    /// The header that carries the key; `webhook-verification` by default. Only for the kind `key`.
    #[serde(default = "usual_header")]
    pub header: String,
    #[serde(default, skip_serializing_if = "VerificationKind::is_usual")]
    pub kind: VerificationKind,
    /// The DNS name by which the sender is known, such as `hooks.example.com`: it goes into
    /// `WebHook-Request-Origin`. Only for the kind `options`, which needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 253)]
    pub origin: Option<String>,
    /// Requests per minute that the endpoint is asked to allow, 1 to 600,000; none by default: it
    /// is not asked for a rate. Only for the kind `options`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "whole::optional::<1, MAX_PER_MINUTE, _>"
    )]
    pub rate: Option<u32>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(Verification);

choices! {
    /// How an endpoint shows that it wants requests.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub enum VerificationKind {
        /// Requests carry a key, which the endpoint returns in the answer's body or in the same header.
        #[default]
        Key = "key",
        /// The endpoint is asked with OPTIONS before it gets a request, and names in its answer who may
        /// send and how many per minute, as the HTTP webhook document 1.0.2 of CloudEvents has it.
        Options = "options",
        /// Before it gets a request, the endpoint is sent a signed `{"type":"verification","challenge":…}`,
        /// whose challenge it returns as `{"challenge":…}`, as events of the Model Context Protocol have it.
        Challenge = "challenge",
    }
}

impl VerificationKind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_usual(&self) -> bool {
        *self == Self::Key
    }
}

fn one() -> u32 {
    1
}

fn usual_header() -> String {
    "webhook-verification".to_owned()
}

impl Verification {
    pub(super) fn none() -> Self {
        Self {
            required: false,
            per_hour: one(),
            header: usual_header(),
            kind: VerificationKind::Key,
            origin: None,
            rate: None,
            unknown: Unknown::NONE,
        }
    }

    /// The header that it adds to requests while it is required, and the field that names it.
    pub fn request_header(&self) -> (&str, &'static str) {
        match self.kind {
            // A challenge brings no header of its own.
            VerificationKind::Key | VerificationKind::Challenge => (&self.header, "verification.header"),
            VerificationKind::Options => (ORIGIN_HEADER, "verification.kind"),
        }
    }

    /// Who asks, where the endpoint is asked with OPTIONS.
    pub fn asks_as(&self) -> Option<&str> {
        self.origin.as_deref().filter(|_| self.required && self.kind == VerificationKind::Options)
    }

    /// Whether the endpoint is sent a challenge before its first request.
    pub fn sends_challenge(&self) -> bool {
        self.required && self.kind == VerificationKind::Challenge
    }

    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        whole::check(format!("{field}.per_hour"), self.per_hour, 1, MAX_PER_HOUR, errors);
        let mut wrong = |name: &str, message: String| errors.push(FieldError::new(format!("{field}.{name}"), message));
        if let Err(refusal) = headers::check_name(&self.header) {
            wrong("header", refusal.to_string());
        }
        match (self.kind, &self.origin) {
            (VerificationKind::Key, origin) => {
                let only = || "only the kind `options` has it".to_owned();
                if origin.is_some() {
                    wrong("origin", only());
                }
                if self.rate.is_some() {
                    wrong("rate", only());
                }
            }
            (VerificationKind::Challenge, origin) => {
                if origin.is_some() {
                    wrong("origin", "only the kind `options` has it".to_owned());
                }
                if self.rate.is_some() {
                    wrong("rate", "only the kind `options` has it".to_owned());
                }
                if self.header != usual_header() {
                    wrong("header", "only the kind `key` has it".to_owned());
                }
            }
            (VerificationKind::Options, origin) => {
                if !origin.as_deref().is_some_and(is_host_name) {
                    let expected = "expected the DNS name by which the sender is known, such as hooks.example.com";
                    wrong("origin", expected.to_owned());
                }
                if self.header != usual_header() {
                    wrong("header", "only the kind `key` has it".to_owned());
                }
            }
        }
        if let Some(rate) = self.rate {
            whole::check(format!("{field}.rate"), rate, 1, MAX_PER_MINUTE, errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_fields(json: &str) -> Vec<String> {
        let mut errors = Vec::new();
        serde_json::from_str::<Verification>(json).unwrap().check("verification", &mut errors);
        errors.into_iter().map(|mut error| error.field.split_off("verification.".len())).collect()
    }

    #[test]
    fn each_kind_has_fields_of_its_own() {
        assert_eq!(wrong_fields(r#"{"required":true}"#), [""; 0]);
        assert_eq!(wrong_fields(r#"{"required":true,"kind":"options","origin":"a.example.com","rate":120}"#), [""; 0]);
        assert_eq!(wrong_fields(r#"{"required":true,"origin":"a.example.com","rate":1}"#), ["origin", "rate"]);
        assert_eq!(wrong_fields(r#"{"required":true,"kind":"options","header":"x-key"}"#), ["origin", "header"]);
        for origin in ["", "https://a.example.com", "a b", "*", "-a.example.com", "a..b", &"a.".repeat(127)] {
            let json = format!(r#"{{"required":true,"kind":"options","origin":"{origin}"}}"#);
            assert_eq!(wrong_fields(&json), ["origin"], "{origin}");
        }
    }
}
