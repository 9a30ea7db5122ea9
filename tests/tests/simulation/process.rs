//! One process: every stage, wired to what all processes share. What a process
//! keeps for itself dies with it.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, Documents, Hooks, QueueSender};
use domain::random::Random;
use domain::tenant::Tenant;
use services::delivery::resolved_hook::ResolvedHooks;
use services::{Foundation, Writers};

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
    pub(crate) foundation: Foundation,
    pub(crate) fanout: fanout::Deps,
    pub(crate) deliver: deliver::Deps,
    pub(crate) requeue: requeue::Deps,
}

impl Process {
    pub(crate) fn start(sim: &Arc<Sim>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(sim.clock.clone());
        let random: Arc<dyn Random> = Arc::new(SimRandom(Arc::clone(sim)));
        let stores = Arc::new(Stores(Arc::clone(sim)));
        let queue = |name| -> Arc<dyn QueueSender> { Arc::new(SimQueue { sim: Arc::clone(sim), name }) };
        let foundation = foundation(sim, &stores, &clock, random);
        let hook_health = Arc::new(foundation.hook_health(Arc::new(Unheard)));
        let for_fanout = fanout::Queues {
            events: queue(Name::Events),
            deliveries: queue(Name::Deliveries),
            retries: queue(Name::Retries),
        };
        let for_requeue = requeue::Queues {
            events: Arc::new(Unheard),
            retries: queue(Name::Retries),
            redeliveries: queue(Name::Redeliveries),
        };
        let resolved = || resolved(&foundation, &foundation.hooks);
        let circuits = Arc::clone(&hook_health.circuits);
        Self {
            fanout: fanout::Deps::new(&foundation, for_fanout),
            deliver: deliver::Deps::new(
                &foundation,
                resolved(),
                hook_health,
                queue(Name::Retries),
                Arc::new(Endpoint(Arc::clone(sim))),
                courier::Tokens::default(),
                Arc::new(contract::ports::NoIdentity),
            ),
            requeue: requeue::Deps::new(&foundation, resolved(), circuits, for_requeue),
            foundation,
        }
    }
}

/// As on AWS, but that the tenant and its profile do not come from the store.
fn foundation(sim: &Arc<Sim>, stores: &Arc<Stores>, clock: &Arc<dyn Clock>, random: Arc<dyn Random>) -> Foundation {
    let documents: Arc<dyn Documents> = Arc::new(SimDocuments(Arc::clone(sim)));
    let stores = services::Stores {
        hooks: stores.clone(),
        subscriptions: stores.clone(),
        events: stores.clone(),
        log: stores.clone(),
        activity: stores.clone(),
        audit: stores.clone(),
        documents: Arc::clone(&documents),
        states: documents,
    };
    let writers = Writers::Many { fresh_for: Duration::ZERO };
    Foundation {
        tenants: Arc::new(OneTenant(Arc::new(tenant()))),
        profiles: Arc::new(NoProfiles),
        ..Foundation::new(stores, writers, Arc::clone(clock), random, RETENTION).cached()
    }
}

pub(crate) fn resolved(foundation: &Foundation, hooks: &Arc<dyn Hooks>) -> Arc<ResolvedHooks> {
    let standard = "standard".parse().expect("a profile's name");
    Arc::new(foundation.resolved(Arc::clone(hooks), standard))
}

fn tenant() -> Tenant {
    Tenant {
        id: TENANT.parse().expect("a tenant's id"),
        name: String::new(),
        profile: None,
        settings: domain::settings::Settings::default(),
        retention_days: None,
        strict_event_types: false,
        attributes: Default::default(),
        portal: None,
        metadata: Default::default(),
        created_with: None,
        created_at: START,
        updated_at: START,
        version: 1,
        unknown: domain::unknown::Unknown::NONE,
    }
}
