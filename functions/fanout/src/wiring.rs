//! This stage over a [`Foundation`], and on Lambda.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::QueueSender;
use contract::stage::{Message, Outcome, Stage};
use services::Foundation;

use crate::{Deps, handle};

pub struct Queues {
    pub events: Arc<dyn QueueSender>,
    pub deliveries: Arc<dyn QueueSender>,
    pub retries: Arc<dyn QueueSender>,
}

impl Deps {
    pub fn new(foundation: &Foundation, queues: Queues) -> Self {
        let Foundation { subscriptions, events, log, activity, tenants, clock, random, retention, .. } =
            foundation.clone();
        let Queues { events: queue, deliveries, retries } = queues;
        Self { subscriptions, events, log, activity, tenants, queue, deliveries, retries, clock, random, retention }
    }
}

#[async_trait]
impl Stage for Deps {
    fn name(&self) -> &'static str {
        "fanout"
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
    use services::runtime::config::{self, Environment, FromEnvironment, StoreConfig};

    use super::{Arc, Deps, Queues};

    /// What the function's environment says.
    pub struct Config {
        pub store: StoreConfig,
        pub events_url: String,
        pub deliveries_url: String,
        pub retries_url: String,
    }

    impl FromEnvironment for Config {
        fn read(env: &mut Environment<'_>) -> Self {
            Self {
                store: StoreConfig::read(env),
                events_url: env.required(config::EVENTS_QUEUE_URL),
                deliveries_url: env.required(config::DELIVERIES_QUEUE_URL),
                retries_url: env.required(config::RETRIES_QUEUE_URL),
            }
        }
    }

    impl Deps {
        pub fn on_aws(aws: &Aws, config: Config) -> Self {
            let queues = Queues {
                events: Arc::new(aws.queue(config.events_url)),
                deliveries: Arc::new(aws.queue(config.deliveries_url)),
                retries: Arc::new(aws.queue(config.retries_url)),
            };
            Self::new(&aws.foundation(&config.store).cached(), queues)
        }
    }
}
