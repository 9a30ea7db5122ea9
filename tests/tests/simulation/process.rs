//! One process: every stage, wired to what all processes share. What a process
//! keeps for itself dies with it.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, Documents, Hooks, Tenants};
use domain::random::Random;
use domain::tenant::Tenant;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::{HookHealth, HookHealthDeps};
use services::health::operational_events::OperationalEvents;
use services::health::rate_limiter::RateLimiter;
use services::repositories::cache::{CachedHooks, FRESH_FOR};
use services::repositories::documents::StoredReplays;

use crate::dice::SimRandom;
use crate::documents::{SimDocuments, Unheard};
use crate::endpoint::Endpoint;
use crate::plan::{START, TENANT};
use crate::queue::{Name, SimQueue};
use crate::sim::Sim;
use crate::stores::{NoProfiles, OneTenant, Stores};

pub(crate) const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) fanout: fanout::Deps,
    pub(crate) deliver: deliver::Deps,
    pub(crate) requeue: requeue::Deps,
}

impl Process {
    pub(crate) fn start(sim: &Arc<Sim>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(sim.clock.clone());
        let random: Arc<dyn Random> = Arc::new(SimRandom(Arc::clone(sim)));
        let stores = Arc::new(Stores(Arc::clone(sim)));
        let queue = |name| Arc::new(SimQueue { sim: Arc::clone(sim), name });
        let hooks: Arc<dyn Hooks> = Arc::new(CachedHooks::new(stores.clone(), Arc::clone(&clock), FRESH_FOR));
        let tenants: Arc<dyn Tenants> = Arc::new(OneTenant(Arc::new(tenant())));
        let documents: Arc<dyn Documents> = Arc::new(SimDocuments(Arc::clone(sim)));
        let hook_health = Arc::new(HookHealth::new(HookHealthDeps {
            documents: Arc::clone(&documents),
            hooks: Arc::clone(&hooks),
            events: Arc::new(Unheard),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            rates: RateLimiter::shared(Arc::clone(&documents), Arc::clone(&clock)),
            fresh_for: FRESH_FOR,
        }));
        Self {
            fanout: fanout::Deps {
                subscriptions: stores.clone(),
                events: stores.clone(),
                tenants: Arc::clone(&tenants),
                queue: queue(Name::Events),
                deliveries: queue(Name::Deliveries),
                retries: queue(Name::Retries),
                clock: Arc::clone(&clock),
                random: Arc::clone(&random),
                retention: RETENTION,
            },
            deliver: deliver::Deps {
                hooks: resolved(Arc::clone(&hooks)),
                events: stores.clone(),
                log: stores.clone(),
                retries: queue(Name::Retries),
                sender: Arc::new(Endpoint(Arc::clone(sim))),
                in_flight: deliver::InFlight::default(),
                tokens: courier::Tokens::default(),
                batches: deliver::Batches::default(),
                hook_health: Arc::clone(&hook_health),
                clock: Arc::clone(&clock),
                random: Arc::clone(&random),
                retention: RETENTION,
            },
            requeue: requeue::Deps {
                resolved: resolved(Arc::clone(&hooks)),
                hooks,
                circuits: Arc::clone(&hook_health.circuits),
                tenants,
                events: stores.clone(),
                log: stores,
                replays: Arc::new(StoredReplays::new(documents)),
                jobs: queue(Name::Retries),
                operational_events: OperationalEvents::new(Arc::new(Unheard)),
                redeliveries: queue(Name::Redeliveries),
                clock,
                random,
                retention: RETENTION,
            },
        }
    }
}

pub(crate) fn resolved(hooks: Arc<dyn Hooks>) -> Arc<ResolvedHooks> {
    let standard = "standard".parse().expect("a profile's name");
    Arc::new(ResolvedHooks::new(hooks, Arc::new(OneTenant(Arc::new(tenant()))), Arc::new(NoProfiles), standard))
}

fn tenant() -> Tenant {
    Tenant {
        id: TENANT.parse().expect("a tenant's id"),
        name: String::new(),
        profile: None,
        settings: domain::settings::Settings::default(),
        retention_days: None,
        strict_event_types: false,
        created_at: START,
        updated_at: START,
        version: 1,
        unknown: domain::unknown::Unknown::NONE,
    }
}
