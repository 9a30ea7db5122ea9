//! Stage 1 on Lambda, behind an API Gateway HTTP API.

use std::sync::Arc;
use std::time::Duration;

use api::{Deps, KeyCache, OperatorKey, PATIENCE};
use axum::Router;
use axum::body::Body;
use axum::http::Response;
use deliver::{Courier, ReqwestSender, Tokens};
use lambda_http::{Error, service_fn};
use shared::aws::client::Aws;
use shared::cache::FRESH_FOR;
use shared::config::{self, Environment, FromEnvironment as _, OperatorKeyHash, StoreConfig};
use shared::documents::{StoredProfiles, StoredReplays, StoredTenants};
use shared::domain::address::AddressPolicy;
use shared::domain::ids::ProfileName;
use shared::effective::EffectiveHooks;
use shared::emf::Emf;
use shared::keeper::{Foundations, Keeper};
use shared::ports::{Documents, OsRandom, SystemClock};
use shared::rates::Rates;
use shared::telemetry::{self, Format};
use tower::ServiceExt as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Format::Json);
    let mut env = Environment::of_process();
    let store = StoreConfig::read(&mut env);
    let addresses = AddressPolicy::read(&mut env);
    let profile = ProfileName::read(&mut env);
    let OperatorKeyHash(operator) = OperatorKeyHash::read(&mut env);
    let events = env.required(config::EVENTS_QUEUE_URL);
    let redeliveries = env.required(config::REDELIVERIES_QUEUE_URL);
    let kms_key = env.required(config::KMS_KEY_ID);
    let retries = env.required(config::RETRIES_QUEUE_URL);
    env.finish(())?;

    let aws = Aws::from_env(Arc::new(SystemClock)).await;
    // Whoever changes something reads it back changed, so nothing is cached here.
    let documents: Arc<dyn Documents> = Arc::new(aws.documents(&store));
    let replays = Arc::new(StoredReplays::new(Arc::clone(&documents)));
    let (tenants, profiles) =
        (Arc::new(StoredTenants::new(Arc::clone(&documents))), Arc::new(StoredProfiles::new(documents)));
    let hooks = Arc::new(aws.sealed_hooks(&store, aws.vault(kms_key)));
    let effective = Arc::new(EffectiveHooks::new(hooks.clone(), tenants.clone(), profiles.clone(), profile));
    let states: Arc<dyn Documents> = Arc::new(aws.documents(&store));
    let keeper = Keeper::new(Foundations {
        rates: Rates::shared(Arc::clone(&states), Arc::clone(&aws.clock)),
        documents: states,
        hooks: hooks.clone(),
        events: Arc::new(aws.queue(&events)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        fresh_for: Duration::ZERO,
    });
    let courier = Courier {
        sender: Arc::new(ReqwestSender::new(addresses.clone())?),
        tokens: Tokens::default(),
        clock: Arc::clone(&aws.clock),
        patience: PATIENCE,
    };
    let router = api::router(Deps {
        keeper: Arc::new(keeper),
        courier,
        tenants,
        keys: Arc::new(aws.keys(&store)),
        hooks,
        profiles,
        effective,
        events: Arc::new(aws.events(&store)),
        log: Arc::new(aws.deliveries(&store)),
        queue: Arc::new(aws.queue(events)),
        replays,
        redeliveries: Arc::new(aws.queue(redeliveries)),
        jobs: Arc::new(aws.queue(retries)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        operator: OperatorKey::from_sha256(operator),
        key_cache: KeyCache::new(FRESH_FOR),
        addresses,
    });
    let (emf, clock) = (Arc::new(Emf::start().map_err(anyhow::Error::from_boxed)?), Arc::clone(&aws.clock));
    let service = service_fn(move |request: lambda_http::Request| {
        let (router, emf, clock) = (router.clone(), Arc::clone(&emf), Arc::clone(&clock));
        async move {
            let answer = answer(router, request).await;
            emf.write_now_and_then(clock.as_ref());
            answer
        }
    });
    lambda_http::run_concurrent(service).await.map_err(anyhow::Error::from_boxed)
}

/// The router's answer, read to its end: Lambda sends answers whole.
async fn answer(router: Router, request: lambda_http::Request) -> Result<Response<lambda_http::Body>, Error> {
    let response = router.oneshot(request.map(Body::new)).await?;
    let (head, body) = response.into_parts();
    let text = axum::body::to_bytes(body, usize::MAX).await?;
    Ok(Response::from_parts(head, String::from_utf8(text.into())?.into()))
}
