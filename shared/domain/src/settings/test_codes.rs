use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::invalid::FieldError;
use crate::unknown::{Unknown, keeps_unknown};

/// The longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 500;

/// Codes and messages by outcome, for the answer of a test. What is left out has no
/// code, and Hookline's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct TestCodes {
    /// The answer to a test has to be JSON, whatever `success` asks of deliveries.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json_body: bool,
    /// Without a message, it is what the endpoint answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<TestCode>,
    /// No answer, or one that is no success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_failed: Option<TestCode>,
    /// The answer had to be JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_json: Option<TestCode>,
    /// The answer did not verify the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_verified: Option<TestCode>,
    /// The URL's address must not be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_address: Option<TestCode>,
    /// The hook's settings make no request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal: Option<TestCode>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// What one outcome is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct TestCode {
    #[schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64)]
    pub code: u32,
    /// At most 500 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(TestCodes, TestCode);

impl TestCodes {
    fn named(&mut self) -> [(&'static str, &mut Option<TestCode>); 6] {
        [
            ("success", &mut self.success),
            ("request_failed", &mut self.request_failed),
            ("not_json", &mut self.not_json),
            ("not_verified", &mut self.not_verified),
            ("refused_address", &mut self.refused_address),
            ("internal", &mut self.internal),
        ]
    }

    pub(super) fn check(&self, field: &str, errors: &mut Vec<FieldError>) {
        for (name, code) in self.clone().named() {
            let message = code.as_ref().and_then(|code| code.message.as_ref());
            if message.is_some_and(|message| message.len() > MAX_MESSAGE_BYTES) {
                let expected = format!("expected at most {MAX_MESSAGE_BYTES} bytes");
                errors.push(FieldError::new(format!("{field}.{name}.message"), expected));
            }
        }
    }

    pub(super) fn forget_unknown(&mut self) {
        self.unknown = Unknown::NONE;
        for (_, code) in self.named() {
            code.iter_mut().for_each(|code| code.unknown = Unknown::NONE);
        }
    }
}
