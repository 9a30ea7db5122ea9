//! Stage 4 on Lambda, fed by the queue `retries`.

use std::sync::Arc;

use aws::client::Aws;
use aws::lambda::{self, BatchConfig};
use contract::ports::{Documents, OsRandom, SystemClock};
use domain::ids::ProfileName;
use requeue::Deps;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::circuit_breaker::CircuitBreakers;
use services::health::operational_events::OperationalEvents;
use services::repositories::cache::{CachedDocuments, CachedHooks, FRESH_FOR};
use services::repositories::documents::{StoredProfiles, StoredReplays, StoredTenants};
use services::runtime::config::{self, Environment, FromEnvironment as _, StoreConfig};
use services::runtime::telemetry::{self, Format};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Format::Json);
    let mut env = Environment::of_process();
    let (store, batch) = (StoreConfig::read(&mut env), BatchConfig::read(&mut env));
    let redeliveries = env.required(config::REDELIVERIES_QUEUE_URL);
    let retries = env.required(config::RETRIES_QUEUE_URL);
    let events = env.required(config::EVENTS_QUEUE_URL);
    let profile = ProfileName::read(&mut env);
    env.finish(())?;

    let aws = Aws::from_env(Arc::new(SystemClock)).await;
    let documents: Arc<dyn Documents> = Arc::new(aws.documents(&store));
    let cached = CachedDocuments::new(Arc::clone(&documents), Arc::clone(&aws.clock), FRESH_FOR);
    let cached: Arc<dyn Documents> = Arc::new(cached);
    let tenants = Arc::new(StoredTenants::new(Arc::clone(&cached)));
    let profiles = Arc::new(StoredProfiles::new(cached));
    // Secrets stay sealed here: waiting needs none of them.
    let hooks = Arc::new(CachedHooks::new(Arc::new(aws.hooks(&store)), Arc::clone(&aws.clock), FRESH_FOR));
    let deps = Arc::new(Deps {
        resolved: Arc::new(ResolvedHooks::new(hooks.clone(), tenants.clone(), profiles, profile)),
        hooks,
        circuits: Arc::new(CircuitBreakers::new(Arc::new(aws.documents(&store)), Arc::clone(&aws.clock), FRESH_FOR)),
        tenants,
        events: Arc::new(aws.events(&store)),
        log: Arc::new(aws.deliveries(&store)),
        replays: Arc::new(StoredReplays::new(documents)),
        jobs: Arc::new(aws.queue(retries)),
        operational_events: OperationalEvents::new(Arc::new(aws.queue(events))),
        redeliveries: Arc::new(aws.queue(redeliveries)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        retention: store.retention,
    });
    let handler = move |message| {
        let deps = Arc::clone(&deps);
        async move { requeue::handle(&deps, message).await }
    };
    lambda::serve(handler, &aws, batch, lambda::FEW_CALLS).await.map_err(anyhow::Error::from_boxed)
}
