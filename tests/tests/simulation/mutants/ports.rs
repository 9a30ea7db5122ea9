//! Ports that do not do what they say.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::messages::DeliveryMessage;
use contract::ports::{
    ActivityLog, ActivityLogLayer, DeliveryLog, DeliveryLogLayer, EventRef, Events, EventsLayer, Expected, HttpRequest,
    HttpResult, HttpSender, Listed, Outgoing, QueueError, QueueSender, Recorded, SendFault, StoreResult,
};
use domain::activity::Activity;
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status};
use domain::event::{Event, FanoutPage};
use domain::ids::TenantId;
use domain::time::Timestamp;

use super::Mutant;
use crate::sim::Sim;

pub(super) struct BrokenLog {
    pub(super) mutant: Mutant,
    pub(super) sim: Arc<Sim>,
    pub(super) log: Arc<dyn DeliveryLog>,
}

#[async_trait]
impl DeliveryLogLayer for BrokenLog {
    fn below(&self) -> &dyn DeliveryLog {
        self.log.as_ref()
    }

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

    async fn attempts(&self, delivery: &Delivery) -> StoreResult<Vec<Listed<Attempt>>> {
        if self.mutant == Mutant::KnowsTheLastAttemptOnly {
            return Ok(delivery.last_attempt.clone().into_iter().map(Ok).collect());
        }
        self.log.attempts(delivery).await
    }
}

pub(super) struct BrokenActivity {
    pub(super) sim: Arc<Sim>,
    pub(super) activity: Arc<dyn ActivityLog>,
}

#[async_trait]
impl ActivityLogLayer for BrokenActivity {
    fn below(&self) -> &dyn ActivityLog {
        self.activity.as_ref()
    }

    async fn note(&self, tenant: &TenantId, entries: Vec<Activity>, expires_at: Timestamp) -> StoreResult<()> {
        if self.sim.lock().dice.one_in(4) {
            return Ok(());
        }
        self.activity.note(tenant, entries, expires_at).await
    }
}

pub(super) struct BrokenEvents {
    pub(super) mutant: Mutant,
    pub(super) sim: Arc<Sim>,
    pub(super) events: Arc<dyn Events>,
}

#[async_trait]
impl EventsLayer for BrokenEvents {
    fn below(&self) -> &dyn Events {
        self.events.as_ref()
    }

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

    async fn unclaim(&self, tenant: &TenantId, events: &[(EventRef, Timestamp)]) -> StoreResult<()> {
        if self.mutant == Mutant::ForgetsTheUnclaimed {
            return Ok(());
        }
        self.events.unclaim(tenant, events).await
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
