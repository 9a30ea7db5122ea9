//! An exchange, shown from beginning to end.

use contract::ports::MAX_RESPONSE_BYTES;
use courier::{Exchanged, Handshake};
use domain::choices;
use domain::delivery::{AttemptOutcome, Trigger, excerpt};
use domain::settings::{TestCode, TestCodes};
use domain::time::Timestamp;
use serde::Serialize;
use services::delivery::request::{EventToSend, FORM};
use services::delivery::resolved_hook::ResolvedHook;
use utoipa::ToSchema;

use crate::routes::request_view::{Header, RequestView, masked};

#[derive(Serialize, ToSchema)]
pub(crate) struct TestSend {
    result: TestSendResult,
    /// More exactly, as in the log
    outcome: AttemptOutcome,
    /// Whether it was a success
    status: bool,
    /// In words, or as `test_codes` says; of a success that has a code and no message there, what
    /// the endpoint answered
    message: String,
    /// As `test_codes` says; null where that names none
    code: Option<u32>,
    trigger: Trigger,
    /// Null when none could be made
    request: Option<RequestView>,
    /// Null when there was no answer
    response: Option<ResponseView>,
    duration_ms: u64,
}

choices! {
    /// What came of it.
    #[derive(Clone, Copy, PartialEq, Eq, Serialize)]
    pub(crate) enum TestSendResult {
        /// The endpoint took it.
        Success = "success",
        /// No answer, or one that is no success.
        RequestFailed = "request_failed",
        /// The answer had to be JSON.
        NotJson = "not_json",
        /// The answer did not verify the endpoint.
        NotVerified = "not_verified",
        /// The URL's address must not be called.
        RefusedAddress = "refused_address",
        /// The hook's settings make no request.
        Internal = "internal",
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ResponseView {
    status: u16,
    headers: Vec<Header>,
    /// As far as it was read: up to 64 KiB
    body: String,
    /// The body is not text and hence in base64
    body_is_base64: bool,
}

impl TestSend {
    pub(super) fn new(
        hook: &ResolvedHook,
        subject: &EventToSend<'_>,
        id: &str,
        at: Timestamp,
        with_key: bool,
        Exchanged { result: exchanged, handshake }: &Exchanged,
        outcome: AttemptOutcome,
    ) -> Self {
        let (message, response) = match &exchanged.answer {
            Ok(response) => {
                let content_type = response.header("content-type");
                let (body, body_is_base64) = excerpt(&response.body, MAX_RESPONSE_BYTES, content_type);
                let headers = response.headers.iter().map(Header::of).collect();
                let view = ResponseView { status: response.status, headers, body, body_is_base64 };
                let words = outcome.sentence(Some(response.status)).into_owned();
                let reason = match handshake {
                    Handshake::Refused { reason } => reason.as_ref(),
                    Handshake::NotAsked | Handshake::Granted { .. } => response.remark.as_ref(),
                };
                let remark = reason.map(|remark| format!("{words}; {remark}"));
                (remark.unwrap_or(words), Some(view))
            }
            Err(failure) => (failure.detail.clone(), None),
        };
        let result = TestSendResult::of(outcome);
        let named = result.named(&hook.settings.test_codes);
        let answered = response.as_ref().filter(|response| !response.body_is_base64).map(|response| &response.body);
        let message = match named {
            Some(TestCode { message: Some(message), .. }) => message.clone(),
            Some(_) if result == TestSendResult::Success => answered.cloned().unwrap_or_default(),
            Some(_) | None => message,
        };
        Self {
            result,
            outcome,
            status: result == TestSendResult::Success,
            code: named.map(|named| named.code),
            message,
            trigger: Trigger::Test,
            request: RequestView::made_again(&masked(hook.clone()), &[*subject], id, at, FORM, with_key).ok(),
            response,
            duration_ms: u64::try_from(exchanged.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl TestSendResult {
    fn named(self, codes: &TestCodes) -> Option<&TestCode> {
        match self {
            Self::Success => codes.success.as_ref(),
            Self::RequestFailed => codes.request_failed.as_ref(),
            Self::NotJson => codes.not_json.as_ref(),
            Self::NotVerified => codes.not_verified.as_ref(),
            Self::RefusedAddress => codes.refused_address.as_ref(),
            Self::Internal => codes.internal.as_ref(),
        }
    }

    fn of(outcome: AttemptOutcome) -> Self {
        match outcome {
            AttemptOutcome::Success => Self::Success,
            AttemptOutcome::NotJson => Self::NotJson,
            AttemptOutcome::NotVerified => Self::NotVerified,
            AttemptOutcome::RefusedAddress => Self::RefusedAddress,
            AttemptOutcome::InvalidRequest | AttemptOutcome::TemplateFailed | AttemptOutcome::RequestTooLarge => {
                Self::Internal
            }
            AttemptOutcome::Status
            | AttemptOutcome::Gone
            | AttemptOutcome::Timeout
            | AttemptOutcome::Dns
            | AttemptOutcome::Connect
            | AttemptOutcome::Tls
            | AttemptOutcome::InvalidResponse
            | AttemptOutcome::Auth
            | AttemptOutcome::Unknown(_) => Self::RequestFailed,
        }
    }
}
