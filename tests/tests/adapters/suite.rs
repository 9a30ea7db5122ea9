//! The ports' contracts: one test per promise, over every adapter.
//!
//! A promise is a function over the ports of a [`Stores`], a [`Queues`],
//! [`MasterKeys`](data_keys::MasterKeys), a [`Patient`](doctor::Patient) and the like; a fixture makes one of those for an
//! adapter, empty and of its own. To hold a further adapter to the contracts,
//! write its fixture and name it below.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::ports::{
    ActivityLog, AuditLog, Clock, DeliveryLog, Documents, Events, Hooks, Keys, ManualClock, OsRandom, QueueReceiver,
    QueueSender, Replays, Subscriptions, Tenants,
};
use domain::time::Timestamp;
use services::delivery::resolved_hook::ResolvedHooks;
use services::{Foundation, Writers};

use samples::RETENTION;

#[macro_use]
mod promises;

pub(crate) mod activity;
mod audit;
mod cached;
mod clock;
mod data_keys;
mod deliveries;
mod doctor;
mod documents;
pub(crate) mod dynamo;
mod events;
mod hooks;
mod http;
mod identity;
mod keyed_requests;
mod keys;
pub(crate) mod on_disk;
mod portal;
mod profiles;
mod queue;
mod random;
mod readiness;
pub(crate) mod replays;
pub(crate) mod samples;
pub(crate) mod sealed;
mod settlement;
pub(crate) mod sqs;
mod states;
mod subscriptions;
mod tenants;

/// The stores of one adapter.
pub(crate) struct Stores {
    pub(crate) clock: ManualClock,
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) tenants: Arc<dyn Tenants>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) deliveries: Arc<dyn DeliveryLog>,
    pub(crate) activity: Arc<dyn ActivityLog>,
    pub(crate) audit: Arc<dyn AuditLog>,
    /// What the stores stand on: a server, a directory.
    pub(crate) _keep: Arc<dyn Any + Send + Sync>,
}

impl Stores {
    /// What stages stand on, as on AWS. `hooks` are taken as they are, and nothing is cached.
    pub(crate) fn foundation(&self) -> Foundation {
        let stores = services::Stores {
            hooks: Arc::clone(&self.hooks),
            subscriptions: Arc::clone(&self.subscriptions),
            events: Arc::clone(&self.events),
            log: Arc::clone(&self.deliveries),
            activity: Arc::clone(&self.activity),
            audit: Arc::clone(&self.audit),
            documents: Arc::clone(&self.documents),
            states: Arc::clone(&self.documents),
        };
        let writers = Writers::Many { fresh_for: Duration::ZERO };
        Foundation::new(stores, writers, Arc::new(self.clock.clone()), Arc::new(OsRandom), RETENTION)
    }

    pub(crate) fn replays(&self) -> Arc<dyn Replays> {
        self.foundation().replays
    }
}

/// Hooks with what applies to them.
pub(crate) fn resolved(foundation: &Foundation) -> Arc<ResolvedHooks> {
    Arc::new(foundation.resolved(Arc::clone(&foundation.hooks), "standard".parse().unwrap()))
}

/// Both ends of one queue of an adapter.
pub(crate) struct Queues {
    pub(crate) time: Time,
    pub(crate) sender: Arc<dyn QueueSender>,
    pub(crate) receiver: Arc<dyn QueueReceiver>,
    /// How long a message that is not settled stays away.
    pub(crate) lease: Duration,
    /// A body of this many bytes is too large.
    pub(crate) too_large: usize,
    pub(crate) dead_letters: Box<dyn DeadLetters>,
    pub(crate) _keep: Box<dyn Any + Send + Sync>,
}

/// Where a queue gets the time from.
pub(crate) enum Time {
    Manual(ManualClock),
    /// The emulator's own; waiting is all one can do.
    Real(Arc<dyn Clock>),
}

impl Time {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Manual(clock) => clock.now(),
            Self::Real(clock) => clock.now(),
        }
    }

    pub(crate) async fn pass(&self, duration: Duration) {
        match self {
            Self::Manual(clock) => clock.advance(duration),
            Self::Real(_) => tokio::time::sleep(duration).await,
        }
    }
}

#[async_trait]
pub(crate) trait DeadLetters: Send + Sync {
    /// Bodies and reasons of the messages that became dead letters.
    async fn all(&self) -> Vec<(Bytes, String)>;
}

/// The start of a manual clock: late enough for retention, and not round.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_780_000_000_123);

mod on_embedded {
    store_contracts!(crate::suite::on_disk::stores);
    queue_contracts!(crate::suite::on_disk::queues);
    key_contracts!(crate::suite::data_keys::in_a_file);
    doctor_contracts!(crate::suite::doctor::of_a_directory);
    settlement_contracts!(crate::suite::settlement::embedded);
    clock_contracts!(crate::suite::clock::of_a_data_directory);
    readiness_contracts!(crate::suite::readiness::of_a_data_directory);
}

/// As one process sees its own changes. What another one changed may be read as it was for some
/// seconds, so that no promise about several processes holds through a cache: `states`, which count
/// what all processes saw, are never cached and not held to any here, nor are `events`,
/// `deliveries`, `activity`, `audit` and `replays`.
mod on_cached_embedded {
    document_contracts!(crate::suite::cached::stores);
    hook_contracts!(crate::suite::cached::stores);
}

mod on_embedded_between_stages {
    queue_contracts!(crate::suite::on_disk::queues_between_stages);
}

mod on_aws {
    doctor_contracts!(crate::suite::doctor::of_an_account);
}

mod on_kms {
    key_contracts!(crate::suite::data_keys::in_kms);
}

mod on_sealed_embedded {
    hook_contracts!(crate::suite::sealed::over_embedded);
}

mod on_sealed_dynamo {
    hook_contracts!(crate::suite::sealed::over_dynamo);
}

mod on_dynamo {
    store_contracts!(crate::suite::dynamo::stores);
}

mod on_sqs {
    queue_contracts!(crate::suite::sqs::queues);
    settlement_contracts!(crate::suite::settlement::of_sqs);
}

mod on_this_machine {
    clock_contracts!(crate::suite::clock::of_the_machine);
    readiness_contracts!(crate::suite::readiness::always);
    http_contracts!(crate::suite::http::over_sockets);
}

mod on_stand_ins {
    clock_contracts!(crate::suite::clock::manual);
    http_contracts!(crate::suite::http::of_the_world);
}
