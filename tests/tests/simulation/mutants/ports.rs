//! Ports that do not do what they say.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::messages::DeliveryMessage;
use contract::ports::{
    ActivityLog, ActivityRange, ActivityRows, DeliveryLog, EventRef, Events, Expected, HttpRequest, HttpResult,
    HttpSender, Listed, LogFilter, Order, Outgoing, Page, QueueError, QueueSender, Recorded, SendFault, StoreResult,
    TimeRange,
};
use domain::activity::Activity;
use domain::counts::HourCounts;
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status};
use domain::event::{Event, FanoutPage};
use domain::ids::{ActivityId, DeliveryId, EventId, EventSeq, HookId, TenantId};
use domain::time::{Hour, Timestamp};

use super::Mutant;
use crate::sim::Sim;

pub(super) struct BrokenLog {
    pub(super) mutant: Mutant,
    pub(super) sim: Arc<Sim>,
    pub(super) log: Arc<dyn DeliveryLog>,
}

#[async_trait]
impl DeliveryLog for BrokenLog {
    async fn record(&self, delivery: &Delivery, expected: Expected) -> StoreResult<()> {
        let mut row = delivery.clone();
        let mut expected = expected;
        match self.mutant {
            // One write in eight never leaves the process.
            Mutant::LogsLater if self.sim.lock().dice.one_in(8) => return Ok(()),
            Mutant::WritesUnconditionally => {
                let state = self.sim.lock();
                let stored = state.log.get(&row.id).and_then(|versions| versions.last());
                expected = Expected::of(stored.map(|version| &version.row));
            }
            Mutant::CountsStepsTwice if row.status == Status::Retrying => row.due_step += 1,
            Mutant::LogsSuccess => {
                if let Some(attempt) = row.last_attempt.as_mut() {
                    (attempt.outcome, attempt.status_code) = (AttemptOutcome::Success, Some(200));
                }
            }
            _ => {}
        }
        self.log.record(&row, expected).await
    }

    async fn get(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.log.get(tenant, id).await
    }

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        if self.mutant == Mutant::KnowsTheLastAttemptOnly {
            return Ok(delivery.last_attempt.clone().into_iter().map(Ok).collect());
        }
        self.log.attempts(delivery).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        hook: HookId,
        filter: &LogFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<Delivery>>> {
        self.log.list(tenant, hook, filter, limit, cursor).await
    }

    async fn failed(
        &self,
        tenant: &TenantId,
        hook: HookId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventSeq>> {
        self.log.failed(tenant, hook, times, limit, cursor).await
    }

    async fn delete(&self, deliveries: &[Delivery]) -> StoreResult<()> {
        self.log.delete(deliveries).await
    }

    async fn delete_unreadable(&self, tenant: &TenantId, id: DeliveryId) -> StoreResult<()> {
        self.log.delete_unreadable(tenant, id).await
    }
}

pub(super) struct BrokenActivity {
    pub(super) sim: Arc<Sim>,
    pub(super) activity: Arc<dyn ActivityLog>,
}

#[async_trait]
impl ActivityLog for BrokenActivity {
    async fn note(&self, tenant: &TenantId, entries: Vec<Activity>, expires_at: Timestamp) -> StoreResult<()> {
        if self.sim.lock().dice.one_in(4) {
            return Ok(());
        }
        self.activity.note(tenant, entries, expires_at).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        range: ActivityRange,
        order: Order,
        limit: usize,
    ) -> StoreResult<ActivityRows> {
        self.activity.list(tenant, range, order, limit).await
    }

    async fn active_tenants(&self, hour: Hour, limit: usize, after: Option<&TenantId>) -> StoreResult<Vec<TenantId>> {
        self.activity.active_tenants(hour, limit, after).await
    }

    async fn delete(&self, tenant: &TenantId, until: Timestamp, limit: usize) -> StoreResult<bool> {
        self.activity.delete(tenant, until, limit).await
    }

    fn settles_within(&self) -> Duration {
        self.activity.settles_within()
    }

    async fn counts(&self, tenant: &TenantId, since: Hour, until: Hour) -> StoreResult<Vec<(Hour, HourCounts)>> {
        self.activity.counts(tenant, since, until).await
    }

    async fn put_counts(
        &self,
        tenant: &TenantId,
        hour: Hour,
        counts: &HourCounts,
        expected: Option<ActivityId>,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        self.activity.put_counts(tenant, hour, counts, expected, expires_at).await
    }
}

pub(super) struct BrokenEvents {
    pub(super) mutant: Mutant,
    pub(super) sim: Arc<Sim>,
    pub(super) events: Arc<dyn Events>,
}

#[async_trait]
impl Events for BrokenEvents {
    async fn record(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<(Event, FanoutPage)>> {
        if self.mutant == Mutant::RecordsAlways {
            self.sim.lock().forget_event(&event.id);
            return self.events.record(event, page).await;
        }
        if self.mutant == Mutant::ForgetsTheUnclaimed {
            return self.events.record(event, page).await;
        }
        let empty = FanoutPage { hooks: Vec::new(), ..page.clone() };
        self.events.record(event, &empty).await
    }

    async fn record_page(&self, event: &Event, page: &FanoutPage) -> StoreResult<Recorded<FanoutPage>> {
        self.events.record_page(event, page).await
    }

    async fn get(&self, tenant: &TenantId, id: &EventId) -> StoreResult<Option<Event>> {
        self.events.get(tenant, id).await
    }

    async fn pages(
        &self,
        tenant: &TenantId,
        id: &EventId,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<Listed<FanoutPage>>> {
        self.events.pages(tenant, id, limit, cursor).await
    }

    async fn expunge(&self, tenant: &TenantId, id: &EventId) -> StoreResult<bool> {
        self.events.expunge(tenant, id).await
    }

    async fn delete(&self, tenant: &TenantId, event: &EventRef) -> StoreResult<()> {
        self.events.delete(tenant, event).await
    }

    async fn unclaim(&self, tenant: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()> {
        if self.mutant == Mutant::ForgetsTheUnclaimed {
            return Ok(());
        }
        self.events.unclaim(tenant, events).await
    }

    async fn unclaimed(
        &self,
        tenant: &TenantId,
        times: TimeRange,
        limit: usize,
        cursor: Option<&str>,
    ) -> StoreResult<Page<EventRef>> {
        self.events.unclaimed(tenant, times, limit, cursor).await
    }
}

pub(super) struct BrokenQueue {
    pub(super) mutant: Mutant,
    pub(super) queue: Arc<dyn QueueSender>,
}

#[async_trait]
impl QueueSender for BrokenQueue {
    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        let change = |change: fn(&mut DeliveryMessage)| {
            let changed = messages.iter().map(|message| {
                let mut message = DeliveryMessage::parse(&message.body).unwrap();
                change(&mut message);
                message.to_outgoing()
            });
            changed.collect::<Vec<_>>()
        };
        let changed = match self.mutant {
            Mutant::DropsContinuation | Mutant::DropsRetry => return messages.iter().map(|_| Ok(())).collect(),
            Mutant::ForgetsCheckLog => change(|message| message.check_log = false),
            _ => change(|message| {
                message.due_at = message.due_at.map(|due| due.saturating_sub(Duration::from_millis(50)));
            }),
        };
        self.queue.send(&changed).await
    }
}

pub(super) struct BrokenSender {
    pub(super) mutant: Mutant,
    pub(super) sender: Arc<dyn HttpSender>,
}

#[async_trait]
impl HttpSender for BrokenSender {
    async fn send(&self, mut request: HttpRequest) -> Result<HttpResult, SendFault> {
        if self.mutant == Mutant::SendsTwice {
            self.sender.send(request.clone()).await?;
            return self.sender.send(request).await;
        }
        for (_, value) in request.headers.iter_mut().filter(|(name, _)| name == "webhook-id") {
            value.push_str("-again");
        }
        self.sender.send(request).await
    }
}
