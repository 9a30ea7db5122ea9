//! Stores as DynamoDB has them: conditional writes, strong reads of the log,
//! reads of hooks that may be a little old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::ports::{
    ActivityLog, ActivityRange, ActivityRows, AuditLog, AuditRows, AuditScope, DeliveryLog, EventRef, Events, Expected,
    Hooks, Listed, LogFilter, Match, Order, Page, PlacedDocument, Profiles, Recorded, StoreError, StoreResult,
    Subscriptions, Tenants, TimeRange,
};
use domain::activity::Activity;
use domain::audit::AuditEntry;
use domain::counts::HourCounts;
use domain::delivery::{Attempt, Delivery};
use domain::event::{Event, FanoutPage};
use domain::hook::Hook;
use domain::ids::{ActivityId, AuditId, DeliveryId, EventId, EventSeq, EventType, HookId, ProfileName, TenantId};
use domain::profile::Profile;
use domain::tenant::Tenant;
use domain::time::{Hour, Timestamp};

use crate::sim::{Sim, State, Version};

/// All stores of a run.
#[derive(Clone)]
pub(crate) struct Stores(pub(crate) Arc<Sim>);

/// The stages never call what ends here.
const UNUSED: &str = "no stage asks for this";

pub(crate) fn place(placed: &PlacedDocument) -> (String, String) {
    (placed.partition.clone(), placed.document.name.clone())
}

/// Whether a document is the next version of what is stored.
pub(crate) fn follows(state: &State, placed: &PlacedDocument) -> bool {
    let stored = state.documents.get(&place(placed)).map_or(0, |stored| stored.version);
    placed.document.version == stored + 1
}

pub(crate) fn fails<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable("struck".into()))
}

#[async_trait]
impl Events for Stores {
    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>> {
        let write = |state: &mut State| {
            if let Some((event, stored)) = state.events.get(&event.id) {
                return Ok(match stored.token == page.token {
                    true => Recorded::Resumed((event.clone(), stored.clone())),
                    false => Recorded::Duplicate,
                });
            }
            state.events.insert(event.id.clone(), (event.clone(), page.clone()));
            Ok(Recorded::New)
        };
        self.0.step("events.record", write, fails).await
    }

    /// Nothing expires here.
    async fn expired_at(&self, _: &TenantId, _: &EventId) -> StoreResult<Option<Timestamp>> {
        Ok(None)
    }

    async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>> {
        let write = |state: &mut State| {
            let row = (event.id.clone(), page.number);
            if let Some(stored) = state.pages.get(&row) {
                return Ok(match stored.token == page.token {
                    true => Recorded::Resumed(stored.clone()),
                    false => Recorded::Duplicate,
                });
            }
            state.pages.insert(row, page.clone());
            Ok(Recorded::New)
        };
        self.0.step("events.record_page", write, fails).await
    }

    async fn get(&self, _: &TenantId, id: &EventId) -> StoreResult<Option<Event>> {
        let read = |state: &mut State| Ok(state.events.get(id).map(|(event, _)| event.clone()));
        self.0.step("events.get", read, fails).await
    }

    async fn pages(
        &self,
        _: &TenantId,
        _: &EventId,
        _: usize,
        _: Option<&str>,
    ) -> StoreResult<Page<Listed<FanoutPage>>> {
        unreachable!("{UNUSED}")
    }

    async fn expunge(&self, _: &TenantId, _: &EventId) -> StoreResult<bool> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: &TenantId, _: &EventRef) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn unclaim(&self, _: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()> {
        let write = |state: &mut State| {
            state.unclaimed.extend(events.iter().map(|(event, _)| event.seq));
            Ok(())
        };
        self.0.step("events.unclaim", write, fails).await
    }

    async fn unclaimed(&self, _: &TenantId, _: TimeRange, _: usize, _: Option<&str>) -> StoreResult<Page<EventRef>> {
        unreachable!("{UNUSED}")
    }
}

#[async_trait]
impl ActivityLog for Stores {
    async fn note(&self, _: &TenantId, entries: Vec<Activity>, _: Timestamp) -> StoreResult<()> {
        let write = |state: &mut State| {
            state.activity.extend(entries.iter().cloned());
            Ok(())
        };
        self.0.step("activity.note", write, fails).await
    }

    async fn list(&self, _: &TenantId, _: ActivityRange, _: Order, _: usize) -> StoreResult<ActivityRows> {
        unreachable!("{UNUSED}")
    }

    async fn active_tenants(&self, _: Hour, _: usize, _: Option<&TenantId>) -> StoreResult<Vec<TenantId>> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: &TenantId, _: Timestamp, _: usize) -> StoreResult<bool> {
        unreachable!("{UNUSED}")
    }

    fn settles_within(&self) -> Duration {
        unreachable!("{UNUSED}")
    }

    async fn counts(&self, _: &TenantId, _: Hour, _: Hour) -> StoreResult<Vec<(Hour, HourCounts)>> {
        unreachable!("{UNUSED}")
    }

    async fn put_counts(
        &self,
        _: &TenantId,
        _: Hour,
        _: &HourCounts,
        _: Option<ActivityId>,
        _: Timestamp,
    ) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }
}

#[async_trait]
impl AuditLog for Stores {
    async fn write(&self, _: AuditScope<'_>, _: &AuditEntry, _: Timestamp) -> StoreResult<()> {
        self.0.step("audit.write", |_| Ok(()), fails).await
    }

    async fn list(&self, _: AuditScope<'_>, _: usize, _: Option<AuditId>) -> StoreResult<AuditRows> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: AuditScope<'_>, _: Timestamp, _: usize) -> StoreResult<bool> {
        unreachable!("{UNUSED}")
    }
}

#[async_trait]
impl DeliveryLog for Stores {
    async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()> {
        let write = |state: &mut State| {
            let versions = state.log.entry(delivery.id).or_default();
            if Expected::of(versions.last().map(|version| &version.row)) != expected {
                return Err(StoreError::Conflict);
            }
            versions.push(Version { row: delivery.clone(), order: state.order });
            Ok(())
        };
        self.0.step("log.record", write, fails).await
    }

    async fn get(&self, _: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        let read = |state: &mut State| {
            let (running, order) = (state.running, state.order);
            state.tasks[running].read.get_or_insert(order);
            Ok(state.log.get(&id).and_then(|versions| versions.last()).map(|version| version.row.clone()))
        };
        self.0.step("log.get", read, fails).await
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        let read = |state: &mut State| {
            let Some(last) = &delivery.last_attempt else { return Ok(Vec::new()) };
            let versions = state.log.get(&delivery.id).into_iter().flatten();
            let made = versions.filter_map(|version| version.row.last_attempt.clone());
            let earlier = made.filter(|attempt| attempt.number < last.number);
            let earlier: BTreeMap<u32, Attempt> = earlier.map(|attempt| (attempt.number, attempt)).collect();
            Ok(earlier.into_values().chain([last.clone()]).map(Ok).collect())
        };
        self.0.step("log.attempts", read, fails).await
    }

    async fn list(
        &self,
        _: &TenantId,
        _: HookId,
        _: &LogFilter,
        _: usize,
        _: Option<&str>,
    ) -> StoreResult<Page<Listed<Delivery>>> {
        unreachable!("{UNUSED}")
    }

    async fn failed(
        &self,
        _: &TenantId,
        _: HookId,
        _: TimeRange,
        _: usize,
        _: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        unreachable!("{UNUSED}")
    }

    async fn waiting(&self, _: &TenantId, _: HookId, _: usize, _: Option<&str>) -> StoreResult<Page<EventSeq>> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: &[Delivery]) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn delete_unreadable(&self, _: &TenantId, _: DeliveryId) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }
}

#[async_trait]
impl Subscriptions for Stores {
    async fn matching(
        &self,
        _: &TenantId,
        event_type: &EventType,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Match>>> {
        let after: Option<HookId> = match cursor.map(str::parse).transpose() {
            Ok(after) => after,
            Err(_) => return Err(StoreError::BadCursor),
        };
        let now = self.0.now();
        let read = |state: &mut State| {
            let at = state.recently(now);
            let ids = state.hooks.keys().copied().filter(|id| after.is_none_or(|after| *id > after));
            let found = ids.filter_map(|id| state.hook_at(id, at));
            let mut items: Vec<Match> = found
                .filter(|hook| hook.events.iter().any(|pattern| pattern.matches(event_type)))
                .map(|hook| hook.subscription())
                .collect();
            let limit = limit.min(state.page_size);
            let next = (items.len() > limit).then(|| items[limit - 1].hook.to_string());
            items.truncate(limit);
            Ok(Page { items: items.into_iter().map(Ok).collect(), next })
        };
        self.0.step("subscriptions.matching", read, fails).await
    }
}

#[async_trait]
impl Hooks for Stores {
    async fn create_within(&self, _: &Hook, _: u32) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn get(&self, _: &TenantId, id: HookId) -> StoreResult<Option<Arc<Hook>>> {
        let now = self.0.now();
        let read = |state: &mut State| {
            let at = state.recently(now);
            Ok(state.hook_at(id, at))
        };
        self.0.step("hooks.get", read, fails).await
    }

    async fn update_with(&self, old: &Hook, new: &Hook, beside: &[PlacedDocument]) -> StoreResult<()> {
        let write = |state: &mut State| match state.hook_at(old.id, state.now) {
            Some(stored) if stored.version == old.version => {
                if !beside.iter().all(|placed| follows(state, placed)) {
                    return Err(StoreError::Conflict);
                }
                for placed in beside {
                    state.documents.insert(place(placed), Arc::new(placed.document.clone()));
                }
                let now = state.now;
                state.hooks.entry(old.id).or_default().push((now, Some(Arc::new(new.clone()))));
                Ok(())
            }
            _ => Err(StoreError::Conflict),
        };
        self.0.step("hooks.update", write, fails).await
    }

    async fn list(&self, _: &TenantId, _: usize, _: Option<&str>) -> StoreResult<Page<Listed<Hook>>> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: &TenantId, _: HookId, _: Option<u64>) -> StoreResult<bool> {
        unreachable!("{UNUSED}")
    }

    async fn revision(&self, _: &TenantId, _: HookId, _: u64) -> StoreResult<Option<Hook>> {
        unreachable!("{UNUSED}")
    }

    async fn forget(&self, _: &TenantId, _: HookId) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }
}

/// The only tenant, who has no settings and never changes.
pub(crate) struct OneTenant(pub(crate) Arc<Tenant>);

#[async_trait]
impl Tenants for OneTenant {
    async fn create(&self, _: &Tenant) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn get(&self, _: &TenantId) -> StoreResult<Option<Arc<Tenant>>> {
        Ok(Some(Arc::clone(&self.0)))
    }

    async fn update_with(&self, _: &Tenant, _: &[PlacedDocument]) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn list(&self, _: usize, _: Option<&str>) -> StoreResult<Page<Listed<Tenant>>> {
        unreachable!("{UNUSED}")
    }

    async fn revision(&self, _: &TenantId, _: u64) -> StoreResult<Option<Tenant>> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: &TenantId, _: Timestamp) -> StoreResult<bool> {
        unreachable!("{UNUSED}")
    }

    async fn deleted_at(&self, _: &TenantId) -> StoreResult<Option<Timestamp>> {
        unreachable!("{UNUSED}")
    }

    async fn forget_deleted(&self, _: &TenantId, _: Timestamp) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }
}

/// None but those that come with Hookline.
pub(crate) struct NoProfiles;

#[async_trait]
impl Profiles for NoProfiles {
    async fn create(&self, _: &Profile) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn get(&self, _: &ProfileName) -> StoreResult<Option<Arc<Profile>>> {
        Ok(None)
    }

    async fn update(&self, _: &Profile) -> StoreResult<()> {
        unreachable!("{UNUSED}")
    }

    async fn list(&self) -> StoreResult<Vec<Listed<Profile>>> {
        Ok(Vec::new())
    }

    async fn revision(&self, _: &ProfileName, _: u64) -> StoreResult<Option<Profile>> {
        unreachable!("{UNUSED}")
    }

    async fn delete(&self, _: &ProfileName) -> StoreResult<bool> {
        unreachable!("{UNUSED}")
    }
}
