//! How a hook's requests look and behave. Every setting can be left open: the
//! hook's own value wins, then that of the profile it names, then its tenant's,
//! then that of the tenant's or the deployment's profile, then `standard`'s.
//! Some are rules: of those the strictest holds.

mod auth;
mod endpoint_control;
mod header;
mod kept_secrets;
mod limits;
mod media_type;
mod rules;
mod shown;
mod success;
mod test_codes;
mod verification;
mod writers;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use auth::Auth;
pub use endpoint_control::{CONTROL_HEADERS, EndpointControl, EndpointRequest, told_rate};
pub use header::{FixedHeader, HeaderEncoding, HeaderSource, MAX_HEADERS};
pub use kept_secrets::Kept;
pub use limits::{
    Batch, CircuitBreaker, MAX_BATCH_WAIT, MAX_DISABLE_AFTER, MAX_PROBE_AFTER, NamePattern, PausedDeliveries,
    WhilePaused,
};
pub use media_type::MediaType;
pub use rules::Rule;
use shown::ForgetUnknown as _;
pub use success::{InvalidStatus, StatusRange, Success};
pub use test_codes::{TestCode, TestCodes};
pub use verification::{MAX_PER_MINUTE, ORIGIN_HEADER, Verification, VerificationKind};
pub use writers::HeaderWriter;

use super::address::AddressPolicy;
use super::hook::Timeout;
use super::invalid::FieldError;
use super::payload::Payload;
use super::retry::RetryPolicy;
use super::seconds::Seconds;
use super::secret::Secret;
use super::signature::{self, SignatureSetting};
use super::unknown::{Unknown, keeps_unknown};
use super::whole;
use crate::choices;

/// What a secret shows where it is not to be seen. In an update it stands for
/// the present one, so that what was read can be written back.
pub const MASK: &str = "********";
/// The most characters of an answer that are kept.
pub const MAX_RESPONSE_BODY_CHARS: u32 = 10_000;
/// The most hooks that a tenant can be given.
pub const MAX_HOOKS: u32 = 100_000;
const MAX_PER_SECOND: u32 = 10_000;
/// The largest payload and the largest list of headers, as JSON in bytes. A hook
/// is one item of at most 400 KB in DynamoDB, and former versions of it are kept.
pub const MAX_PART_BYTES: usize = 64 * 1024;

choices! {
    /// The HTTP method of requests.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum Method {
        /// The payload travels as the body.
        Post = "POST",
        /// The same, with PUT.
        Put = "PUT",
        /// The same, with PATCH.
        Patch = "PATCH",
        /// The payload travels as query, flattened as in a form.
        Get = "GET",
    }
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Get => "GET",
        }
    }
}

choices! {
    /// How the payload is written.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum ContentType {
        /// JSON, as `application/json` unless `media_type` names another.
        Json = "json",
        /// `application/x-www-form-urlencoded`; nested values as `a[b]=c` and `a[0]=c`.
        Form = "form",
    }
}

choices! {
    /// What the id of a message names. Requests with several events have an id of their own.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub enum MessageId {
        /// The delivery: of one event, each hook gets another.
        Delivery = "delivery",
        /// The event: every hook gets the same.
        Event = "event",
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty $(=> $stricter:path, weakest $weakest:expr, $holds:literal)?,)*) => {
        /// Some settings; those left open are decided further down.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        #[serde(remote = "Self", deny_unknown_fields)]
        pub struct Settings {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )*
            /// Settings of a newer version, which decide nothing here.
            #[serde(skip)]
            pub unknown: Unknown,
        }

        keeps_unknown!(Settings);

        /// All settings, as they apply to one hook.
        #[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
        pub struct Complete {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Complete {
            /// Fit to show: without what newer versions have decided.
            #[must_use]
            pub fn shown(mut self) -> Self {
                $(self.$name.forget_unknown();)*
                self
            }
        }

        impl Settings {
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Those that can only be made stricter further down.
            pub const RULES: &'static [Rule] =
                &[$($(Rule { name: stringify!($name), holds: $holds },)?)*];

            /// These settings, and below them those of `lower`.
            #[must_use]
            pub fn over(mut self, lower: &Self) -> Self {
                $(if self.$name.is_none() { self.$name.clone_from(&lower.$name); })*
                if self.unknown.is_empty() {
                    self.unknown.clone_from(&lower.unknown);
                }
                self
            }

            /// The names of those that are decided here.
            pub fn decided(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$name.is_some() { names.push(stringify!($name)); })*
                names
            }

            /// Leaves a setting open; false when there is none of that name.
            pub fn reset(&mut self, name: &str) -> bool {
                match name {
                    $(stringify!($name) => self.$name = None,)*
                    _ => return false,
                }
                true
            }

            /// Makes each rule as strict as it is here or in `above`.
            pub fn bind(&mut self, above: &Self) {
                $($(if let Some(above) = &above.$name {
                    self.$name = Some(match &self.$name {
                        Some(below) => $stricter(above, below),
                        None => above.clone(),
                    });
                })?)*
            }

            /// Every rule as weak as it can be.
            pub fn unbound() -> Self {
                Self { $($($name: Some($weakest),)?)* ..Self::default() }
            }

            /// The names of the rules that are weaker here than in `above`.
            pub fn lifts(&self, above: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $($(if let (Some(above), Some(below)) = (&above.$name, &self.$name)
                    && $stricter(above, below) != *below
                {
                    names.push(stringify!($name));
                })?)*
                names
            }

            /// Fit to show: without what newer versions have decided.
            #[must_use]
            pub fn shown(mut self) -> Self {
                $(self.$name.forget_unknown();)*
                self.unknown = Unknown::NONE;
                self
            }

            /// None when one is left open.
            pub fn complete(self) -> Option<Complete> {
                Some(Complete { $($name: self.$name?,)* })
            }
        }
    };
}

settings! {
    method: Method,
    content_type: ContentType,
    media_type: MediaType,
    auth: Auth,
    /// Up to 50 headers of every request. Those that frame a message or carry
    /// a signature cannot be set.
    headers: Vec<FixedHeader>,
    /// Up to 8 signatures. Each live secret signs those whose headers hold a list.
    signatures: Vec<SignatureSetting>,
    /// What names a request to its receiver, in `webhook-id`.
    message_id: MessageId,
    payload: Payload,
    batch: Batch,
    retry: RetryPolicy,
    timeout: Timeout,
    success: Success,
    /// What the headers of an answer may ask for.
    endpoint_control: EndpointControl,
    /// Whether the log keeps what endpoints answer.
    log_response_body: bool,
    /// How much of it, in characters, up to 10,000.
    #[serde(deserialize_with = "whole::optional::<0, MAX_RESPONSE_BODY_CHARS, _>")]
    response_body_limit: u32,
    /// The most requests per second, over all functions together; 0 for no limit.
    #[serde(deserialize_with = "whole::optional::<0, MAX_PER_SECOND, _>")]
    rate_limit: u32 => rules::lower_limit, weakest 0, "the lower one; 0 is no limit",
    circuit_breaker: CircuitBreaker => rules::opens_earlier, weakest CircuitBreaker::OFF,
        "the fewer failures and the longer wait; 0 failures is no breaker",
    /// Seconds of failure without one success after which the hook is disabled,
    /// up to 7,776,000; 0 for never.
    disable_after: Seconds => rules::sooner, weakest Seconds::new(0), "the shorter one; 0 is never",
    while_paused: WhilePaused,
    verification: Verification => rules::verified_first, weakest Verification::none(),
        "it is required if anybody requires it, with the kind, header, origin and rate of who stands higher and the fewer requests per hour",
    /// The hook's URL cannot be changed.
    url_locked: bool => rules::either, weakest false, "true",
    /// The most hooks of a tenant.
    #[serde(deserialize_with = "whole::optional::<0, MAX_HOOKS, _>")]
    max_hooks: u32 => rules::fewer, weakest MAX_HOOKS, "the smaller one",
    /// A regular expression that hooks' names match in full; empty for any name.
    name_pattern: NamePattern => rules::all_match, weakest NamePattern::default(), "names match all of them",
    /// A hook has to have a name.
    name_required: bool => rules::either, weakest false, "true",
    /// A hook whose method is GET has no `auth`.
    get_without_auth: bool => rules::either, weakest false, "true",
    /// What the answer of a test calls its outcomes.
    test_codes: TestCodes,
    /// A hook without a secret is not given one, and its requests are not signed.
    secret_optional: bool => rules::both, weakest true, "false; then signatures may not be empty either",
}

impl Settings {
    /// Complains about every value that cannot be. `prefix` is put before the
    /// names of fields.
    pub fn check(&self, prefix: &str, addresses: &AddressPolicy, errors: &mut Vec<FieldError>) {
        let at = |name: &str| format!("{prefix}{name}");
        if let Some(auth) = &self.auth {
            auth.check(&at("auth"), addresses, errors);
        }
        if let Some(headers) = &self.headers {
            header::check(headers, &at("headers"), errors);
        }
        if let Some(media_type) = &self.media_type {
            media_type.check(&at("media_type"), errors);
        }
        if let Some(signatures) = &self.signatures {
            signature::check_all(signatures, &at("signatures"), errors);
        }
        if let Some(payload) = &self.payload {
            payload.check(&at("payload"), errors);
        }
        if let Some(batch) = &self.batch {
            batch.check(&at("batch"), errors);
        }
        if let Some(retry) = &self.retry {
            retry.check(&at("retry"), errors);
        }
        if let Some(timeout) = &self.timeout {
            timeout.check(&at("timeout"), errors);
        }
        if let Some(success) = &self.success {
            success.check(&at("success"), errors);
        }
        if let Some(breaker) = &self.circuit_breaker {
            breaker.check(&at("circuit_breaker"), errors);
        }
        if let Some(disable_after) = &self.disable_after {
            disable_after.check(&at("disable_after"), Seconds::new(0), MAX_DISABLE_AFTER, errors);
        }
        if let Some(codes) = &self.test_codes {
            codes.check(&at("test_codes"), errors);
        }
        if let Some(while_paused) = &self.while_paused {
            while_paused.check(&at("while_paused"), errors);
        }
        if let Some(verification) = &self.verification {
            verification.check(&at("verification"), errors);
        }
        for (name, size) in [("payload", size(&self.payload)), ("headers", size(&self.headers))] {
            if size > MAX_PART_BYTES {
                let message = format!("expected at most {MAX_PART_BYTES} bytes in all, got {size}");
                errors.push(FieldError::new(at(name), message));
            }
        }
        for (name, value, max) in [
            ("response_body_limit", self.response_body_limit, MAX_RESPONSE_BODY_CHARS),
            ("rate_limit", self.rate_limit, MAX_PER_SECOND),
            ("max_hooks", self.max_hooks, MAX_HOOKS),
        ] {
            whole::check(at(name), value.unwrap_or_default(), 0, max, errors);
        }
    }

    pub fn secrets_mut(&mut self) -> impl Iterator<Item = &mut Secret> {
        let headers = self.headers.iter_mut().flatten().filter(|header| header.secret);
        self.auth.iter_mut().filter_map(Auth::secret_mut).chain(headers.filter_map(|header| header.value.as_mut()))
    }

    /// With every secret masked, fit to show.
    #[must_use]
    pub fn masked(mut self) -> Self {
        self.secrets_mut().for_each(|secret| *secret = Secret::new(MASK));
        self.shown()
    }
}

/// How long it is as JSON.
fn size<T: Serialize>(part: &Option<T>) -> usize {
    part.as_ref().and_then(|part| serde_json::to_vec(part).ok()).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_upper_layer_wins_field_by_field() {
        let merged = settings(r#"{"method":"PUT"}"#).over(&settings(r#"{"method":"GET","rate_limit":5}"#));
        assert_eq!((merged.method, merged.rate_limit), (Some(Method::Put), Some(5)));
        assert_eq!(merged.decided(), ["method", "rate_limit"]);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let all = settings(
            r#"{"auth":{"type":"oauth2","token_url":"https://a.example/t","client_id":"c","client_secret":"hush"},
                "headers":[{"name":"X-Key","value":"hush","secret":true},{"name":"X-Open","value":"open"}]}"#,
        );
        let shown = serde_json::to_string(&all.masked()).unwrap();
        assert!(!shown.contains("hush") && shown.contains("open"));
    }
}
