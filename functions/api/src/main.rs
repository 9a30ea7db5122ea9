//! Stage 1 on Lambda, behind an API Gateway HTTP API.

use std::sync::Arc;
use std::time::Duration;

use api::{Deps, EventValidation, KeyCache, OperatorKey, PATIENCE, Throttle, gateway};
use aws::client::Aws;
use aws::emf::Emf;
use aws::{AwsDoctor, QueueUrls};
use contract::ports::{AlwaysReady, Documents, OsRandom, SystemClock};
use courier::{Courier, HyperSender, Tokens};
use domain::address::AddressPolicy;
use domain::ids::ProfileName;
use lambda_http::{LambdaEvent, lambda_runtime, service_fn};
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::{HookHealth, HookHealthDeps};
use services::health::rate_limiter::RateLimiter;
use services::repositories::cache::{CachedDocuments, FRESH_FOR};
use services::repositories::catalogue::Catalogue;
use services::repositories::documents::{StoredKeys, StoredProfiles, StoredReplays, StoredTenants};
use services::runtime::config::{self, Environment, FromEnvironment as _, OperatorKeyHash, StoreConfig};
use services::runtime::telemetry::{self, Format};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Format::Json);
    let mut env = Environment::of_process();
    let store = StoreConfig::read(&mut env);
    let addresses = AddressPolicy::read(&mut env);
    let profile = ProfileName::read(&mut env);
    let OperatorKeyHash(operator) = OperatorKeyHash::read(&mut env);
    let queues = QueueUrls {
        events: env.required(config::EVENTS_QUEUE_URL),
        deliveries: env.required(config::DELIVERIES_QUEUE_URL),
        retries: env.required(config::RETRIES_QUEUE_URL),
        redeliveries: env.required(config::REDELIVERIES_QUEUE_URL),
        schedules_dead: env.required(config::SCHEDULES_DEAD_LETTER_QUEUE_URL),
    };
    let kms_key = env.required(config::KMS_KEY_ID);
    env.finish(())?;

    let aws = Aws::from_env(Arc::new(SystemClock)).await;
    // Whoever changes something reads it back changed, so nothing is cached here.
    let documents: Arc<dyn Documents> = Arc::new(aws.documents(&store));
    let replays = Arc::new(StoredReplays::new(Arc::clone(&documents)));
    let catalogue = Arc::new(Catalogue::new(&documents, profile.clone()));
    // Publishing is the busy route, so what it checks against is kept for some seconds.
    let kept: Arc<dyn Documents> =
        Arc::new(CachedDocuments::new(Arc::clone(&documents), Arc::clone(&aws.clock), FRESH_FOR));
    let event_validation = EventValidation::new(Arc::new(Catalogue::new(&kept, profile.clone())));
    let (tenants, profiles) =
        (Arc::new(StoredTenants::new(Arc::clone(&documents))), Arc::new(StoredProfiles::new(Arc::clone(&documents))));
    let hooks = Arc::new(aws.encrypted_hooks(&store, aws.cipher(&kms_key)));
    let resolved = Arc::new(ResolvedHooks::new(hooks.clone(), tenants.clone(), profiles.clone(), profile));
    let states: Arc<dyn Documents> = Arc::new(aws.documents(&store));
    let hook_health = HookHealth::new(HookHealthDeps {
        rates: RateLimiter::shared(Arc::clone(&states), Arc::clone(&aws.clock)),
        documents: states,
        hooks: hooks.clone(),
        events: Arc::new(aws.queue(&queues.events)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        fresh_for: Duration::ZERO,
    });
    let courier = Courier {
        sender: Arc::new(HyperSender::new(addresses.clone())?),
        tokens: Tokens::default(),
        clock: Arc::clone(&aws.clock),
        patience: PATIENCE,
    };
    let router = api::router(Deps {
        hook_health: Arc::new(hook_health),
        courier,
        tenants,
        keys: Arc::new(StoredKeys::new(documents)),
        hooks,
        profiles,
        resolved,
        catalogue,
        event_validation,
        events: Arc::new(aws.events(&store)),
        log: Arc::new(aws.deliveries(&store)),
        queue: Arc::new(aws.queue(&queues.events)),
        replays,
        redeliveries: Arc::new(aws.queue(&queues.redeliveries)),
        jobs: Arc::new(aws.queue(&queues.retries)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        doctor: Arc::new(AwsDoctor::new(aws.clone(), store, kms_key, queues)),
        operator: OperatorKey::from_sha256(operator),
        key_cache: KeyCache::new(FRESH_FOR),
        throttle: Throttle::default(),
        addresses,
        readiness: Arc::new(AlwaysReady),
    });
    let (emf, clock) = (Arc::new(Emf::start().map_err(anyhow::Error::from_boxed)?), Arc::clone(&aws.clock));
    let service = service_fn(move |event: LambdaEvent<gateway::Event>| {
        let (router, emf, clock) = (router.clone(), Arc::clone(&emf), Arc::clone(&clock));
        async move {
            let answer = gateway::answer(router, event.payload).await;
            emf.write_now_and_then(clock.as_ref());
            answer
        }
    });
    lambda_runtime::run_concurrent(service).await.map_err(anyhow::Error::from_boxed)
}
