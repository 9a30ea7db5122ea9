//! Statistics, counted from the log: the newest deliveries of a period.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::ports::LogFilter;
use domain::delivery::Status;
use domain::ids::{HookId, TenantId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::hooks::{all, find};
use crate::Deps;
use crate::auth::InPortal;
use crate::input::{Query, Segments};
use crate::problem::Problem;

/// The most deliveries of one answer.
const MAX_COUNTED: usize = 10_000;
/// Deliveries read at once, and how often at most for one hook.
const READ_AT_ONCE: usize = 1_000;
const MAX_READS: usize = 20;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Period {
    /// Only events accepted for fan-out at this time or later, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only events accepted for fan-out before this time, RFC 3339
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Deliveries of the period; the newest 10,000 at most
    deliveries: usize,
    /// Whether that is all of them
    is_exact: bool,
    /// How many there are of each status
    by_status: BTreeMap<&'static str, usize>,
    /// How the last attempts ended
    by_outcome: BTreeMap<&'static str, usize>,
    /// Requests that were made, retries included
    attempts: u64,
    /// Succeeded among those that came to an end by being sent; null without any
    success_rate: Option<f64>,
    /// How long last attempts took, in milliseconds
    duration_ms: Durations,
}

#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Durations {
    p50: Option<u32>,
    p90: Option<u32>,
    p99: Option<u32>,
}

#[derive(Default)]
struct Count {
    stats: Stats,
    durations: Vec<u32>,
    cut: bool,
}

impl Count {
    async fn add(&mut self, deps: &Deps, tenant: &TenantId, hook: HookId, filter: &LogFilter) -> Result<(), Problem> {
        let mut cursor = None;
        for _ in 0..MAX_READS {
            let room = MAX_COUNTED - self.stats.deliveries;
            if room == 0 {
                break;
            }
            let page = deps.log.list(tenant, hook, filter, room.min(READ_AT_ONCE), cursor.as_deref()).await?;
            for delivery in page.items.into_iter().flatten() {
                self.stats.deliveries += 1;
                *self.stats.by_status.entry(delivery.status.as_str()).or_default() += 1;
                self.stats.attempts += u64::from(delivery.attempt_count);
                if let Some(attempt) = delivery.last_attempt {
                    *self.stats.by_outcome.entry(attempt.outcome.as_str()).or_default() += 1;
                    self.durations.push(attempt.duration_ms);
                }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
        self.cut = true;
        Ok(())
    }

    fn finish(mut self) -> Stats {
        let of = |status: Status| self.stats.by_status.get(status.as_str()).copied().unwrap_or_default();
        let (succeeded, failed) = (of(Status::Succeeded), of(Status::Failed));
        let ended = succeeded + failed;
        self.stats.success_rate = (ended > 0).then(|| succeeded as f64 / ended as f64);
        self.stats.is_exact = !self.cut;
        self.durations.sort_unstable();
        let at = |share: usize| self.durations.get(self.durations.len().saturating_sub(1) * share / 100).copied();
        self.stats.duration_ms = Durations { p50: at(50), p90: at(90), p99: at(99) };
        self.stats
    }
}

/// How the deliveries of a hook went
#[utoipa::path(get, path = "/v1/tenants/{tenant}/hooks/{hook}/stats", operation_id = "hooks.stats", tag = "deliveries",
    params(("tenant" = String, Path), ("hook" = String, Path), Period), responses((status = 200, body = Stats)))]
pub(crate) async fn of_hook(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    params: Segments,
    Query(period): Query<Period>,
) -> Result<Json<Stats>, Problem> {
    let hook = find(&deps, &tenant, &params).await?;
    let filter = LogFilter { since: period.since, until: period.until, ..LogFilter::default() };
    let mut count = Count::default();
    count.add(&deps, &tenant, hook.id, &filter).await?;
    Ok(Json(count.finish()))
}

/// How the deliveries of a tenant went, over all its hooks
#[utoipa::path(get, path = "/v1/tenants/{tenant}/stats", operation_id = "tenants.stats", tag = "deliveries",
    params(("tenant" = String, Path), Period), responses((status = 200, body = Stats)))]
pub(crate) async fn of_tenant(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(period): Query<Period>,
) -> Result<Json<Stats>, Problem> {
    let filter = LogFilter { since: period.since, until: period.until, ..LogFilter::default() };
    let mut count = Count::default();
    for hook in all(&deps, &tenant).await?.into_iter().flatten() {
        count.add(&deps, &tenant, hook.id, &filter).await?;
    }
    Ok(Json(count.finish()))
}
