use std::sync::Arc;
use std::time::Duration;

use super::{
    EmbeddedActivityLog, EmbeddedAuditLog, EmbeddedDeliveryLog, EmbeddedDocuments, EmbeddedEvents, EmbeddedHooks, Store,
};
use contract::ports::Clock;
use domain::random::Random;
use services::{Foundation, Stores, Writers};

/// What stages stand on in this process, which is the only one that has this directory.
pub fn foundation(store: &Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>, retention: Duration) -> Foundation {
    let documents = EmbeddedDocuments::new(store.clone());
    let hooks = Arc::new(EmbeddedHooks::new(store.clone(), documents.clone()));
    let stores = Stores {
        hooks: hooks.clone(),
        subscriptions: hooks,
        events: Arc::new(EmbeddedEvents(store.clone())),
        log: Arc::new(EmbeddedDeliveryLog(store.clone())),
        activity: Arc::new(EmbeddedActivityLog::new(store.clone(), random.as_ref())),
        audit: Arc::new(EmbeddedAuditLog::new(store.clone(), random.as_ref())),
        documents: Arc::new(documents),
        // A cache of their own, so that what changes with every failure
        // does not outdate tenants and profiles.
        states: Arc::new(EmbeddedDocuments::new(store.clone())),
    };
    Foundation::new(stores, Writers::One, clock, random, retention)
}
