use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::choices;
use domain::counts::{GroupKey, Tally};
use domain::delivery::AttemptOutcome;
use domain::ids::HookId;
use domain::pattern::Pattern;
use domain::time::{Hour, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{parsed, refuse};
use crate::Deps;
use crate::auth::InPortal;
use crate::input::Query;
use crate::problem::{FieldError, Problem};

/// Rows of activity that one request counts, in thousands.
const STEPS: usize = 20;
const HOURS_OF_DAY: i64 = 24;
/// The longest ranges.
const MAX_HOURS: i64 = 31 * HOURS_OF_DAY;
const MAX_DAYS: i64 = 400;

choices! {
    /// Over how long is counted.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
    pub(crate) enum Interval {
        /// By hours of UTC.
        #[default]
        Hour = "hour",
        /// By days of UTC.
        Day = "day",
    }
}

choices! {
    /// What is counted by itself.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
    pub(crate) enum Grouping {
        /// Each hook.
        Hook = "hook",
        /// Each event type.
        Type = "type",
        /// Each outcome of an attempt.
        Outcome = "outcome",
        /// Each status code of an answer.
        Code = "code",
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountsQuery {
    /// Hours or days of UTC; hours by default
    #[serde(default)]
    #[param(inline)]
    interval: Interval,
    /// Counts each hook, type, outcome or status code by itself
    #[param(inline)]
    group_by: Option<Grouping>,
    /// Only attempts for this hook
    hook: Option<String>,
    /// Only events of this type; a pattern such as `post.*` takes those below
    event_type: Option<String>,
    /// From the hour or day of this time on, RFC 3339; a day ago, or 30 days ago, by default
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// To the hour or day that this time falls into, RFC 3339; now by default
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CountsView {
    /// In order of time; hours and days without anything are left out
    items: Vec<CountedInterval>,
    /// Up to when all is counted. Null: up to now. Otherwise there was more to count than one
    /// request does; ask again
    counted_until: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CountedInterval {
    /// When the hour or day begins
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hook_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    /// Absent for deliveries that were skipped
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AttemptOutcome>)]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// Requests that were made, by when they ended
    attempts: u64,
    /// Attempts that succeeded
    succeeded: u64,
    /// Deliveries that failed for good
    failed: u64,
    /// Deliveries that were not sent
    skipped: u64,
    /// Events that no hook wanted
    unwanted: u64,
    /// How long attempts took, in milliseconds, to within a sixteenth
    duration_ms: Percentiles,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Percentiles {
    p50: Option<u32>,
    p95: Option<u32>,
    p99: Option<u32>,
}

struct Range {
    since: Hour,
    until: Hour,
}

impl Range {
    fn read(query: &CountsQuery, now: Timestamp, errors: &mut Vec<FieldError>) -> Self {
        let until = Hour::of(query.until.unwrap_or(now));
        let (usual, longest) = match query.interval {
            Interval::Hour => (HOURS_OF_DAY, MAX_HOURS),
            Interval::Day => (30 * HOURS_OF_DAY, MAX_DAYS * HOURS_OF_DAY),
        };
        let since = query.since.map_or(Hour(until.0 - usual), Hour::of);
        let (since, until) = match query.interval {
            Interval::Hour => (since, until),
            Interval::Day => {
                let day = |hour: Hour| hour.0.div_euclid(HOURS_OF_DAY) * HOURS_OF_DAY;
                (Hour(day(since)), Hour(day(until) + HOURS_OF_DAY - 1))
            }
        };
        if since > until {
            errors.push(FieldError::new("since", "expected a time before `until`"));
        } else if until.0 - since.0 > longest {
            let most = match query.interval {
                Interval::Hour => "31 days; days can be counted by `interval=day`",
                Interval::Day => "400 days",
            };
            errors.push(FieldError::new("since", format!("expected a range of at most {most}")));
        }
        Self { since, until }
    }
}

fn group(key: &GroupKey, by: Option<Grouping>) -> GroupKey {
    let key = key.clone();
    let none = GroupKey::default();
    match by {
        None => none,
        Some(Grouping::Hook) => GroupKey { hook: key.hook, ..none },
        Some(Grouping::Type) => GroupKey { event_type: key.event_type, ..none },
        Some(Grouping::Outcome) => GroupKey { outcome: key.outcome, ..none },
        Some(Grouping::Code) => GroupKey { status_code: key.status_code, ..none },
    }
}

/// Attempts of a tenant by hour or day
///
/// Counted by when an attempt ended, and kept for 400 days. Of what happened in one hour, 2,000
/// kinds are told apart; what is beyond is counted without its hook and type.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/counts", operation_id = "counts.get", tag = "deliveries",
    params(("tenant" = String, Path), CountsQuery), responses((status = 200, body = CountsView)))]
pub(crate) async fn read(
    InPortal(tenant): InPortal,
    State(deps): State<Arc<Deps>>,
    Query(query): Query<CountsQuery>,
) -> Result<Json<CountsView>, Problem> {
    let mut errors = Vec::new();
    let hook: Option<HookId> = parsed("hook", query.hook.as_ref(), &mut errors);
    let event_type: Option<Pattern> = parsed("event_type", query.event_type.as_ref(), &mut errors);
    let Range { since, until } = Range::read(&query, deps.clock.now(), &mut errors);
    refuse(errors)?;
    let counts = deps.counts.between(&tenant, since, until, STEPS).await?;
    let mut intervals: BTreeMap<(Hour, GroupKey), Tally> = BTreeMap::new();
    for (hour, counting) in &counts.hours {
        let start = match query.interval {
            Interval::Hour => *hour,
            Interval::Day => Hour(hour.0.div_euclid(HOURS_OF_DAY) * HOURS_OF_DAY),
        };
        for (key, tally) in counting.groups() {
            let is_asked_for = hook.is_none_or(|hook| key.hook == Some(hook))
                && event_type.as_ref().is_none_or(|pattern| {
                    key.event_type.as_ref().is_some_and(|event_type| pattern.matches(event_type))
                });
            // An event that no hook wanted has no hook, outcome or code; what is counted beside it may have.
            let is_of_attempts = matches!(query.group_by, Some(Grouping::Hook | Grouping::Outcome | Grouping::Code));
            let tally = match is_of_attempts && tally.unwanted > 0 {
                true => &Tally { unwanted: 0, ..tally.clone() },
                false => tally,
            };
            if is_asked_for && *tally != Tally::default() {
                intervals.entry((start, group(key, query.group_by))).or_default().merge(tally);
            }
        }
    }
    let items = intervals.into_iter().map(|((hour, key), tally)| CountedInterval {
        at: hour.start().to_string(),
        hook_id: key.hook.map(|hook| hook.to_string()),
        event_type: key.event_type.map(|event_type| event_type.to_string()),
        outcome: key.outcome,
        status_code: key.status_code,
        attempts: tally.attempts,
        succeeded: tally.succeeded,
        failed: tally.failed,
        skipped: tally.skipped,
        unwanted: tally.unwanted,
        duration_ms: Percentiles {
            p50: tally.durations.percentile(50),
            p95: tally.durations.percentile(95),
            p99: tally.durations.percentile(99),
        },
    });
    Ok(Json(CountsView { items: items.collect(), counted_until: counts.counted_until.map(|at| at.to_string()) }))
}
