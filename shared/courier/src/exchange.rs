//! One exchange: the request is built, authorised, sent and answered.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{
    Clock, HttpRequest, HttpResponse, HttpResult, HttpSender, Identities, SendFailure, SendFault, StoreError,
};
use contract::stage::causes;
use contract::traces;
use domain::delivery::AttemptOutcome;
use domain::destination::{Destination, InvalidDestination};
use domain::seconds::Seconds;
use domain::secret::Secret;
use domain::settings::Auth;
use domain::time::Timestamp;
use domain::verification::returns_key;
use services::delivery::request::{self, EventToSend, FORM, InvalidHook, SendContext};
use services::delivery::resolved_hook::ResolvedHook;
use services::health::hook_health::HookHealth;

use crate::handshake::{self, Challenge, Handshake};
use crate::identity;
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
    /// The keys of this deployment.
    pub identity: Arc<dyn Identities>,
    /// The longest that one request may take, whatever its hook allows.
    pub patience: Duration,
}

/// What came of a request, and of the question before it.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// Of the question, where the answer to that was no consent.
    pub result: HttpResult,
    pub handshake: Handshake,
}

/// What became of a request that was to go out.
#[derive(Clone, Debug)]
pub enum Exchange {
    Made(Exchanged),
    /// The endpoint has consented, and allows no request before that.
    NotBefore(Timestamp),
}

/// Builds, authorises and sends one request. `id` names it to the receiver; an endpoint that is
/// `unverified` is asked to verify itself.
pub async fn run(
    courier: &Courier,
    hook_health: &HookHealth,
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    at: Timestamp,
    unverified: bool,
) -> Result<Exchange, SendFault> {
    if unverified && hook.settings.verification.sends_challenge() {
        let Some(first) = subjects.first() else { return Err(SendFault("there is nothing to send".to_owned())) };
        let asked = challenge(courier, hook, first, at).await?;
        if asked.handshake.is_refused() {
            return Ok(Exchange::Made(asked));
        }
        hook_health.granted(&hook.hook, at, None).await.map_err(not_stored)?;
        let before = asked.result.duration;
        let result = authorised(courier, hook, subjects, id, at, None, before).await?;
        let result = HttpResult { duration: before + result.duration, ..result };
        return Ok(Exchange::Made(Exchanged { result, handshake: asked.handshake }));
    }
    let origin = hook.settings.verification.asks_as().filter(|_| unverified);
    let Some((origin, destination)) = origin.zip(hook.destination.as_ref().ok()) else {
        let key = key(hook, unverified);
        let result = authorised(courier, hook, subjects, id, at, key, Duration::ZERO).await?;
        return Ok(Exchange::Made(Exchanged { result, handshake: Handshake::NotAsked }));
    };
    let (asked, handshake) = handshake::ask(courier, hook, destination, origin).await?;
    let Handshake::Granted { per_minute } = handshake else {
        return Ok(Exchange::Made(Exchanged { result: asked, handshake }));
    };
    // Others that were asked about at the same time may have used up what it allows.
    let taken = hook_health.take_granted(&hook.hook, at, per_minute).await;
    if let Some(until) = taken.map_err(not_stored)? {
        return Ok(Exchange::NotBefore(until));
    }
    let result = authorised(courier, hook, subjects, id, at, None, asked.duration).await?;
    let result = HttpResult { duration: asked.duration + result.duration, ..result };
    Ok(Exchange::Made(Exchanged { result, handshake }))
}

/// What an endpoint has said could not be written down.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn not_stored(error: StoreError) -> SendFault {
    SendFault(causes(&error))
}

/// Sends the challenge alone, to an endpoint of the kind `challenge`.
pub async fn challenge(
    courier: &Courier,
    hook: &ResolvedHook,
    subject: &EventToSend<'_>,
    at: Timestamp,
) -> Result<Exchanged, SendFault> {
    let asked = Challenge::random();
    let result = control(courier, hook, subject, &asked.json(), &asked.id, at).await?;
    let handshake = match &result.answer {
        Ok(response) => handshake::judge_challenge(hook, response, &asked.text),
        Err(_) => Handshake::Refused { reason: None },
    };
    Ok(Exchanged { result, handshake })
}

/// Sends what is no event, with the headers and signatures of a request for `subject`.
pub async fn control(
    courier: &Courier,
    hook: &ResolvedHook,
    subject: &EventToSend<'_>,
    json: &str,
    id: &str,
    at: Timestamp,
) -> Result<HttpResult, SendFault> {
    let make = |moment: SendContext<'_>| controlled(hook, subject, json, id, moment);
    authorised_by(courier, hook, at, None, Duration::ZERO, make).await
}

fn controlled<'a>(
    hook: &'a ResolvedHook,
    subject: &EventToSend<'_>,
    json: &str,
    id: &str,
    moment: SendContext<'_>,
) -> Result<(&'a Destination, HttpRequest), InvalidHook> {
    let destination = hook.destination.as_ref().map_err(InvalidDestination::clone)?;
    let request = request::control(hook, subject, json, id, moment)?;
    let mut request = destination::address(destination, request);
    identity::sign(hook, moment, &mut request)?;
    Ok((destination, request))
}

/// In what is left of its time after `before`.
async fn authorised(
    courier: &Courier,
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    at: Timestamp,
    key: Option<&Secret>,
    before: Duration,
) -> Result<HttpResult, SendFault> {
    authorised_by(courier, hook, at, key, before, |moment| addressed(hook, subjects, id, moment)).await
}

async fn authorised_by<'a, F>(
    courier: &Courier,
    hook: &'a ResolvedHook,
    at: Timestamp,
    key: Option<&Secret>,
    before: Duration,
    make: F,
) -> Result<HttpResult, SendFault>
where
    F: Fn(SendContext<'_>) -> Result<(&'a Destination, HttpRequest), InvalidHook> + Send + Sync,
{
    let identity = match identity::find(courier, hook).await? {
        Ok(identity) => identity,
        Err(failure) => return Ok(HttpResult { answer: Err(failure), duration: Duration::ZERO }),
    };
    if !matches!(hook.settings.auth, Auth::Oauth2 { .. }) {
        let moment = SendContext { at, token: None, key, form: FORM, identity: identity.as_deref() };
        return send(courier, make(moment), before).await;
    }
    let mut spent = Duration::ZERO;
    loop {
        let token = match courier.tokens.get(courier, hook).await? {
            Ok(token) => token,
            Err(failure) => return Ok(HttpResult { answer: Err(failure), duration: spent }),
        };
        let moment = SendContext { at, token: Some(&token), key, form: FORM, identity: identity.as_deref() };
        let result = send(courier, make(moment), before + spent).await?;
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
    made: Result<(&Destination, HttpRequest), InvalidHook>,
    spent: Duration,
) -> Result<HttpResult, SendFault> {
    match made {
        Ok((destination, mut request)) => {
            carry_on(&mut request);
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
                InvalidHook::Template(_) | InvalidHook::Header(..) => AttemptOutcome::TemplateFailed,
                InvalidHook::Destination(_)
                | InvalidHook::Secret(_)
                | InvalidHook::Identity(_)
                | InvalidHook::KeyPlaced => AttemptOutcome::InvalidRequest,
            };
            let answer = Err(SendFailure { outcome, detail: error.to_string() });
            Ok(HttpResult { answer, duration: Duration::ZERO })
        }
    }
}

/// Tells the endpoint of the trace, where there is one, unless the hook says what it is told.
fn carry_on(request: &mut HttpRequest) {
    const TRACEPARENT: &str = "traceparent";
    if let Some(context) = traces::current()
        && !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(TRACEPARENT))
    {
        request.headers.push((TRACEPARENT.to_owned(), context.to_string()));
    }
}

/// What the endpoint has to return, where it is asked to.
fn key(hook: &ResolvedHook, with_key: bool) -> Option<&Secret> {
    hook.hook.verification_key.as_ref().filter(|_| with_key)
}

/// The request as it is sent; `with_key` adds the key that verifies its endpoint, or is the question
/// that the endpoint was asked in its place.
pub fn build(
    hook: &ResolvedHook,
    subjects: &[EventToSend<'_>],
    id: &str,
    moment: SendContext<'_>,
    with_key: bool,
) -> Result<HttpRequest, InvalidHook> {
    if let Some(origin) = hook.settings.verification.asks_as().filter(|_| with_key) {
        let destination = hook.destination.as_ref().map_err(InvalidDestination::clone)?;
        return Ok(handshake::question(hook, destination, origin));
    }
    if let Some(first) = subjects.first().filter(|_| with_key && hook.settings.verification.sends_challenge()) {
        let shown = Challenge::shown(id);
        return controlled(hook, first, &shown.json(), &shown.id, moment).map(|(_, request)| request);
    }
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
    let mut request = destination::address(destination, request);
    identity::sign(hook, moment, &mut request)?;
    Ok((destination, request))
}

/// What an answer counts as. An endpoint that is not verified has to consent, or to return its key.
pub fn outcome_of(
    hook: &ResolvedHook,
    response: &HttpResponse,
    handshake: &Handshake,
    unverified: bool,
) -> AttemptOutcome {
    let settings = &hook.settings;
    let unverified = match handshake {
        Handshake::Refused { .. } => return AttemptOutcome::NotVerified,
        Handshake::Granted { .. } => false,
        Handshake::NotAsked => unverified,
    };
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
