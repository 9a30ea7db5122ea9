//! The stages, wired to the store and queues of one directory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contract::jobs::{AdviseAll, Job, JobMessage};
use contract::ports::{Clock, HttpSender, Identities, QueueError, StoreError};
use contract::stage::Stage;
use domain::address::AddressPolicy;
use domain::ids::ProfileName;
use domain::portal::PublicUrl;
use domain::random::Random;
use domain::time::Timestamp;
use domain::unknown::Unknown;
use embedded::{
    DataClock, DeadLetters, DirectoryLock, EmbeddedDoctor, EmbeddedQueue, OpenCipherError, OpenError, QueueOptions,
    Store, StoreOptions, open_cipher,
};
use services::Foundation;
use services::delivery::request::LONGEST_ATTEMPT;
use services::repositories::encrypted_hooks::EncryptedHooks;
use services::repositories::identity::StoredIdentity;

use crate::consumers::{Consumer, Consumers};
use crate::timekeeping;

/// Beyond every deadline that one attempt has: reading, logging, requeueing.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// Messages that the first two queues hold before they refuse more. Each takes
/// about 150 bytes of memory, so a full backlog stays within 32 MB.
const MAX_BACKLOG: usize = 100_000;
/// Waiting retries; beyond them, deliveries stay where they are until there is room.
const MAX_RETRIES: usize = 1_000_000;

/// What a job is said to be of that is of no tenant.
const DEPLOYMENT: &str = "hookline";

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
    /// Where links to portals begin.
    pub public_url: PublicUrl,
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
    pub foundation: Foundation,
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
        let Options { retention, .. } = options;
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
        let foundation = embedded::foundation(&store, clock, options.random, retention);
        let identity: Arc<dyn Identities> =
            Arc::new(StoredIdentity::new(Arc::clone(&foundation.documents), Arc::clone(&cipher)));
        let hooks = Arc::new(EncryptedHooks::new(Arc::clone(&foundation.hooks), cipher));
        let public_url = Some(options.public_url);
        let resolved = foundation.resolved(hooks.clone(), options.profile).reached_at(public_url.clone());
        let resolved = Arc::new(resolved);
        if resolved.find_profile(resolved.usual_profile()).await?.is_none() {
            return Err(StartError::Profile(resolved.usual_profile().clone()));
        }
        let tokens = courier::Tokens::default();
        let hook_health = Arc::new(foundation.hook_health(Arc::new(queues.events.for_stage())));
        let api = api::Parts {
            hooks,
            resolved: Arc::clone(&resolved),
            hook_health: Arc::clone(&hook_health),
            queues: api::Queues {
                events: Arc::new(queues.events.clone()),
                retries: Arc::new(queues.retries.clone()),
                redeliveries: Arc::new(queues.redeliveries.clone()),
            },
            sender: Arc::clone(&options.sender),
            tokens: tokens.clone(),
            doctor: Arc::new(doctor),
            operator: api::OperatorKey::new(&options.operator_key),
            addresses: options.addresses,
            readiness: Arc::new(store.clone()),
            identity: Arc::clone(&identity),
            public_url,
        };
        let for_fanout = fanout::Queues {
            events: Arc::new(queues.events.for_stage()),
            deliveries: Arc::new(queues.deliveries.for_stage()),
            retries: Arc::new(queues.retries.for_stage()),
        };
        let for_requeue = requeue::Queues {
            events: Arc::new(queues.events.for_stage()),
            retries: Arc::new(queues.retries.for_stage()),
            redeliveries: Arc::new(queues.redeliveries.for_stage()),
        };
        let (circuits, retries) = (Arc::clone(&hook_health.circuits), Arc::new(queues.retries.for_stage()));
        Ok(Self {
            api: api::Deps::new(&foundation, api),
            fanout: fanout::Deps::new(&foundation, for_fanout),
            deliver: deliver::Deps::new(
                &foundation,
                Arc::clone(&resolved),
                hook_health,
                retries,
                options.sender,
                tokens,
                identity,
            ),
            requeue: requeue::Deps::new(&foundation, resolved, circuits, for_requeue),
            foundation,
            store,
            clock: data_clock,
            queues,
            dead_letters,
            max_in_flight: options.max_in_flight,
        })
    }

    /// Asks for a look at what the hooks of all tenants need.
    pub async fn ask_for_advice(&self) -> Result<(), QueueError> {
        let job = Job::AdviseAll(AdviseAll { cursor: None, unknown: Unknown::NONE });
        let message = JobMessage::new(&DEPLOYMENT.parse().expect("it is the id of a tenant"), job);
        self.requeue.jobs.send_one(message.to_outgoing(None)).await
    }

    /// The consumers of all queues. The lanes never wait for each other.
    pub fn consumers(&self) -> Consumers {
        let Queues { events, deliveries, retries, redeliveries } = self.queues.clone();
        let deliver: Arc<dyn Stage> = Arc::new(self.deliver.clone());
        Consumers::new(
            Arc::clone(&self.foundation.clock),
            vec![
                Consumer::new(events, self.max_in_flight, Arc::new(self.fanout.clone())).brief(),
                Consumer::new(deliveries, self.max_in_flight, Arc::clone(&deliver)),
                Consumer::new(retries, self.max_in_flight, Arc::new(self.requeue.clone())),
                Consumer::new(redeliveries, self.max_in_flight, deliver),
            ],
        )
    }
}
