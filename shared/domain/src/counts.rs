//! What happened in one hour of a tenant, counted: attempts by hook, type, outcome and status
//! code, and how long they took.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::activity::Activity;
use super::delivery::{AttemptOutcome, Status};
use super::ids::{ActivityId, EventType, HookId};
use super::unknown::{Unknown, keeps_unknown};

/// Kinds of attempts that are told apart in an hour. Those beyond are counted together, without
/// their hook and type, so that the counts of an hour fit into one row.
pub const MAX_GROUPS: usize = 2_000;

/// The counts of one hour so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HourCounts {
    /// Rows of activity up to this one are counted.
    #[serde(rename = "to", default, skip_serializing_if = "Option::is_none")]
    pub counted_to: Option<ActivityId>,
    #[serde(rename = "g", default)]
    pub groups: Vec<Group>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// What attempts have in common that are counted together. Deliveries that ended without one have
/// no outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct GroupKey {
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookId>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    /// The name of an [`AttemptOutcome`]
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// What a later release tells apart stays apart.
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Group {
    #[serde(rename = "k")]
    pub key: GroupKey,
    #[serde(rename = "v")]
    pub tally: Tally,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Numbers that add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Tally {
    #[serde(rename = "n", default)]
    pub attempts: u64,
    /// Attempts that succeeded
    #[serde(rename = "s", default)]
    pub succeeded: u64,
    /// Deliveries that failed for good
    #[serde(rename = "f", default)]
    pub failed: u64,
    /// Deliveries that were skipped
    #[serde(rename = "k", default)]
    pub skipped: u64,
    /// Events that no hook wanted
    #[serde(rename = "u", default, skip_serializing_if = "is_zero")]
    pub unwanted: u64,
    #[serde(rename = "d", default)]
    pub durations: Durations,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(HourCounts, Group, GroupKey, Tally);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How often attempts took how long, in classes that are 1/8 of their value wide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations(BTreeMap<u16, u64>);

/// Below this many milliseconds each value is a class of its own.
const EXACT: u32 = 16;

impl Durations {
    fn class_of(millis: u32) -> u16 {
        if millis < EXACT {
            return u16::try_from(millis).unwrap_or(0);
        }
        let exponent = 31 - millis.leading_zeros();
        let eighth = (millis >> (exponent - 3)) & 7;
        u16::try_from(EXACT + (exponent - 4) * 8 + eighth).unwrap_or(u16::MAX)
    }

    #[cfg(test)]
    pub(crate) fn class(millis: u32) -> u16 {
        Self::class_of(millis)
    }

    /// The middle of a class, in milliseconds.
    fn value_of(class: u16) -> u32 {
        let class = u32::from(class);
        if class < EXACT {
            return class;
        }
        let (exponent, eighth) = ((class - EXACT) / 8 + 4, (class - EXACT) % 8);
        let low = 8_u64.saturating_add(eighth.into()).checked_shl(exponent - 3).unwrap_or(u64::MAX);
        let width = 1_u64.checked_shl(exponent - 3).unwrap_or(u64::MAX);
        u32::try_from(low.saturating_add(width / 2)).unwrap_or(u32::MAX)
    }

    fn add(&mut self, millis: u32) {
        *self.0.entry(Self::class_of(millis)).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (class, count) in &other.0 {
            *self.0.entry(*class).or_default() += count;
        }
    }

    /// The time within which this share of the attempts ended, in milliseconds, to within 1/16.
    pub fn percentile(&self, percent: u64) -> Option<u32> {
        let total: u64 = self.0.values().sum();
        let rank = total.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (class, count) in &self.0 {
            seen += count;
            if seen >= rank {
                return Some(Self::value_of(*class));
            }
        }
        None
    }
}

impl Tally {
    pub fn merge(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.unwanted += other.unwanted;
        self.durations.merge(&other.durations);
    }

    fn add(&mut self, entry: &Activity) {
        self.failed += u64::from(entry.status == Status::Failed);
        self.skipped += u64::from(entry.status == Status::Skipped && entry.hook.is_some());
        self.unwanted += u64::from(is_unwanted(entry));
        if let Some(attempt) = &entry.attempt {
            self.attempts += 1;
            self.succeeded += u64::from(attempt.outcome == AttemptOutcome::Success);
            self.durations.add(attempt.duration_ms);
        }
    }
}

/// Whether it tells of an event that no hook wanted.
fn is_unwanted(entry: &Activity) -> bool {
    entry.hook.is_none() && entry.lists_event && entry.status == Status::Skipped
}

impl GroupKey {
    /// None of an entry that counts nothing: of an event, or of a delivery that waits.
    fn of(entry: &Activity) -> Option<Self> {
        if is_unwanted(entry) {
            let event_type = Some(entry.event_type.clone());
            return Some(Self { event_type, ..Self::default() });
        }
        let hook = entry.hook?;
        if entry.attempt.is_none() && matches!(entry.status, Status::Pending | Status::Waiting) {
            return None;
        }
        let attempt = entry.attempt.as_ref();
        Some(Self {
            hook: Some(hook),
            event_type: Some(entry.event_type.clone()),
            outcome: attempt.map(|attempt| attempt.outcome.as_str().to_owned()),
            status_code: attempt.and_then(|attempt| attempt.status_code),
            unknown: Unknown::NONE,
        })
    }

    /// Without what there are many of.
    fn shared(self) -> Self {
        Self { hook: None, event_type: None, ..self }
    }
}

/// Counts that grow.
#[derive(Debug, Default)]
pub struct Counting {
    counted_to: Option<ActivityId>,
    /// With what a later release wrote beside a tally.
    groups: BTreeMap<GroupKey, (Tally, Unknown)>,
    unknown: Unknown,
}

impl From<HourCounts> for Counting {
    fn from(counts: HourCounts) -> Self {
        let groups = counts.groups.into_iter().map(|group| (group.key, (group.tally, group.unknown))).collect();
        Self { counted_to: counts.counted_to, groups, unknown: counts.unknown }
    }
}

impl Counting {
    pub fn counted_to(&self) -> Option<ActivityId> {
        self.counted_to
    }

    /// Counts a row of activity, which is behind all that were counted.
    pub fn add(&mut self, row: ActivityId, entries: &[Activity]) {
        self.counted_to = Some(row);
        for entry in entries {
            if let Some(key) = GroupKey::of(entry) {
                let is_known = self.groups.contains_key(&key) || self.groups.len() < MAX_GROUPS;
                self.groups.entry(if is_known { key } else { key.shared() }).or_default().0.add(entry);
            }
        }
    }

    pub fn groups(&self) -> impl Iterator<Item = (&GroupKey, &Tally)> {
        self.groups.iter().map(|(key, (tally, _))| (key, tally))
    }

    pub fn finish(self) -> HourCounts {
        let groups = self.groups.into_iter().map(|(key, (tally, unknown))| Group { key, tally, unknown });
        HourCounts { counted_to: self.counted_to, groups: groups.collect(), unknown: self.unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_durations_is_at_most_a_sixteenth_off() {
        for millis in (0..5_000).chain([30_000, 65_535, 65_536, 1 << 20, u32::MAX / 2, u32::MAX]) {
            let shown = Durations::value_of(Durations::class_of(millis));
            let off = millis.abs_diff(shown);
            assert!(u64::from(off) * 16 <= u64::from(millis), "{millis} is shown as {shown}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_added_however_it_was_merged() {
        let (mut one, mut other) = (Durations::default(), Durations::default());
        for millis in 1..=100 {
            if millis % 3 == 0 { one.add(millis / 10) } else { other.add(millis / 10) }
        }
        one.merge(&other);
        assert_eq!([50, 95, 99, 100].map(|share| one.percentile(share)), [5, 9, 9, 10].map(Some));
        assert_eq!(Durations::default().percentile(50), None);
    }
}
