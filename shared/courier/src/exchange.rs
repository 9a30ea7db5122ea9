//! One exchange: the request is built, authorised, sent and answered.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, HttpRequest, HttpResponse, HttpResult, HttpSender, SendFailure, SendFault};
use domain::delivery::AttemptOutcome;
use domain::destination::{Destination, InvalidDestination};
use domain::seconds::Seconds;
use domain::secret::Secret;
use domain::settings::Auth;
use domain::time::Timestamp;
use domain::verification::returns_key;
use services::delivery::request::{self, EventToSend, FORM, InvalidHook, SendContext};
use services::delivery::resolved_hook::ResolvedHook;

use crate::sender::check_size;
use crate::{Tokens, destination};

/// Unauthorized: a token may have been revoked before its time.
const UNAUTHORIZED: u16 = 401;

/// What carries requests to endpoints.
#[derive(Clone)]
pub struct Courier {
    pub sender: Arc<dyn HttpSender>,
    pub tokens: Tokens,
    pub clock: Arc<dyn Clock>,
    /// The longest that one request may take, whatever its hook allows.
    pub patience: Duration,
}

/// Builds, authorises and sends one request. `id` names it to the receiver;
/// `with_key` asks the endpoint to verify itself.
pub async fn run(
    courier: &Courier,
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    at: Timestamp,
    with_key: bool,
) -> Result<HttpResult, SendFault> {
    if !matches!(hook.settings.auth, Auth::Oauth2 { .. }) {
        return send(
            courier,
            hook,
            subjects,
            id,
            SendContext { at, token: None, key: key(hook, with_key), form: FORM },
            Duration::ZERO,
        )
        .await;
    }
    let mut spent = Duration::ZERO;
    loop {
        let token = match courier.tokens.get(courier, hook).await? {
            Ok(token) => token,
            Err(failure) => return Ok(HttpResult { answer: Err(failure), duration: spent }),
        };
        let moment = SendContext { at, token: Some(&token), key: key(hook, with_key), form: FORM };
        let result = send(courier, hook, subjects, id, moment, spent).await?;
        let refused = matches!(&result.answer, Ok(response) if response.status == UNAUTHORIZED);
        if !refused || !spent.is_zero() {
            return Ok(HttpResult { duration: spent + result.duration, ..result });
        }
        // Once, with a new token, in what is left of this attempt's time.
        courier.tokens.forget(hook, &token);
        spent = result.duration.max(Duration::from_millis(1));
    }
}

async fn send(
    courier: &Courier,
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    moment: SendContext<'_>,
    spent: Duration,
) -> Result<HttpResult, SendFault> {
    match addressed(hook, subjects, id, moment) {
        Ok((destination, mut request)) => {
            let left = request.timeout.total.duration().min(courier.patience).saturating_sub(spent);
            request.timeout.total = Seconds::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            match check_size(&request) {
                Ok(()) => destination::send(courier, destination, request).await,
                Err(failure) => Ok(HttpResult { answer: Err(failure), duration: Duration::ZERO }),
            }
        }
        Err(error) => {
            let outcome = match error {
                InvalidHook::TooLarge(_) => AttemptOutcome::RequestTooLarge,
                InvalidHook::Destination(_) | InvalidHook::Secret(_) => AttemptOutcome::InvalidRequest,
            };
            let answer = Err(SendFailure { outcome, detail: error.to_string() });
            Ok(HttpResult { answer, duration: Duration::ZERO })
        }
    }
}

/// What the endpoint has to return, where it is asked to.
fn key(hook: &ResolvedHook, with_key: bool) -> Option<&Secret> {
    hook.hook.verification_key.as_ref().filter(|_| with_key)
}

/// The request as it is sent; `with_key` adds the key that verifies its endpoint.
pub fn build(
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    moment: SendContext<'_>,
    with_key: bool,
) -> Result<HttpRequest, InvalidHook> {
    let moment = SendContext { key: key(hook, with_key), ..moment };
    addressed(hook, subjects, id, moment).map(|(_, request)| request)
}

fn addressed<'a>(
    hook: &'a ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    moment: SendContext<'_>,
) -> Result<(&'a Destination, HttpRequest), InvalidHook> {
    let destination = hook.destination.as_ref().map_err(InvalidDestination::clone)?;
    let request = request::build(hook, subjects, id, moment)?;
    Ok((destination, destination::address(destination, request)))
}

/// What an answer counts as. An endpoint that is not verified has to return its key.
pub fn outcome_of(hook: &ResolvedHook, response: &HttpResponse, unverified: bool) -> AttemptOutcome {
    let settings = &hook.settings;
    let outcome = settings.success.judge(response.status, &response.body);
    // The key may be the whole body, which is no JSON then.
    if !unverified || !matches!(outcome, AttemptOutcome::Success | AttemptOutcome::NotJson) {
        return outcome;
    }
    let key = hook.hook.verification_key.as_ref();
    let header = response.header(&settings.verification.header.to_ascii_lowercase());
    match key.is_some_and(|key| returns_key(header, &response.body, key)) {
        true => AttemptOutcome::Success,
        false if outcome == AttemptOutcome::NotJson => outcome,
        false => AttemptOutcome::NotVerified,
    }
}
