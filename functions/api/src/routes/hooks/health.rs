//! A hook's health, as the API shows it.

use domain::health::{Circuit, Health};
use domain::settings::Complete;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthView {
    /// To the minute while all is well, like `last_success`
    last_execution: Option<String>,
    last_success: Option<String>,
    last_failure: Option<String>,
    /// The first failure since the last success
    failing_since: Option<String>,
    consecutive_failures: u32,
    /// Since the hook was made or enabled again
    failure_count: u64,
    circuit: CircuitState,
    /// When the next request tries a circuit that is open
    next_probe_at: Option<String>,
    verification: VerificationState,
    verified_at: Option<String>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CircuitState {
    /// Requests go out.
    Closed,
    /// Deliveries wait until a request has succeeded.
    Open,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerificationState {
    NotRequired,
    /// The endpoint has not returned its key yet.
    Pending,
    Verified,
}

impl HealthView {
    pub(super) fn new(health: &Health, url: &str, settings: &Complete) -> Self {
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
        }
    }
}
