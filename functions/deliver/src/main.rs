//! Stage 3 on Lambda, fed by both lanes: `deliveries` and `redeliveries`.

use std::sync::Arc;

use aws::client::Aws;
use aws::lambda::{self, BatchConfig};
use contract::ports::{Documents, OsRandom, SystemClock};
use courier::{HyperSender, Tokens};
use deliver::{Batches, Deps, InFlight};
use domain::address::AddressPolicy;
use domain::ids::ProfileName;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::{HookHealth, HookHealthDeps};
use services::health::rate_limiter::RateLimiter;
use services::repositories::cache::{CachedDocuments, CachedHooks, FRESH_FOR};
use services::repositories::documents::{StoredProfiles, StoredTenants};
use services::repositories::encrypted_hooks::EncryptedHooks;
use services::runtime::config::{self, Environment, FromEnvironment as _, StoreConfig};
use services::runtime::telemetry::{self, Format};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Format::Json);
    let mut env = Environment::of_process();
    let (store, batch) = (StoreConfig::read(&mut env), BatchConfig::read(&mut env));
    let addresses = AddressPolicy::read(&mut env);
    let profile = ProfileName::read(&mut env);
    let retries = env.required(config::RETRIES_QUEUE_URL);
    let kms_key = env.required(config::KMS_KEY_ID);
    let events = env.required(config::EVENTS_QUEUE_URL);
    env.finish(())?;

    let aws = Aws::from_env(Arc::new(SystemClock)).await;
    // Who disables a hook writes its secrets back as they are stored: this function may open
    // secrets and not seal them.
    let stored = Arc::new(CachedHooks::new(Arc::new(aws.hooks(&store)), Arc::clone(&aws.clock), FRESH_FOR));
    let hooks = Arc::new(EncryptedHooks::new(stored.clone(), aws.cipher(kms_key)));
    let documents = CachedDocuments::new(Arc::new(aws.documents(&store)), Arc::clone(&aws.clock), FRESH_FOR);
    let documents: Arc<dyn Documents> = Arc::new(documents);
    let tenants = Arc::new(StoredTenants::new(Arc::clone(&documents)));
    let profiles = Arc::new(StoredProfiles::new(documents));
    let states: Arc<dyn Documents> = Arc::new(aws.documents(&store));
    let hook_health = HookHealth::new(HookHealthDeps {
        rates: RateLimiter::shared(Arc::clone(&states), Arc::clone(&aws.clock)),
        documents: states,
        hooks: stored,
        events: Arc::new(aws.queue(events)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        fresh_for: FRESH_FOR,
    });
    let deps = Arc::new(Deps {
        hook_health: Arc::new(hook_health),
        hooks: Arc::new(ResolvedHooks::new(hooks, tenants, profiles, profile)),
        events: Arc::new(aws.events(&store)),
        log: Arc::new(aws.deliveries(&store)),
        retries: Arc::new(aws.queue(retries)),
        sender: Arc::new(HyperSender::new(addresses)?),
        in_flight: InFlight::default(),
        tokens: Tokens::default(),
        batches: Batches::default(),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        retention: store.retention,
    });
    let handler = move |message| {
        let deps = Arc::clone(&deps);
        async move { deliver::handle(&deps, message).await }
    };
    lambda::serve(handler, &aws, batch, lambda::LONGEST_MESSAGE).await.map_err(anyhow::Error::from_boxed)
}
