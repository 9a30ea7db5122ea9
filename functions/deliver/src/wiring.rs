//! This stage over a [`Foundation`], and on Lambda.

use std::sync::Arc;

use async_trait::async_trait;
use contract::ports::{HttpSender, Identities, QueueSender};
use contract::stage::{Message, Outcome, Stage};
use courier::Tokens;
use services::Foundation;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::HookHealth;

use crate::{Batches, Deps, InFlight, handle};

impl Deps {
    /// `hooks` with their secrets open; `retries` is the queue of that name.
    pub fn new(
        foundation: &Foundation,
        hooks: Arc<ResolvedHooks>,
        hook_health: Arc<HookHealth>,
        retries: Arc<dyn QueueSender>,
        sender: Arc<dyn HttpSender>,
        tokens: Tokens,
        identity: Arc<dyn Identities>,
    ) -> Self {
        let Foundation { events, log, activity, clock, random, retention, .. } = foundation.clone();
        Self {
            hooks,
            events,
            log,
            activity,
            retries,
            sender,
            in_flight: InFlight::default(),
            tokens,
            identity,
            batches: Batches::default(),
            waiting: Arc::default(),
            hook_health,
            clock,
            random,
            retention,
        }
    }
}

#[async_trait]
impl Stage for Deps {
    fn name(&self) -> &'static str {
        "deliver"
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
    use courier::{Http1Sender, SenderError, SenderOptions};
    use domain::ids::ProfileName;
    use domain::portal::PublicUrl;
    use services::repositories::encrypted_hooks::EncryptedHooks;
    use services::repositories::identity::StoredIdentity;
    use services::runtime::config::{self, Environment, FromEnvironment, StoreConfig};

    use super::{Arc, Deps, Tokens};

    /// What the function's environment says.
    pub struct Config {
        pub store: StoreConfig,
        pub sender: SenderOptions,
        pub profile: ProfileName,
        pub kms_key: String,
        pub events_url: String,
        pub retries_url: String,
        pub public_url: Option<PublicUrl>,
    }

    impl FromEnvironment for Config {
        fn read(env: &mut Environment<'_>) -> Self {
            Self {
                store: StoreConfig::read(env),
                sender: SenderOptions::read(env),
                profile: ProfileName::read(env),
                kms_key: env.required(config::KMS_KEY_ID),
                events_url: env.required(config::EVENTS_QUEUE_URL),
                retries_url: env.required(config::RETRIES_QUEUE_URL),
                public_url: config::public_url(env),
            }
        }
    }

    impl Deps {
        pub fn on_aws(aws: &Aws, config: Config) -> Result<Self, SenderError> {
            let foundation = aws.foundation(&config.store).cached();
            // The hook's health writes to the store without this: the function may open
            // secrets and not seal them.
            let cipher = aws.cipher(config.kms_key);
            let identity = StoredIdentity::new(foundation.cached_documents(), Arc::clone(&cipher));
            let hooks = EncryptedHooks::new(Arc::clone(&foundation.hooks), cipher);
            Ok(Self::new(
                &foundation,
                Arc::new(foundation.resolved(Arc::new(hooks), config.profile).reached_at(config.public_url)),
                Arc::new(foundation.hook_health(Arc::new(aws.queue(config.events_url)))),
                Arc::new(aws.queue(config.retries_url)),
                Arc::new(Http1Sender::new(config.sender)?),
                Tokens::default(),
                Arc::new(identity),
            ))
        }
    }
}
