//! This stage over a [`Foundation`], and on Lambda.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::QueueSender;
use contract::stage::{Message, Outcome, Stage};
use services::Foundation;
use services::advisor::Advisor;
use services::delivery::counts::ActivityCounts;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::circuit_breaker::CircuitBreakers;
use services::health::operational_events::OperationalEvents;
use services::plans::Plans;
use services::repositories::audit::AuditTrail;
use services::repositories::catalogue::Catalogue;
use services::repositories::documents::{
    StoredAdvisors, StoredExpungements, StoredHookUids, StoredKeys, StoredPortalSessions,
};

use crate::{Deps, handle};

pub struct Queues {
    pub events: Arc<dyn QueueSender>,
    pub retries: Arc<dyn QueueSender>,
    pub redeliveries: Arc<dyn QueueSender>,
}

impl Deps {
    pub fn new(
        foundation: &Foundation,
        resolved: Arc<ResolvedHooks>,
        circuits: Arc<CircuitBreakers>,
        queues: Queues,
    ) -> Self {
        let Foundation {
            hooks,
            tenants,
            events,
            log,
            activity,
            audit,
            replays,
            documents,
            states,
            clock,
            random,
            retention,
            ..
        } = foundation.clone();
        let catalogue = Arc::new(Catalogue::new(&documents, resolved.usual_profile().clone()));
        let operational_events = OperationalEvents::new(queues.events);
        let trail = Arc::new(AuditTrail::new(states, Arc::clone(&audit), Arc::clone(&clock), Arc::clone(&random)));
        let plans = Arc::new(Plans::new(
            Arc::clone(&documents),
            operational_events.clone(),
            Arc::clone(&queues.retries),
            Arc::clone(&clock),
            Arc::clone(&random),
        ));
        let advisor = Arc::new(Advisor {
            plans: Arc::clone(&plans),
            settings: Arc::new(StoredAdvisors::new(Arc::clone(&documents))),
            hooks: Arc::clone(&hooks),
            resolved: Arc::clone(&resolved),
            circuits: Arc::clone(&circuits),
            counts: ActivityCounts::new(Arc::clone(&activity), Arc::clone(&clock)),
            audit: Arc::clone(&trail),
            clock: Arc::clone(&clock),
            probe: None,
        });
        Self {
            plans,
            advisor,
            trail,
            hooks,
            resolved,
            circuits,
            rates: Arc::new(foundation.rates()),
            waiting: Arc::default(),
            tenants,
            events,
            log,
            activity,
            audit,
            replays,
            keys: Arc::new(StoredKeys::new(Arc::clone(&documents))),
            sessions: Arc::new(StoredPortalSessions::new(Arc::clone(&documents))),
            catalogue,
            hook_uids: Arc::new(StoredHookUids::new(Arc::clone(&documents))),
            expungements: Arc::new(StoredExpungements::new(documents)),
            jobs: queues.retries,
            operational_events,
            redeliveries: queues.redeliveries,
            clock,
            random,
            retention,
        }
    }
}

#[async_trait]
impl Stage for Deps {
    fn name(&self) -> &'static str {
        "requeue"
    }

    async fn handle(&self, message: Message) -> Outcome {
        handle(self, message).await
    }
}

#[cfg(feature = "lambda")]
pub use on_lambda::Config;

#[cfg(feature = "lambda")]
mod on_lambda {
    use aws::client::Aws;
    use domain::ids::ProfileName;
    use services::runtime::config::{self, Environment, FromEnvironment, StoreConfig};

    use super::{Arc, Deps, Queues};

    /// What the function's environment says.
    pub struct Config {
        pub store: StoreConfig,
        pub profile: ProfileName,
        pub events_url: String,
        pub retries_url: String,
        pub redeliveries_url: String,
    }

    impl FromEnvironment for Config {
        fn read(env: &mut Environment<'_>) -> Self {
            Self {
                store: StoreConfig::read(env),
                profile: ProfileName::read(env),
                events_url: env.required(config::EVENTS_QUEUE_URL),
                retries_url: env.required(config::RETRIES_QUEUE_URL),
                redeliveries_url: env.required(config::REDELIVERIES_QUEUE_URL),
            }
        }
    }

    impl Deps {
        pub fn on_aws(aws: &Aws, config: Config) -> Self {
            let foundation = aws.foundation(&config.store).cached();
            // Secrets stay sealed here: waiting needs none of them.
            let resolved = foundation.resolved(Arc::clone(&foundation.hooks), config.profile);
            let queues = Queues {
                events: Arc::new(aws.queue(config.events_url)),
                retries: Arc::new(aws.queue(config.retries_url)),
                redeliveries: Arc::new(aws.queue(config.redeliveries_url)),
            };
            Self::new(&foundation, Arc::new(resolved), Arc::new(foundation.circuits()), queues)
        }
    }
}
