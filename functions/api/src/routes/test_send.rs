//! Requests that are sent now, to see what comes of them.

mod views;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::delivery::AttemptOutcome;
use domain::health::Health;
use domain::hook::Hook;
use domain::ids::{DeliveryId, EventId, EventSeq, EventType, TenantId};
use domain::tenant::Tenant;
use serde::Deserialize;
use serde_json::value::RawValue;
use services::delivery::request::EventToSend;
use services::delivery::resolved_hook::ResolvedHook;
use utoipa::ToSchema;

use super::hooks::{find, owner};
use crate::Deps;
use crate::auth::MayTest;
use crate::input::{Body, Segments, refuse};
use crate::problem::{FieldError, Problem};
use views::TestSend;

/// Of a hook that asks for no type in particular.
const USUAL_TYPE: &str = "hookline.test";
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
/// key is verified by it.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/test", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), request_body = Option<TestSendRequest>, responses(
    (status = 200, body = TestSend)
))]
pub(crate) async fn test(
    MayTest(tenant): MayTest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    asked: Body<TestSendRequest>,
) -> Result<Json<TestSend>, Problem> {
    let (asked, wrong) = asked.open()?;
    let hook = find(&deps, &tenant, &params).await?;
    let event_type = asked.event_type.map_or_else(|| Ok(usual_type(&hook)), |text| text.parse());
    let error = event_type.as_ref().err().map(|error| FieldError::new("event_type", error.to_string()));
    refuse(wrong, error.into_iter().collect())?;
    let event_type = event_type.map_err(|_| Problem::internal())?;
    let data = match asked.data {
        Some(data) => data,
        None => sample(&deps, &*owner(&deps, &tenant).await?, &hook, &event_type).await?,
    };
    Ok(Json(send(&deps, &tenant, &hook, &event_type, &data).await?))
}

/// Verify the endpoint now
///
/// It is sent a test event with its key, which it has to return in the body or
/// in the header that carried it.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/hooks/{hook}/verify", tag = "hooks",
    params(("tenant" = String, Path), ("hook" = String, Path)), responses(
    (status = 200, body = TestSend),
    (status = 409, description = "The hook's settings ask for no verification")
))]
pub(crate) async fn verify(
    MayTest(tenant): MayTest,
    State(deps): State<Arc<Deps>>,
    params: Segments,
) -> Result<Json<TestSend>, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    let owner = owner(&deps, &tenant).await?;
    if !deps.resolved.settle(&hook, &owner).await?.verification.required {
        return Err(Problem::conflict("this hook's settings ask for no verification"));
    }
    let hook = with_key(&deps, hook).await?;
    let event_type = usual_type(&hook);
    let data = sample(&deps, &owner, &hook, &event_type).await?;
    Ok(Json(send(&deps, &tenant, &hook, &event_type, &data).await?))
}

/// A hook from before verification was asked for has no key yet.
async fn with_key(deps: &Deps, hook: Hook) -> Result<Hook, Problem> {
    if hook.verification_key.is_some() {
        return Ok(hook);
    }
    let mut new = Hook { version: hook.version + 1, ..hook.clone() };
    new.provide_verification_key(deps.random.as_ref());
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

async fn send(
    deps: &Deps,
    tenant: &TenantId,
    hook: &Hook,
    event_type: &EventType,
    data: &RawValue,
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
    let id = delivery.to_string();
    let health = deps.hook_health.health(tenant, hook.hook.id).await?;
    let asks = hook.settings.verification.required && health.verified_at.is_none();
    if asks {
        let count = |health: &mut Health| health.count_unverified(now);
        deps.hook_health.circuits.health.change(tenant, hook.hook.id, count).await?;
    }
    let result = courier::exchange(&deps.courier, hook, &[subject], &id, now, asks).await?;
    let outcome = match &result.answer {
        Ok(response) => courier::outcome_of(hook, response, asks),
        Err(failure) => failure.outcome,
    };
    if asks && outcome == AttemptOutcome::Success {
        deps.hook_health.verified(&hook.hook, now).await;
    }
    Ok(TestSend::new(hook, &subject, &id, now, asks, &result, outcome))
}
