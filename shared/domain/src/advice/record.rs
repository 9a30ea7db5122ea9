//! What the counts of a month say of each hook and event type, hour after hour.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::counts::{Counting, Durations, GroupKey, Tally};
use crate::delivery::AttemptOutcome;
use crate::ids::{EventType, HookId};
use crate::time::{Hour, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 3_600);
pub(super) const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
pub(super) const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Outages of a hook that are remembered.
const MAX_OUTAGES: usize = 200;

/// What there was to one hook.
#[derive(Clone, Debug, Default)]
pub struct HookRecord {
    /// Of the last seven days.
    pub week: Recent,
    /// Of the last thirty.
    pub attempts: u64,
    pub succeeded: u64,
    /// Deliveries that failed for good.
    pub failed: u64,
    /// By type, of the last thirty days.
    pub types: BTreeMap<EventType, u64>,
    /// Whole hours without one success, between hours with some.
    pub outages: Vec<Duration>,
    pub(super) failing_from: Option<Hour>,
    /// No success is known before the first one.
    pub(super) has_succeeded: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Recent {
    pub attempts: u64,
    pub succeeded: u64,
    pub timeouts: u64,
    /// Answers with 429.
    pub throttled: u64,
    /// Answers that lead elsewhere for good: 301 and 308.
    pub redirected: u64,
    /// Of successes.
    pub durations: Durations,
    /// Hours in which it was asked a hundred times a second, and the most attempts of one hour.
    pub busy_hours: u32,
    pub busiest_hour: u64,
    /// The most successes of an hour in which it answered 429.
    pub best_throttled_hour: u64,
}

/// A hundred requests a second.
pub(super) const BUSY: u64 = 100 * 3_600;

/// What there was to a tenant.
#[derive(Clone, Debug, Default)]
pub struct TenantRecord {
    pub hooks: BTreeMap<HookId, HookRecord>,
    /// Attempts by type, over all hooks, of the last thirty days.
    pub types: BTreeMap<EventType, u64>,
    /// Events of the last seven days that no hook wanted, by type.
    pub unwanted: BTreeMap<EventType, u64>,
    /// The same of thirty days.
    pub unwanted_of_month: BTreeMap<EventType, u64>,
    /// The first hour that has counts.
    pub first: Option<Hour>,
    /// In some hour more was counted than told apart: nobody knows of which hook and type.
    pub is_partial: bool,
}

#[derive(Default)]
struct OneHour {
    attempts: u64,
    succeeded: u64,
    throttled: u64,
}

impl TenantRecord {
    /// Adds an hour, which is after all that were added.
    pub fn add(&mut self, hour: Hour, counting: &Counting, now: Timestamp) {
        if hour.start() < now.saturating_sub(MONTH) {
            return;
        }
        self.first = self.first.or(Some(hour));
        let is_recent = hour.start() >= now.saturating_sub(WEEK);
        let mut hours: BTreeMap<HookId, OneHour> = BTreeMap::new();
        for (key, tally) in counting.groups() {
            self.add_group(key, tally, is_recent, &mut hours);
        }
        for (hook, one) in hours {
            self.hooks.entry(hook).or_default().end_hour(hour, &one, is_recent);
        }
    }

    fn add_group(&mut self, key: &GroupKey, tally: &Tally, is_recent: bool, hours: &mut BTreeMap<HookId, OneHour>) {
        let Some(hook) = key.hook else {
            match &key.event_type {
                Some(event_type) => {
                    *self.unwanted_of_month.entry(event_type.clone()).or_default() += tally.unwanted;
                    if is_recent {
                        *self.unwanted.entry(event_type.clone()).or_default() += tally.unwanted;
                    }
                }
                None => self.is_partial |= tally.attempts > 0 || tally.unwanted > 0,
            }
            return;
        };
        if let Some(event_type) = &key.event_type {
            *self.types.entry(event_type.clone()).or_default() += tally.attempts;
        }
        let record = self.hooks.entry(hook).or_default();
        record.attempts += tally.attempts;
        record.succeeded += tally.succeeded;
        record.failed += tally.failed;
        if let Some(event_type) = &key.event_type {
            *record.types.entry(event_type.clone()).or_default() += tally.attempts;
        }
        let is_of = |outcome: AttemptOutcome| key.outcome.as_deref() == Some(outcome.as_str());
        let throttled = if key.status_code == Some(429) { tally.attempts } else { 0 };
        let hour = hours.entry(hook).or_default();
        hour.attempts += tally.attempts;
        hour.succeeded += tally.succeeded;
        hour.throttled += throttled;
        if is_recent {
            let week = &mut record.week;
            week.attempts += tally.attempts;
            week.succeeded += tally.succeeded;
            week.throttled += throttled;
            week.timeouts += if is_of(AttemptOutcome::Timeout) { tally.attempts } else { 0 };
            week.redirected += if matches!(key.status_code, Some(301 | 308)) { tally.attempts } else { 0 };
            if is_of(AttemptOutcome::Success) {
                week.durations.merge(&tally.durations);
            }
        }
    }

    /// Whether counts go back as far as a month, but for a day or two.
    pub fn is_of_a_month(&self, now: Timestamp) -> bool {
        self.first.is_some_and(|first| first.start() <= now.saturating_sub(MONTH - 2 * DAY))
    }
}

impl HookRecord {
    fn end_hour(&mut self, hour: Hour, one: &OneHour, is_recent: bool) {
        if is_recent {
            self.week.busy_hours += u32::from(one.attempts >= BUSY);
            self.week.busiest_hour = self.week.busiest_hour.max(one.attempts);
            if one.throttled > 0 {
                self.week.best_throttled_hour = self.week.best_throttled_hour.max(one.succeeded);
            }
        }
        if one.succeeded > 0 {
            if let Some(from) = self.failing_from.take()
                && self.outages.len() < MAX_OUTAGES
            {
                self.outages.push(hour.start().since(from.start()));
            }
            self.has_succeeded = true;
        } else if one.attempts > 0 && self.has_succeeded && self.failing_from.is_none() {
            self.failing_from = Some(hour);
        }
    }
}
