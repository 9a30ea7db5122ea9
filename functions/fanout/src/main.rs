//! Stage 2 on Lambda, fed by the queue `events`.

use std::sync::Arc;

use aws::client::Aws;
use aws::lambda::{self, BatchConfig};
use contract::ports::{OsRandom, SystemClock};
use fanout::Deps;
use services::repositories::cache::{CachedDocuments, FRESH_FOR};
use services::repositories::documents::StoredTenants;
use services::runtime::config::{self, Environment, FromEnvironment as _, StoreConfig};
use services::runtime::telemetry::{self, Format};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Format::Json);
    let mut env = Environment::of_process();
    let (store, batch) = (StoreConfig::read(&mut env), BatchConfig::read(&mut env));
    let events = env.required(config::EVENTS_QUEUE_URL);
    let deliveries = env.required(config::DELIVERIES_QUEUE_URL);
    let retries = env.required(config::RETRIES_QUEUE_URL);
    env.finish(())?;

    let aws = Aws::from_env(Arc::new(SystemClock)).await;
    let documents = CachedDocuments::new(Arc::new(aws.documents(&store)), Arc::clone(&aws.clock), FRESH_FOR);
    let deps = Arc::new(Deps {
        subscriptions: Arc::new(aws.subscriptions(&store)),
        events: Arc::new(aws.events(&store)),
        tenants: Arc::new(StoredTenants::new(Arc::new(documents))),
        queue: Arc::new(aws.queue(events)),
        deliveries: Arc::new(aws.queue(deliveries)),
        retries: Arc::new(aws.queue(retries)),
        clock: Arc::clone(&aws.clock),
        random: Arc::new(OsRandom),
        retention: store.retention,
    });
    let handler = move |message| {
        let deps = Arc::clone(&deps);
        async move { fanout::handle(&deps, message).await }
    };
    lambda::serve(handler, &aws, batch, lambda::FEW_CALLS).await.map_err(anyhow::Error::from_boxed)
}
