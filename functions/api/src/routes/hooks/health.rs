//! A hook's health, as the API shows it.

use std::collections::HashMap;

use contract::ports::{LogFilter, StoreResult};
use domain::choices;
use domain::health::{Circuit, Health};
use domain::ids::{HookId, TenantId};
use domain::settings::Complete;
use domain::time::Timestamp;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// Of the newest deliveries of a hook, so many are looked at for its last execution.
pub(super) const NEWEST: usize = 10;
/// Hooks whose logs are read at the same time.
const AT_A_TIME: usize = 16;

/// Adds to the health of a hook what the log tells: successes are written down there
/// once in a minute only.
pub(super) async fn complete(deps: &Deps, tenant: &TenantId, hook: HookId, mut health: Health) -> StoreResult<Health> {
    // The first success is always written down.
    if health.last_success.is_some() {
        let newest = deps.log.list(tenant, hook, &LogFilter::default(), NEWEST, None).await?;
        newest
            .items
            .iter()
            .flatten()
            .filter_map(|row| row.last_attempt.as_ref())
            .for_each(|last| health.learn_of(last));
    }
    Ok(health)
}

/// The same of many hooks.
pub(super) async fn complete_all(
    deps: &Deps,
    tenant: &TenantId,
    healths: impl IntoIterator<Item = (HookId, Health)>,
) -> StoreResult<HashMap<HookId, Health>> {
    let one = async |(hook, health)| Ok((hook, complete(deps, tenant, hook, health).await?));
    stream::iter(healths).map(one).buffer_unordered(AT_A_TIME).try_collect().await
}

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthView {
    last_execution: Option<String>,
    last_success: Option<String>,
    last_failure: Option<String>,
    /// The first failure since the last success
    failing_since: Option<String>,
    consecutive_failures: u32,
    /// Since the hook was made
    failure_count: u64,
    circuit: CircuitState,
    /// When the next request tries a circuit that is open
    next_probe_at: Option<String>,
    verification: VerificationState,
    verified_at: Option<String>,
    /// The most requests a minute that the endpoint allows, where it was asked with OPTIONS; null for
    /// any number
    allowed_per_minute: Option<u32>,
    /// Until when the endpoint asked for no more requests, where its `endpoint_control` allows that
    throttled_until: Option<String>,
}

choices! {
    /// Whether an endpoint that fails is left alone.
    #[derive(Clone, Copy, Serialize)]
    pub(crate) enum CircuitState {
        /// Requests go out.
        Closed = "closed",
        /// Deliveries wait until a request has succeeded.
        Open = "open",
    }
}

choices! {
    /// Whether an endpoint has shown that it wants requests.
    #[derive(Clone, Copy, Serialize)]
    pub(crate) enum VerificationState {
        /// It does not have to, and has not.
        NotRequired = "not_required",
        /// The endpoint has not verified itself yet.
        Pending = "pending",
        /// The endpoint has verified itself.
        Verified = "verified",
    }
}

impl HealthView {
    pub(super) fn new(health: &Health, url: &str, settings: &Complete, now: Timestamp) -> Self {
        let verified_at = health.verified_at(url);
        let (circuit, next_probe_at) = match health.circuit {
            Circuit::Closed => (CircuitState::Closed, None),
            Circuit::Open { probe_at, .. } => (CircuitState::Open, Some(probe_at.to_string())),
        };
        let verification = match (settings.verification.required, verified_at) {
            (_, Some(_)) => VerificationState::Verified,
            (true, None) => VerificationState::Pending,
            (false, None) => VerificationState::NotRequired,
        };
        Self {
            last_execution: health.last_execution.map(|at| at.to_string()),
            last_success: health.last_success.map(|at| at.to_string()),
            last_failure: health.last_failure.map(|at| at.to_string()),
            failing_since: health.failing_since.map(|at| at.to_string()),
            consecutive_failures: health.consecutive_failures,
            failure_count: health.failure_count,
            circuit,
            next_probe_at,
            verification,
            verified_at: verified_at.map(|at| at.to_string()),
            allowed_per_minute: health.allowed_per_minute(url),
            throttled_until: health.throttled_until(settings, now).map(|at| at.to_string()),
        }
    }
}
