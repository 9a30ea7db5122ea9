//! Stage 4 on Lambda, fed by the queue `retries`.

use std::sync::Arc;

use requeue::Deps;
use shared::aws::client::Aws;
use shared::cache::{CachedHooks, FRESH_FOR};
use shared::config::{self, Environment, FromEnvironment as _, StoreConfig};
use shared::lambda::{self, BatchConfig};
use shared::ports::SystemClock;
use shared::telemetry::{self, Format};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init(Format::Json);
    let mut env = Environment::of_process();
    let (store, batch) = (StoreConfig::read(&mut env), BatchConfig::read(&mut env));
    let redeliveries = env.required(config::REDELIVERIES_QUEUE_URL);
    env.finish(())?;

    let aws = Aws::from_env(Arc::new(SystemClock)).await;
    let deps = Arc::new(Deps {
        // Secrets stay sealed here: waiting needs none of them.
        hooks: Arc::new(CachedHooks::new(Arc::new(aws.hooks(&store)), Arc::clone(&aws.clock), FRESH_FOR)),
        log: Arc::new(aws.deliveries(&store)),
        redeliveries: Arc::new(aws.queue(redeliveries)),
        clock: Arc::clone(&aws.clock),
        retention: store.retention,
    });
    let handler = move |message| {
        let deps = Arc::clone(&deps);
        async move { requeue::handle(&deps, message).await }
    };
    lambda::serve(handler, &aws, batch).await.map_err(anyhow::Error::from_boxed)
}
