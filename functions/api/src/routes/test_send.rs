//! Requests that are sent now, to see what comes of them.

mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use courier::{Exchange, Handshake};
use domain::delivery::AttemptOutcome;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, EventSeq, EventType, TenantId};
use domain::settings::VerificationKind;
use domain::tenant::Tenant;
use domain::time::Timestamp;
use domain::unverified::{Crowded, Exhausted, MOST_HOSTS};
use domain::verification::mentions_key;
use serde::Deserialize;
use serde_json::value::RawValue;
use services::delivery::request::{self, EventToSend};
use services::delivery::resolved_hook::ResolvedHook;
use services::health::verification::Turn;
use utoipa::ToSchema;

use super::events::check_data_size;
use super::hooks::{KEY_PLACED, find, owner};
use crate::Deps;
use crate::auth::MayTest;
use crate::input::{Body, Segments, refuse};
use crate::problem::{FieldError, Problem, Quota};
use views::TestSend;

/// Of a hook that asks for no type in particular.
const USUAL_TYPE: &str = "hookline.test";
/// Over which requests to an endpoint are counted that has not verified itself.
const HOUR: Duration = Duration::from_secs(3_600);
/// What a type without an example is tried with.
const USUAL_DATA: &str = r#"{"test":true}"#;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSendRequest {
    /// The hook's first event type by default.
    #[schema(pattern = r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$")]
    event_type: Option<String>,
    /// The type's example by default.
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
}

/// Send a test event now
///
/// The answer shows the whole exchange, which takes 15 s at most. It is in no log, uses up no attempt
/// and does not count towards the hook's health; an endpoint that returns its
/// key is verified by it. It counts towards `rate_limit`, and towards the requests an hour of an
/// endpoint that has not verified itself. Neither a disabled hook nor an open circuit stops it.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/test", operation_id = "hooks.test", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body(content = Option<TestSendRequest>, example = json!({ "event_type": "post.published", "data": { "post_id": 1 } })), responses(
    (status = 200, body = TestSend),
    (status = 413, description = "`data` is larger than that of an event may be"),
    (status = 429, description = "Limit reached: try again after `Retry-After` seconds")
))]
pub(crate) async fn test(
    MayTest(tenant): MayTest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    asked: Body<TestSendRequest>,
) -> Result<Json<TestSend>, Problem> {
    let (asked, wrong) = asked.open()?;
    let hook = find(&deps, &tenant, &params).await?;
    let event_type = asked.event_type.as_ref().map_or_else(|| Ok(usual_type(&hook)), |text| text.parse());
    let mut errors: Vec<FieldError> =
        event_type.as_ref().err().map(|error| FieldError::new("event_type", error.to_string())).into_iter().collect();
    if let Some(key) = &hook.verification_key {
        let texts = [("event_type", asked.event_type.as_deref()), ("data", asked.data.as_deref().map(RawValue::get))];
        let named = texts.iter().filter(|(_, text)| text.is_some_and(|text| mentions_key(text, key)));
        errors.extend(named.map(|(field, _)| FieldError::new(*field, KEY_PLACED)));
    }
    refuse(wrong, errors)?;
    asked.data.as_deref().map_or(Ok(()), check_data_size)?;
    let event_type = event_type.map_err(|_| Problem::internal())?;
    let data = match asked.data {
        Some(data) => data,
        None => sample(&deps, &*owner(&deps, &tenant).await?, &hook, &event_type).await?,
    };
    Ok(Json(send(&deps, &tenant, &hook, &event_type, &data, false).await?))
}

/// Verify the endpoint now
///
/// It is sent a test event with its key, which it has to return in the body or
/// in the header that carried it; or it is asked with OPTIONS first, or is sent a challenge
/// and no event, where its `verification` is of that kind.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/verify", operation_id = "hooks.verify", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses(
    (status = 200, body = TestSend),
    (status = 409, description = "The hook's settings ask for no verification"),
    (status = 429, description = "Limit reached: try again after `Retry-After` seconds")
))]
pub(crate) async fn verify(
    MayTest(tenant): MayTest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<TestSend>, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    let owner = owner(&deps, &tenant).await?;
    let verification = deps.resolved.settle(&hook, &owner).await?.verification;
    if !verification.required {
        return Err(Problem::conflict("this hook's settings ask for no verification"));
    }
    let hook = with_key(&deps, hook, verification.kind).await?;
    let event_type = usual_type(&hook);
    let data = sample(&deps, &owner, &hook, &event_type).await?;
    let only_challenge = verification.kind == VerificationKind::Challenge;
    Ok(Json(send(&deps, &tenant, &hook, &event_type, &data, only_challenge).await?))
}

/// A hook from before this verification was asked for has no key for it yet.
async fn with_key(deps: &Deps, hook: Hook, kind: VerificationKind) -> Result<Hook, Problem> {
    let mut new = Hook { version: hook.version + 1, ..hook.clone() };
    new.provide_verification_key(deps.random.as_ref(), kind);
    if new.verification_key == hook.verification_key {
        return Ok(hook);
    }
    deps.hooks.update(&hook, &new).await?;
    Ok(new)
}

fn usual_type(hook: &Hook) -> EventType {
    let exact = hook.events.iter().find_map(|pattern| pattern.as_str().parse().ok());
    exact.unwrap_or_else(|| USUAL_TYPE.parse().expect("the usual type is one"))
}

/// The example of a type, or something that tells what it is.
async fn sample(deps: &Deps, owner: &Tenant, hook: &Hook, event_type: &EventType) -> Result<Box<RawValue>, Problem> {
    let known = deps.catalogue.find(owner, event_type).await?;
    let known = known.and_then(|found| found.entry().example.clone());
    // A profile of the hook's own may know types that its tenant does not.
    let profile = deps.resolved.profile(hook.profile.as_ref(), owner).await?;
    let of_profile = || profile.event_types.iter().find(|entry| entry.name == *event_type)?.example.clone();
    match known.or_else(of_profile) {
        Some(example) => Ok(example.raw().to_owned()),
        None => RawValue::from_string(USUAL_DATA.to_owned()).map_err(|_| Problem::internal()),
    }
}

/// Takes a test for one of the requests that the endpoint gets. Whether it has to carry the key.
async fn admit(deps: &Deps, hook: &ResolvedHook, now: Timestamp) -> Result<bool, Problem> {
    let (settings, Hook { tenant, id, url, .. }) = (&hook.settings, &*hook.hook);
    let too_many = |why: &str, until: Timestamp, quota| Err(Problem::too_many(why, until.since(now), quota));
    let rates = &deps.hook_health.rates;
    let health = deps.hook_health.health(tenant, *id).await?;
    if let Some(until) = health.throttled_until(settings, now) {
        return too_many("the endpoint asked for no more requests for now", until, Quota::unknown("endpoint"));
    }
    let limit = health.limit(settings, url, now);
    if let Some(limit) = limit.some() {
        // Asked first, so that what is refused takes no turn from deliveries.
        let turn = match rates.waits_until(tenant, *id, now, limit).await? {
            None => rates.take(tenant, *id, now, limit, false).await?,
            turn => turn,
        };
        if let Some(until) = turn {
            let why = match limit.per_minute {
                None => "the hook's rate_limit is used up for now".to_owned(),
                Some(_) => format!("used up for now: at most {limit} may go out"),
            };
            return too_many(&why, until, Quota::of(limit, until.since(now)));
        }
    }
    if !settings.verification.required {
        return Ok(false);
    }
    match deps.hook_health.take_unverified(&hook.hook, &settings.verification, now, Crowded::Refuse).await? {
        Turn::Verified => Ok(false),
        Turn::Taken => Ok(true),
        Turn::HookExhausted { until } => {
            let limit = settings.verification.per_hour;
            let why =
                format!("the endpoint has not verified itself and gets at most {limit} requests an hour until then");
            too_many(&why, until, Quota::new("unverified", limit, HOUR))
        }
        Turn::Exhausted(Exhausted::Host { until, limit }) => {
            let why = format!(
                "at most {limit} requests an hour go to this host whose endpoints have not verified themselves, those of deleted hooks included"
            );
            too_many(&why, until, Quota::new("unverified-host", limit, HOUR))
        }
        Turn::Exhausted(Exhausted::Tenant { until }) => {
            let limit = u32::try_from(MOST_HOSTS).unwrap_or(u32::MAX);
            let why = format!("at most {limit} hosts an hour are asked whose endpoints have not verified themselves");
            too_many(&why, until, Quota::new("unverified-hosts", limit, HOUR))
        }
    }
}

async fn send(
    deps: &Deps,
    tenant: &TenantId,
    hook: &Hook,
    event_type: &EventType,
    data: &RawValue,
    only_challenge: bool,
) -> Result<TestSend, Problem> {
    let hook: &ResolvedHook = &*deps.resolved.get(tenant, hook.id).await?.ok_or_else(|| Problem::not_found("hook"))?;
    let now = deps.clock.now();
    let event = EventSeq::new(deps.clock.now(), deps.random.as_ref());
    let delivery = DeliveryId { event, hook: hook.hook.id };
    let event_id: EventId = format!("test:{}", event.0).parse().map_err(|_| Problem::internal())?;
    let subject = EventToSend {
        delivery,
        event_id: &event_id,
        event_type,
        event_timestamp: now,
        channels: &Default::default(),
        data,
    };
    let id = request::name(hook, &[subject]);
    let asks = admit(deps, hook, now).await?;
    if only_challenge {
        return challenge(deps, hook, &subject, now).await;
    }
    let exchange = courier::exchange(&deps.courier, &deps.hook_health, hook, &[subject], &id, now, asks).await?;
    let exchanged = match exchange {
        Exchange::Made(exchanged) => exchanged,
        Exchange::NotBefore(until) => {
            return Err(Problem::too_many(
                "used up for now: the endpoint has just said how much it allows",
                until.since(now),
                Quota::unknown("endpoint"),
            ));
        }
    };
    let asks = asks && !matches!(exchanged.handshake, Handshake::Granted { .. });
    let outcome = match &exchanged.result.answer {
        Ok(response) => match courier::outcome_of(hook, response, &exchanged.handshake, asks) {
            // The key alone is an answer as well.
            AttemptOutcome::Success if asks => AttemptOutcome::Success,
            AttemptOutcome::NotVerified if exchanged.handshake.is_refused() => AttemptOutcome::NotVerified,
            AttemptOutcome::Success | AttemptOutcome::NotVerified
                if hook.settings.test_codes.json_body && !is_json(&response.body) =>
            {
                AttemptOutcome::NotJson
            }
            outcome => outcome,
        },
        Err(failure) => failure.outcome,
    };
    if asks && outcome == AttemptOutcome::Success {
        deps.hook_health.verified(&hook.hook, now).await;
    }
    Ok(TestSend::new(hook, &subject, &id, now, asks, &exchanged, outcome))
}

/// An endpoint that is verified already is asked all the same.
async fn challenge(
    deps: &Deps,
    hook: &ResolvedHook,
    subject: &EventToSend<'_>,
    now: Timestamp,
) -> Result<TestSend, Problem> {
    let exchanged = courier::challenge(&deps.courier, hook, subject, now).await?;
    if let Handshake::Granted { per_minute } = exchanged.handshake {
        deps.hook_health.granted(&hook.hook, now, per_minute).await?;
    }
    let outcome = match &exchanged.result.answer {
        Ok(response) => courier::outcome_of(hook, response, &exchanged.handshake, true),
        Err(failure) => failure.outcome,
    };
    Ok(TestSend::new(hook, subject, "msg_verification", now, true, &exchanged, outcome))
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}
