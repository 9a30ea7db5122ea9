//! This stage over a [`Foundation`], and on Lambda.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Doctor, Hooks, HttpSender, Identities, Keys, QueueSender, Readiness};
use courier::{Courier, Tokens};
use domain::address::AddressPolicy;
use domain::portal::PublicUrl;
use services::advisor::Advisor;
use services::delivery::counts::ActivityCounts;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::HookHealth;
use services::health::operational_events::OperationalEvents;
use services::plans::Plans;
use services::repositories::cache::FRESH_FOR;
use services::repositories::catalogue::Catalogue;
use services::repositories::documents::{
    StoredAdvisors, StoredExpungements, StoredHookUids, StoredKeyedRequests, StoredKeys, StoredPortalLinks,
    StoredPortalSessions,
};
use services::{Foundation, Writers};

use crate::audited::Audited;
use crate::duplicates::Duplicates;
use crate::routes::advice::OverHttps;
use crate::{Deps, EventValidation, KeyCache, OperatorKey, PATIENCE, PublicKeys, Throttle};

/// What this stage has of its own.
pub struct Parts {
    /// With their secrets open.
    pub hooks: Arc<dyn Hooks>,
    pub resolved: Arc<ResolvedHooks>,
    pub hook_health: Arc<HookHealth>,
    pub queues: Queues,
    pub sender: Arc<dyn HttpSender>,
    pub tokens: Tokens,
    pub doctor: Arc<dyn Doctor>,
    pub operator: OperatorKey,
    pub addresses: AddressPolicy,
    pub readiness: Arc<dyn Readiness>,
    /// The deployment's keys.
    pub identity: Arc<dyn Identities>,
    /// Where links to portals begin, if that is known.
    pub public_url: Option<PublicUrl>,
}

pub struct Queues {
    pub events: Arc<dyn QueueSender>,
    pub retries: Arc<dyn QueueSender>,
    pub redeliveries: Arc<dyn QueueSender>,
}

impl Deps {
    pub fn new(foundation: &Foundation, parts: Parts) -> Self {
        let Foundation {
            hooks,
            tenants,
            profiles,
            events,
            log,
            activity,
            audit,
            replays,
            clock,
            random,
            documents,
            retention,
            ..
        } = foundation.clone();
        let usual = parts.resolved.usual_profile();
        let catalogue = Arc::new(Catalogue::new(&documents, usual.clone()));
        // Publishing is the busy route, so what it checks against, and the keys, are kept
        // for some seconds where others may change them.
        let (published, keys_fresh_for) = match foundation.writers {
            Writers::One => (Arc::clone(&catalogue), Duration::ZERO),
            Writers::Many { .. } => {
                (Arc::new(Catalogue::new(&foundation.cached_documents(), usual.clone())), FRESH_FOR)
            }
        };
        let health = &parts.hook_health;
        let plans = Arc::new(Plans::new(
            Arc::clone(&documents),
            OperationalEvents::new(Arc::clone(&parts.queues.events)),
            Arc::clone(&parts.queues.retries),
            Arc::clone(&clock),
            Arc::clone(&random),
        ));
        let advisors = Arc::new(StoredAdvisors::new(Arc::clone(&documents)));
        let advisor = Arc::new(Advisor {
            plans: Arc::clone(&plans),
            settings: Arc::clone(&advisors),
            hooks: Arc::clone(&hooks),
            resolved: Arc::clone(&parts.resolved),
            circuits: Arc::clone(&health.circuits),
            counts: ActivityCounts::new(Arc::clone(&activity), Arc::clone(&clock)),
            audit: Arc::clone(&health.audit),
            clock: Arc::clone(&clock),
            probe: Some(Arc::new(OverHttps(Arc::clone(&parts.sender)))),
        });
        Self {
            tenants: Audited::new(tenants, health),
            portal_links: Arc::new(StoredPortalLinks::new(Arc::clone(&documents))),
            portal_sessions: Arc::new(StoredPortalSessions::new(Arc::clone(&documents))),
            public_url: parts.public_url,
            keys: Audited::<dyn Keys>::new(Arc::new(StoredKeys::new(Arc::clone(&documents))), health),
            hooks: Audited::new(parts.hooks, health),
            stored_hooks: hooks,
            profiles: Audited::new(profiles, health),
            resolved: parts.resolved,
            catalogue,
            event_validation: EventValidation::new(published),
            duplicates: Arc::new(Duplicates::new(
                Arc::clone(&events),
                Arc::clone(&clock),
                foundation.writers == Writers::One,
            )),
            events,
            log,
            counts: ActivityCounts::new(Arc::clone(&activity), Arc::clone(&clock)),
            activity,
            audit,
            replays,
            expungements: Arc::new(StoredExpungements::new(Arc::clone(&documents))),
            plans,
            advisors,
            advisor,
            keyed_requests: Arc::new(StoredKeyedRequests::new(Arc::clone(&documents))),
            hook_uids: Arc::new(StoredHookUids::new(documents)),
            queue: parts.queues.events,
            redeliveries: parts.queues.redeliveries,
            hook_health: Arc::clone(&parts.hook_health),
            courier: Courier {
                sender: parts.sender,
                tokens: parts.tokens,
                clock: Arc::clone(&clock),
                identity: Arc::clone(&parts.identity),
                patience: PATIENCE,
            },
            jobs: parts.queues.retries,
            retention,
            clock,
            random,
            doctor: parts.doctor,
            operator: parts.operator,
            key_cache: KeyCache::new(keys_fresh_for),
            public_keys: PublicKeys::default(),
            identity: parts.identity,
            throttle: Throttle::default(),
            addresses: parts.addresses,
            readiness: parts.readiness,
        }
    }
}

#[cfg(feature = "lambda")]
pub use on_lambda::Config;

#[cfg(feature = "lambda")]
mod on_lambda {
    use aws::client::Aws;
    use aws::{AwsDoctor, QueueUrls};
    use contract::ports::AlwaysReady;
    use courier::{Http1Sender, SenderError, SenderOptions};
    use domain::ids::ProfileName;
    use services::repositories::encrypted_hooks::EncryptedHooks;
    use services::repositories::identity::StoredIdentity;
    use services::runtime::config::{self, Environment, FromEnvironment, OperatorKeyHash, StoreConfig};

    use super::{Arc, Deps, OperatorKey, Parts, PublicUrl, Queues, Tokens};

    /// What the function's environment says.
    pub struct Config {
        pub store: StoreConfig,
        pub sender: SenderOptions,
        pub profile: ProfileName,
        pub operator: OperatorKeyHash,
        pub queues: QueueUrls,
        pub kms_key: String,
        pub public_url: Option<PublicUrl>,
    }

    impl FromEnvironment for Config {
        fn read(env: &mut Environment<'_>) -> Self {
            Self {
                store: StoreConfig::read(env),
                sender: SenderOptions::read(env),
                profile: ProfileName::read(env),
                operator: OperatorKeyHash::read(env),
                queues: QueueUrls {
                    events: env.required(config::EVENTS_QUEUE_URL),
                    deliveries: env.required(config::DELIVERIES_QUEUE_URL),
                    retries: env.required(config::RETRIES_QUEUE_URL),
                    redeliveries: env.required(config::REDELIVERIES_QUEUE_URL),
                    schedules_dead: env.required(config::SCHEDULES_DEAD_LETTER_QUEUE_URL),
                },
                kms_key: env.required(config::KMS_KEY_ID),
                public_url: config::public_url(env),
            }
        }
    }

    impl Deps {
        /// Whoever changes something reads it back changed, so nothing is cached but for publishing.
        pub fn on_aws(aws: &Aws, config: Config) -> Result<Self, SenderError> {
            let Config { store, sender, profile, operator: OperatorKeyHash(operator), queues, kms_key, public_url } =
                config;
            let addresses = sender.addresses.clone();
            let foundation = aws.foundation(&store);
            let cipher = aws.cipher(&kms_key);
            let identity = Arc::new(StoredIdentity::new(Arc::clone(&foundation.documents), Arc::clone(&cipher)));
            let hooks = Arc::new(EncryptedHooks::new(Arc::clone(&foundation.hooks), cipher));
            let parts = Parts {
                resolved: Arc::new(foundation.resolved(hooks.clone(), profile).reached_at(public_url.clone())),
                hooks,
                hook_health: Arc::new(foundation.hook_health(Arc::new(aws.queue(&queues.events)))),
                queues: Queues {
                    events: Arc::new(aws.queue(&queues.events)),
                    retries: Arc::new(aws.queue(&queues.retries)),
                    redeliveries: Arc::new(aws.queue(&queues.redeliveries)),
                },
                sender: Arc::new(Http1Sender::new(sender)?),
                tokens: Tokens::default(),
                doctor: Arc::new(AwsDoctor::new(aws.clone(), store, kms_key, queues)),
                operator: OperatorKey::from_sha256(operator),
                addresses,
                readiness: Arc::new(AlwaysReady),
                identity,
                public_url,
            };
            Ok(Self::new(&foundation, parts))
        }
    }
}
