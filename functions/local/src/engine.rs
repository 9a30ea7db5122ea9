//! The stages, wired to the store and queues of one directory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, Documents, HttpSender, StoreError};
use domain::address::AddressPolicy;
use domain::ids::ProfileName;
use domain::random::Random;
use domain::time::Timestamp;
use embedded::{
    DataClock, DeadLetters, DirectoryLock, EmbeddedDeliveryLog, EmbeddedDoctor, EmbeddedDocuments, EmbeddedEvents,
    EmbeddedHooks, EmbeddedQueue, OpenCipherError, OpenError, QueueOptions, Store, StoreOptions, open_cipher,
};
use services::delivery::request::LONGEST_ATTEMPT;
use services::delivery::resolved_hook::ResolvedHooks;
use services::health::hook_health::{HookHealth, HookHealthDeps};
use services::health::operational_events::OperationalEvents;
use services::health::rate_limiter::RateLimiter;
use services::repositories::catalogue::Catalogue;
use services::repositories::documents::{StoredKeys, StoredProfiles, StoredReplays, StoredTenants};
use services::repositories::encrypted_hooks::EncryptedHooks;

use crate::consumers::{Consumers, Stage};
use crate::timekeeping;

/// Beyond every deadline that one attempt has: reading, logging, requeueing.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// Messages that the first two queues hold before they refuse more. Each takes
/// about 150 bytes of memory, so a full backlog stays within 32 MB.
const MAX_BACKLOG: usize = 100_000;
/// Waiting retries; beyond them, deliveries stay where they are until there is room.
const MAX_RETRIES: usize = 1_000_000;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    EnvelopeCipher(#[from] OpenCipherError),
    #[error("cannot read the queues")]
    Queues(#[from] StoreError),
    #[error("there is no profile {0}; GET /v1/profiles lists those there are")]
    Profile(ProfileName),
}

/// What the process is built from.
#[derive(Clone)]
pub struct Options {
    pub store: StoreOptions,
    pub operator_key: String,
    pub addresses: AddressPolicy,
    /// The profile of hooks whose tenants name none.
    pub profile: ProfileName,
    /// How long events and deliveries are kept.
    pub retention: Duration,
    /// Attempts under way at once.
    pub max_in_flight: usize,
    /// Attempts under way at once for one hook.
    pub max_in_flight_per_hook: usize,
    /// The machine's.
    pub clock: Arc<dyn Clock>,
    /// A time that the clock may show although it is far ahead of what is stored.
    pub accept_clock_until: Option<Timestamp>,
    pub random: Arc<dyn Random>,
    pub sender: Arc<dyn HttpSender>,
}

/// A data directory whose store was proved and is open.
pub struct OpenData {
    store: Store,
    clock: Arc<DataClock>,
}

impl OpenData {
    pub fn open(lock: DirectoryLock, options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let clock = Arc::new(DataClock::new(clock));
        let store = Store::open_locked(lock, options, clock.clone())?;
        Ok(Self { store, clock })
    }
}

/// One running Hookline over one data directory.
#[derive(Clone)]
pub struct Engine {
    pub store: Store,
    pub clock: Arc<DataClock>,
    pub queues: Queues,
    pub dead_letters: DeadLetters,
    pub api: api::Deps,
    pub fanout: fanout::Deps,
    pub deliver: deliver::Deps,
    pub requeue: requeue::Deps,
    max_in_flight: usize,
}

#[derive(Clone)]
pub struct Queues {
    pub events: EmbeddedQueue,
    pub deliveries: EmbeddedQueue,
    pub retries: EmbeddedQueue,
    pub redeliveries: EmbeddedQueue,
}

impl Queues {
    pub fn all(&self) -> [&EmbeddedQueue; 4] {
        [&self.events, &self.deliveries, &self.retries, &self.redeliveries]
    }
}

impl Engine {
    pub async fn start(path: &Path, options: Options) -> Result<Self, StartError> {
        let data = OpenData::open(DirectoryLock::acquire(path)?, &options.store, Arc::clone(&options.clock))?;
        Self::over(data, path, options).await
    }

    /// The same over a directory that is open.
    pub async fn over(data: OpenData, path: &Path, options: Options) -> Result<Self, StartError> {
        let Options { random, retention, .. } = options;
        let OpenData { store, clock: data_clock } = data;
        let clock: Arc<dyn Clock> = data_clock.clone();
        let cipher = Arc::new(open_cipher(&store, path).await?);
        timekeeping::begin(&data_clock, &store, retention, options.accept_clock_until).await?;
        // An attempt may take its whole deadline; the lease must outlast it.
        let lease = LONGEST_ATTEMPT + LEASE_MARGIN;
        let open = |name, options| EmbeddedQueue::open(store.clone(), name, options);
        let stage = |max_messages| QueueOptions {
            lease,
            max_messages,
            max_leased_per_group: usize::MAX,
            max_leased_to_others: usize::MAX,
            max_leased_to_busy: usize::MAX,
        };
        // Endpoints that are slow, or not known yet, leave a quarter of each lane
        // to those that are quick, and half of it to those with no request under way.
        let lane = || QueueOptions {
            max_leased_per_group: options.max_in_flight_per_hook,
            max_leased_to_others: options.max_in_flight.div_ceil(4) * 3,
            max_leased_to_busy: options.max_in_flight.div_ceil(4),
            ..stage(MAX_BACKLOG)
        };
        let queues = Queues {
            events: open("events", stage(MAX_BACKLOG)).await?,
            deliveries: open("deliveries", lane()).await?,
            retries: open("retries", stage(MAX_RETRIES)).await?,
            redeliveries: open("redeliveries", lane()).await?,
        };
        let all: Vec<EmbeddedQueue> = queues.all().into_iter().cloned().collect();
        let dead_letters = DeadLetters::new(store.clone(), all.clone(), retention);
        let doctor = EmbeddedDoctor::new(path, store.clone(), all, dead_letters.clone(), Arc::clone(&data_clock));
        let stored = Arc::new(EmbeddedHooks::new(store.clone()));
        let hooks = Arc::new(EncryptedHooks::new(stored.clone(), cipher));
        let events = Arc::new(EmbeddedEvents(store.clone()));
        let log = Arc::new(EmbeddedDeliveryLog(store.clone()));
        let documents: Arc<dyn Documents> = Arc::new(EmbeddedDocuments::new(store.clone()));
        // What was changed applies at once: these documents are read from memory.
        let catalogue = Arc::new(Catalogue::new(&documents, options.profile.clone()));
        let tenants = Arc::new(StoredTenants::new(Arc::clone(&documents)));
        let replays = Arc::new(StoredReplays::new(Arc::clone(&documents)));
        let profiles = Arc::new(StoredProfiles::new(Arc::clone(&documents)));
        let resolved = Arc::new(ResolvedHooks::new(hooks.clone(), tenants.clone(), profiles.clone(), options.profile));
        if resolved.find_profile(resolved.usual_profile()).await?.is_none() {
            return Err(StartError::Profile(resolved.usual_profile().clone()));
        }
        let tokens = courier::Tokens::default();
        let hook_health = Arc::new(HookHealth::new(HookHealthDeps {
            // A cache of their own, so that what changes with every failure
            // does not outdate tenants and profiles.
            documents: Arc::new(EmbeddedDocuments::new(store.clone())),
            hooks: hooks.clone(),
            events: Arc::new(queues.events.for_stage()),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            rates: RateLimiter::own(Arc::clone(&clock)),
            // Nobody else writes to this directory.
            fresh_for: Duration::MAX,
        }));
        Ok(Self {
            api: api::Deps {
                hook_health: Arc::clone(&hook_health),
                courier: courier::Courier {
                    sender: Arc::clone(&options.sender),
                    tokens: tokens.clone(),
                    clock: Arc::clone(&clock),
                    patience: api::PATIENCE,
                },
                tenants: tenants.clone(),
                profiles,
                resolved: Arc::clone(&resolved),
                event_validation: api::EventValidation::new(Arc::clone(&catalogue)),
                catalogue,
                keys: Arc::new(StoredKeys::new(Arc::clone(&documents))),
                hooks: hooks.clone(),
                events: events.clone(),
                log: log.clone(),
                queue: Arc::new(queues.events.clone()),
                replays: replays.clone(),
                redeliveries: Arc::new(queues.redeliveries.clone()),
                jobs: Arc::new(queues.retries.clone()),
                clock: Arc::clone(&clock),
                random: Arc::clone(&random),
                doctor: Arc::new(doctor),
                operator: api::OperatorKey::new(&options.operator_key),
                key_cache: api::KeyCache::new(Duration::ZERO),
                throttle: api::Throttle::default(),
                addresses: options.addresses,
                readiness: Arc::new(store.clone()),
            },
            fanout: fanout::Deps {
                subscriptions: stored.clone(),
                events: events.clone(),
                tenants: tenants.clone(),
                queue: Arc::new(queues.events.for_stage()),
                deliveries: Arc::new(queues.deliveries.for_stage()),
                retries: Arc::new(queues.retries.for_stage()),
                clock: Arc::clone(&clock),
                random: Arc::clone(&random),
                retention,
            },
            deliver: deliver::Deps {
                hooks: Arc::clone(&resolved),
                events: events.clone(),
                log: log.clone(),
                retries: Arc::new(queues.retries.for_stage()),
                sender: options.sender,
                in_flight: deliver::InFlight::default(),
                tokens,
                batches: deliver::Batches::default(),
                hook_health: Arc::clone(&hook_health),
                clock: Arc::clone(&clock),
                random: Arc::clone(&random),
                retention,
            },
            requeue: requeue::Deps {
                // Waiting needs no secret.
                hooks: stored,
                resolved,
                circuits: Arc::clone(&hook_health.circuits),
                tenants,
                events,
                log,
                replays,
                jobs: Arc::new(queues.retries.for_stage()),
                operational_events: OperationalEvents::new(Arc::new(queues.events.for_stage())),
                redeliveries: Arc::new(queues.redeliveries.for_stage()),
                clock,
                random,
                retention,
            },
            store,
            clock: data_clock,
            queues,
            dead_letters,
            max_in_flight: options.max_in_flight,
        })
    }

    /// The consumers of all queues. The lanes never wait for each other.
    pub fn consumers(&self) -> Consumers {
        let Queues { events, deliveries, retries, redeliveries } = self.queues.clone();
        let (for_events, for_retries) = (Arc::new(self.fanout.clone()), Arc::new(self.requeue.clone()));
        let fresh = Arc::new(self.deliver.clone());
        let again = Arc::clone(&fresh);
        Consumers::new(
            Arc::clone(&self.api.clock),
            vec![
                Stage::new(events, self.max_in_flight, move |message| {
                    let deps = Arc::clone(&for_events);
                    async move { fanout::handle(&deps, message).await }
                })
                .brief(),
                Stage::new(deliveries, self.max_in_flight, move |message| {
                    let deps = Arc::clone(&fresh);
                    async move { deliver::handle(&deps, message).await }
                }),
                Stage::new(retries, self.max_in_flight, move |message| {
                    let deps = Arc::clone(&for_retries);
                    async move { requeue::handle(&deps, message).await }
                }),
                Stage::new(redeliveries, self.max_in_flight, move |message| {
                    let deps = Arc::clone(&again);
                    async move { deliver::handle(&deps, message).await }
                }),
            ],
        )
    }
}
