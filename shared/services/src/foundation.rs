//! What all stages stand on, whichever world they run in. `aws` and `embedded`
//! make one of these, and each stage makes its `Deps` of it.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{
    ActivityLog, AuditLog, Clock, DeliveryLog, Documents, Events, Hooks, Profiles, QueueSender, Replays, Subscriptions,
    Tenants,
};
use domain::ids::ProfileName;
use domain::random::Random;

use crate::delivery::resolved_hook::ResolvedHooks;
use crate::health::circuit_breaker::CircuitBreakers;
use crate::health::hook_health::{HookHealth, HookHealthDeps};
use crate::health::rate_limiter::RateLimiter;
use crate::repositories::cache::{CachedDocuments, CachedHooks, FRESH_FOR};
use crate::repositories::documents::{StoredProfiles, StoredReplays, StoredTenants};
use crate::repositories::present_tenants::{PresentActivity, PresentEvents};

#[derive(Clone)]
pub struct Foundation {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// As they are stored: their secrets are sealed.
    pub hooks: Arc<dyn Hooks>,
    pub subscriptions: Arc<dyn Subscriptions>,
    /// Of the tenants there are now.
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    /// Of the tenants there are now.
    pub activity: Arc<dyn ActivityLog>,
    pub audit: Arc<dyn AuditLog>,
    /// Tenants, profiles, keys and the like, as they are now.
    pub documents: Arc<dyn Documents>,
    /// The documents that deliveries change, where nothing caches them but who changes them.
    pub states: Arc<dyn Documents>,
    pub tenants: Arc<dyn Tenants>,
    pub profiles: Arc<dyn Profiles>,
    pub replays: Arc<dyn Replays>,
    pub writers: Writers,
    /// How long rows are kept whose tenant does not say.
    pub retention: Duration,
    pub stored: Arc<StoredLogs>,
}

/// As they are stored, with what is left of former tenants.
pub struct StoredLogs {
    events: Arc<dyn Events>,
    activity: Arc<dyn ActivityLog>,
}

impl StoredLogs {
    fn of_present(&self, tenants: &Arc<dyn Tenants>) -> (Arc<dyn Events>, Arc<dyn ActivityLog>) {
        let events = PresentEvents::new(Arc::clone(&self.events), Arc::clone(tenants));
        (Arc::new(events), Arc::new(PresentActivity::new(Arc::clone(&self.activity), Arc::clone(tenants))))
    }
}

/// Who writes to the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// This process alone, and it reads from memory.
    One,
    /// Others as well; what was read may be so old when it is used.
    Many { fresh_for: Duration },
}

/// The stores of one world.
pub struct Stores {
    pub hooks: Arc<dyn Hooks>,
    pub subscriptions: Arc<dyn Subscriptions>,
    pub events: Arc<dyn Events>,
    pub log: Arc<dyn DeliveryLog>,
    pub activity: Arc<dyn ActivityLog>,
    pub audit: Arc<dyn AuditLog>,
    pub documents: Arc<dyn Documents>,
    pub states: Arc<dyn Documents>,
}

impl Foundation {
    pub fn new(
        stores: Stores,
        writers: Writers,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        retention: Duration,
    ) -> Self {
        let Stores { hooks, subscriptions, events, log, activity, audit, documents, states } = stores;
        let tenants: Arc<dyn Tenants> = Arc::new(StoredTenants::new(Arc::clone(&documents)));
        let stored = Arc::new(StoredLogs { events, activity });
        let (events, activity) = stored.of_present(&tenants);
        Self {
            clock,
            random,
            hooks,
            subscriptions,
            events,
            log,
            activity,
            audit,
            tenants,
            profiles: Arc::new(StoredProfiles::new(Arc::clone(&documents))),
            replays: Arc::new(StoredReplays::new(Arc::clone(&documents))),
            documents,
            states,
            writers,
            retention,
            stored,
        }
    }

    /// The same where a change need not apply at once: hooks, tenants and profiles
    /// are kept for some seconds, unless nobody else can change them.
    #[must_use]
    pub fn cached(self) -> Self {
        if self.writers == Writers::One {
            return self;
        }
        let documents = self.cached_documents();
        let tenants: Arc<dyn Tenants> = Arc::new(StoredTenants::new(Arc::clone(&documents)));
        let (events, activity) = self.stored.of_present(&tenants);
        Self {
            events,
            activity,
            hooks: Arc::new(CachedHooks::new(Arc::clone(&self.hooks), Arc::clone(&self.clock), FRESH_FOR)),
            tenants,
            profiles: Arc::new(StoredProfiles::new(documents)),
            writers: Writers::Many { fresh_for: FRESH_FOR },
            ..self
        }
    }

    /// Documents that may be some seconds old, where others change them.
    pub fn cached_documents(&self) -> Arc<dyn Documents> {
        let documents = Arc::clone(&self.documents);
        match self.writers {
            Writers::One => documents,
            Writers::Many { .. } => Arc::new(CachedDocuments::new(documents, Arc::clone(&self.clock), FRESH_FOR)),
        }
    }

    /// `hooks`, sealed or opened, with all that applies to them. `usual` is the profile of
    /// those whose tenants name none.
    pub fn resolved(&self, hooks: Arc<dyn Hooks>, usual: ProfileName) -> ResolvedHooks {
        ResolvedHooks::new(hooks, Arc::clone(&self.tenants), Arc::clone(&self.profiles), usual)
    }

    pub fn circuits(&self) -> CircuitBreakers {
        CircuitBreakers::new(Arc::clone(&self.states), Arc::clone(&self.clock), self.fresh_for())
    }

    /// In a process that is the only one, each has its own.
    pub fn rates(&self) -> RateLimiter {
        let clock = Arc::clone(&self.clock);
        match self.writers {
            Writers::One => RateLimiter::own(clock),
            Writers::Many { .. } => RateLimiter::shared(Arc::clone(&self.states), clock),
        }
    }

    /// `events` is where operational events go. Whoever is disabled is written back as
    /// stored, so that this needs no secret.
    pub fn hook_health(&self, events: Arc<dyn QueueSender>) -> HookHealth {
        let (states, clock) = (Arc::clone(&self.states), Arc::clone(&self.clock));
        HookHealth::new(HookHealthDeps {
            rates: self.rates(),
            documents: states,
            audit: Arc::clone(&self.audit),
            hooks: Arc::clone(&self.hooks),
            events,
            clock,
            random: Arc::clone(&self.random),
            fresh_for: self.fresh_for(),
        })
    }

    fn fresh_for(&self) -> Duration {
        match self.writers {
            Writers::One => Duration::MAX,
            Writers::Many { fresh_for } => fresh_for,
        }
    }
}
