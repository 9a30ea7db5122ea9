//! A hook's health, and whether its circuit lets a request through: a state,
//! and pure functions that move it on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::{Attempt, AttemptOutcome};
use super::ids::DeliveryId;
use super::settings::{CircuitBreaker, MAX_PROBE_AFTER};
use super::unknown::{Unknown, keeps_unknown};
use crate::time::Timestamp;

mod notices;
mod throttled;
mod verified;

pub use notices::{End, HealthChange, PendingNotice};
use throttled::Throttle;
pub use throttled::ToldRate;
use verified::Unverified;

/// A hook counts as failing after this many failures in a row, or once its
/// circuit has opened.
const FAILING_AFTER: u32 = 10;
/// How often a success is written down while nothing else changes: of first attempts
/// that went out at once, which are among the newest of the log, and of all others.
const SUCCESS_EVERY: Duration = Duration::from_secs(60);
const UNUSUAL_SUCCESS_EVERY: Duration = Duration::from_secs(1);
/// An endpoint that has just recovered gets this many requests in the first
/// second, and twice as many in each that follows.
const RAMP_START: u32 = 5;
/// After this many seconds of that there is no limit any more.
const RAMP_SECONDS: u64 = 10;
/// The longest between two probes, unless the hook asks for longer.
const LONGEST_PATIENCE: Duration = HOUR;
const HOUR: Duration = Duration::from_secs(3_600);
/// Of the time after which a hook is disabled, what passed between two failures
/// counts for one part in this many where nobody saw it pass. A clock that was set
/// ahead then disables nothing by itself, and a hook that fails this often in
/// that time is disabled as soon as before.
const PARTS_UNSEEN: u32 = 5;

/// What is remembered of a hook's requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", default)]
pub struct Health {
    pub last_execution: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// How long it has failed since, in milliseconds, as far as that was seen;
    /// none in rows from before this was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_millis: Option<u64>,
    /// Of the time before, what was counted is all that counts: the hook was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_until: Option<Timestamp>,
    pub consecutive_failures: u32,
    /// All failures since the hook was made.
    pub failure_count: u64,
    pub circuit: Circuit,
    /// Failures in a row that speak of the endpoint and not of one request.
    breaks: u32,
    first_broken: Option<DeliveryId>,
    /// Those were of more than one delivery.
    several_broken: bool,
    /// When the circuit closed after it had been open.
    recovered_at: Option<Timestamp>,
    /// Each of these was announced and is not announced again before a success.
    failing_announced: bool,
    exhausted_announced: bool,
    verified_at: Option<Timestamp>,
    /// What the verified URL is recognised by; in rows from before this was
    /// noted it is the hook's own, whichever that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_url: Option<String>,
    unverified: Option<Unverified>,
    /// How many requests the endpoint takes, as its own headers said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_rate: Option<ToldRate>,
    /// Requests a minute that the verified endpoint allows; none for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_per_minute: Option<u32>,
    /// What its answers asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<Throttle>,
    /// What the hook's owner is still to be told. Rows have it under its first name.
    #[serde(rename = "untold", skip_serializing_if = "Vec::is_empty")]
    pub pending_notices: Vec<PendingNotice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written_at: Option<Timestamp>,
    /// Since when this process has seen the time pass; always, when none.
    #[serde(skip)]
    seen_from: Option<Timestamp>,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Circuit {
    #[default]
    Closed,
    /// Nothing is sent before `probe_at`, and then one request by whoever
    /// moves it on first.
    Open { since: Timestamp, probe_at: Timestamp },
}

/// Whether a request may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Go,
    /// The one request that tries an open circuit.
    Probe,
    NotBefore(Timestamp),
}

/// One failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub delivery: DeliveryId,
    pub at: Timestamp,
    /// It speaks of the endpoint: no answer, 5xx or 429.
    pub is_break: bool,
    /// The delivery has no attempts left.
    pub exhausted: bool,
    pub probe: bool,
}

keeps_unknown!(Health);

impl Health {
    /// Whether the circuit lets a request out, and takes the probe if it is due:
    /// whoever can store the state that this leaves has it for as long as `lease`.
    pub fn admit(&mut self, now: Timestamp, lease: Duration) -> Admission {
        match self.circuit {
            Circuit::Closed => Admission::Go,
            Circuit::Open { probe_at, .. } if now < probe_at => Admission::NotBefore(probe_at),
            Circuit::Open { since, .. } => {
                self.circuit = Circuit::Open { since, probe_at: now.saturating_add(lease) };
                Admission::Probe
            }
        }
    }

    /// Counts a failure. `breaker` with zero failures never opens.
    pub fn fail(&mut self, failure: Failure, breaker: &CircuitBreaker) -> Vec<HealthChange> {
        let Failure { delivery, at, is_break, exhausted, probe } = failure;
        self.last_execution = self.last_execution.max(Some(at));
        self.last_failure = self.last_failure.max(Some(at));
        self.failing_since.get_or_insert(at);
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        self.failure_count = self.failure_count.saturating_add(1);
        if is_break {
            self.breaks = self.breaks.saturating_add(1);
            self.several_broken |= *self.first_broken.get_or_insert(delivery) != delivery;
        } else {
            // The endpoint is up, it only dislikes what it got.
            self.forget_breaks();
        }
        let probe_at = at.saturating_add(breaker.probe_after.duration());
        match self.circuit {
            Circuit::Open { since, .. } if probe => {
                // What has been down for long is tried less often: everything
                // that waits looks up each time.
                let patience = (at.since(since) / 10)
                    .clamp(breaker.probe_after.duration(), LONGEST_PATIENCE.max(breaker.probe_after.duration()));
                self.circuit = Circuit::Open { since, probe_at: at.saturating_add(patience) };
            }
            // One delivery that climbs its whole ladder in vain is no reason to hold it up.
            Circuit::Closed if breaker.failures > 0 && self.breaks >= breaker.failures && self.several_broken => {
                self.circuit = Circuit::Open { since: at, probe_at };
            }
            Circuit::Open { .. } | Circuit::Closed => {}
        }
        let mut changes = Vec::new();
        let is_failing = self.consecutive_failures >= FAILING_AFTER || self.circuit != Circuit::Closed;
        if is_failing && !std::mem::replace(&mut self.failing_announced, is_failing) {
            changes.push(HealthChange::Failing);
        }
        if exhausted && !std::mem::replace(&mut self.exhausted_announced, true) {
            changes.push(HealthChange::Exhausted);
        }
        changes
    }

    /// A delivery has failed for good without another attempt.
    pub fn run_out(&mut self) -> Option<HealthChange> {
        (!std::mem::replace(&mut self.exhausted_announced, true)).then_some(HealthChange::Exhausted)
    }

    /// Makes the probe due again that was taken until `lease_end`, unless another
    /// was taken since.
    pub fn give_back(&mut self, lease_end: Timestamp, now: Timestamp) {
        match &mut self.circuit {
            Circuit::Open { probe_at, .. } if *probe_at == lease_end => *probe_at = now,
            Circuit::Open { .. } | Circuit::Closed => {}
        }
    }

    /// Counts a success. Nothing is written down when all was well a short
    /// while ago.
    pub fn succeed(&mut self, at: Timestamp, is_usual: bool) -> Option<HealthChange> {
        if self.is_well_known(at, is_usual) {
            return None;
        }
        self.last_execution = self.last_execution.max(Some(at));
        self.last_success = self.last_success.max(Some(at));
        (self.failing_since, self.counted_until) = (None, None);
        self.consecutive_failures = 0;
        self.forget_breaks();
        if self.circuit != Circuit::Closed {
            self.circuit = Circuit::Closed;
            self.recovered_at = Some(at);
        }
        self.exhausted_announced = false;
        std::mem::take(&mut self.failing_announced).then_some(HealthChange::Recovered)
    }

    /// The power of two of its failures in a row. None while that is one which is tried again.
    pub fn failing_power(&self) -> Option<u8> {
        let is_listed = self.consecutive_failures > u32::from(!self.exhausted_announced);
        is_listed.then(|| u8::try_from(self.consecutive_failures.ilog2()).unwrap_or(u8::MAX))
    }

    /// Adds what the log tells of an attempt and is not written down here.
    pub fn learn_of(&mut self, attempt: &Attempt) {
        let at = Some(attempt.at);
        self.last_execution = self.last_execution.max(at);
        if attempt.outcome == AttemptOutcome::Success {
            self.last_success = self.last_success.max(at);
        }
    }

    /// Whether a success now would say nothing new, beside what the log tells: `is_usual`
    /// of a first attempt that went out at once.
    pub fn is_well_known(&self, at: Timestamp, is_usual: bool) -> bool {
        let is_well = self.failing_since.is_none() && self.circuit == Circuit::Closed;
        let is_told = self.pending_notices.iter().all(|notice| matches!(notice.change, HealthChange::Unknown(_)));
        let every = if is_usual { SUCCESS_EVERY } else { UNUSUAL_SUCCESS_EVERY };
        is_well && is_told && self.last_success.is_some_and(|last| at.since(last) < every)
    }

    fn forget_breaks(&mut self) {
        self.breaks = 0;
        self.first_broken = None;
        self.several_broken = false;
    }

    /// Counts the time until `at`, when another request failed. `disable_after`
    /// is how much of it disables the hook.
    pub fn count_failing(&mut self, at: Timestamp, disable_after: Duration) {
        let last = self.last_failure.max(self.counted_until);
        let (Some(since), Some(last)) = (self.failing_since, last) else {
            self.failing_millis = Some(0);
            return;
        };
        let counted = self.failing_millis.map_or_else(|| last.since(since), Duration::from_millis);
        let passed = at.since(last);
        let seen = at.since(last.max(self.seen_from.unwrap_or_default()));
        let failing = counted + seen + (passed - seen).min(disable_after / PARTS_UNSEEN);
        self.failing_millis = u64::try_from(failing.as_millis()).ok();
    }

    /// Counts the time until its hook was disabled. What follows does not count.
    pub fn pause(&mut self, now: Timestamp, disable_after: Duration) {
        if self.failing_since.is_some() {
            self.count_failing(now, disable_after);
            self.counted_until = Some(now);
        }
    }

    /// For how long nothing has succeeded, as of the last failure; zero while all is well.
    pub fn failing_for(&self) -> Duration {
        self.failing_since.and(self.failing_millis).map_or(Duration::ZERO, Duration::from_millis)
    }

    /// Moves all times with the clock. What is still to be told keeps its own,
    /// which is its name.
    pub fn shift(&mut self, millis: i64) {
        let times = [
            &mut self.last_execution,
            &mut self.last_success,
            &mut self.last_failure,
            &mut self.failing_since,
            &mut self.counted_until,
            &mut self.recovered_at,
            &mut self.verified_at,
            &mut self.seen_from,
        ];
        let unverified = self.unverified.as_mut().map(|unverified| &mut unverified.last);
        let told = self.told_rate.as_mut().map(|told| &mut told.at);
        for time in times.into_iter().flatten().chain(unverified).chain(told) {
            *time = time.shifted(millis);
        }
        if let Some(throttle) = &mut self.throttle {
            throttle.shift(millis);
        }
        if let Circuit::Open { since, probe_at } = &mut self.circuit {
            (*since, *probe_at) = (since.shifted(millis), probe_at.shifted(millis));
        }
    }

    pub fn written_at(&self) -> Option<Timestamp> {
        self.written_at
    }

    pub fn set_written_at(&mut self, at: Timestamp) {
        self.written_at = Some(at);
    }

    /// It was read just now: how time passed before, nobody here has seen.
    pub fn seen_from(&mut self, now: Timestamp) {
        self.seen_from = Some(now);
        if let Circuit::Open { probe_at, .. } = &mut self.circuit {
            // No circuit is meant to stay open for longer.
            *probe_at = (*probe_at).min(now.saturating_add(MAX_PROBE_AFTER.duration()));
        }
    }

    /// Starts anew, as of a hook that was enabled again. What has been verified
    /// stays so, and a circuit stays open until its probe, which comes no sooner
    /// than without this: who may write a hook must not get round its breaker.
    pub fn reset(&mut self, now: Timestamp, breaker: &CircuitBreaker) {
        let mut pending_notices = std::mem::take(&mut self.pending_notices);
        pending_notices.retain(|notice| !matches!(notice.change, HealthChange::Disabled(_)));
        *self = Self {
            pending_notices,
            last_execution: self.last_execution,
            last_success: self.last_success,
            last_failure: self.last_failure,
            failure_count: self.failure_count,
            verified_at: self.verified_at,
            verified_url: self.verified_url.take(),
            unverified: self.unverified.take(),
            allowed_per_minute: self.allowed_per_minute,
            unknown: std::mem::take(&mut self.unknown),
            seen_from: self.seen_from,
            circuit: match self.circuit {
                Circuit::Open { since, probe_at } => {
                    let probe_at = probe_at.min(now.saturating_add(breaker.probe_after.duration()));
                    Circuit::Open { since, probe_at }
                }
                Circuit::Closed => Circuit::Closed,
            },
            breaks: self.breaks,
            first_broken: self.first_broken,
            several_broken: self.several_broken,
            recovered_at: self.recovered_at,
            ..Self::default()
        };
    }

    /// The same, and how long it has failed counts on: who may only look after a
    /// hook must not get round `disable_after` by moving or enabling it.
    pub fn reset_by_owner(&mut self, now: Timestamp, breaker: &CircuitBreaker, was_disabled: bool) {
        let failing = (self.failing_since, self.failing_millis);
        let counted_until = if was_disabled { Some(now) } else { self.counted_until };
        self.reset(now, breaker);
        if failing.0.is_some() {
            (self.failing_since, self.failing_millis) = failing;
            self.counted_until = counted_until;
        }
    }

    /// The most requests per second for now, after a recovery.
    pub fn ramp(&self, now: Timestamp) -> Option<u32> {
        let seconds = now.since(self.recovered_at?).as_secs();
        (seconds < RAMP_SECONDS).then(|| RAMP_START << seconds)
    }
}

#[cfg(test)]
mod tests;
