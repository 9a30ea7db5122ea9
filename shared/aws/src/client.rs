//! The clients of one function, and the adapters made from them.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

use super::dynamo::{
    DynamoActivityLog, DynamoAuditLog, DynamoDeliveryLog, DynamoDocuments, DynamoEvents, DynamoHooks,
    DynamoSubscriptions,
};
use super::{KmsDataKeys, ScheduleTarget, Schedules, SqsSender};
use contract::ports::{Clock, OsRandom};
use services::delivery::request::LONGEST_ATTEMPT;
use services::repositories::encrypted_hooks::EncryptedHooks;
use services::runtime::config::StoreConfig;
use services::secrets::envelope::EnvelopeCipher;
use services::{Foundation, Stores, Writers};

/// Three tries get over a throttled call or a dropped connection. More would
/// only hold on to a message that its queue can hand out again anyway.
const MAX_ATTEMPTS: u32 = 3;
/// Endpoints are in the same region, where a connection takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that a call of any service takes, retries and the pauses between
/// them included; what is under way then is broken off. A stage makes few calls per
/// message, and leases allow for each of them to take so long.
pub const LONGEST_CALL: Duration = Duration::from_secs(12);
/// Calls of one message that may each take their longest. A retry that fails in a
/// function that has just started makes up to 14; should more than this many of them
/// take their longest, the message comes again and the log is read first.
pub const CALLS_PER_MESSAGE: u32 = 8;
/// The longest that one message takes: its attempt, and that. The time-out of `deliver` has to outlast it for each round of a batch.
pub const LONGEST_MESSAGE: Duration = LONGEST_ATTEMPT.saturating_add(LONGEST_CALL.saturating_mul(CALLS_PER_MESSAGE));
/// The same of a stage that sends no requests. Whoever is cut short there resumes.
pub const FEW_CALLS: Duration = LONGEST_CALL.saturating_mul(2);

/// One client per service, shared by all adapters of a process.
#[derive(Clone)]
pub struct Aws {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub kms: aws_sdk_kms::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub scheduler: aws_sdk_scheduler::Client,
    pub clock: Arc<dyn Clock>,
}

impl Aws {
    /// Region, credentials and endpoints as the SDK finds them in the
    /// environment (`AWS_ENDPOINT_URL` included).
    pub async fn from_env(clock: Arc<dyn Clock>) -> Self {
        let config = aws_config::from_env().retry_config(retries()).timeout_config(timeouts()).load().await;
        Self::new(&config, clock)
    }

    pub fn new(config: &SdkConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            kms: aws_sdk_kms::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            scheduler: aws_sdk_scheduler::Client::new(config),
            clock,
        }
    }

    /// What stages stand on. Nothing is cached.
    pub fn foundation(&self, store: &StoreConfig) -> Foundation {
        let stores = Stores {
            hooks: Arc::new(self.hooks(store)),
            subscriptions: Arc::new(self.subscriptions(store)),
            events: Arc::new(self.events(store)),
            log: Arc::new(self.deliveries(store)),
            activity: Arc::new(self.activity(store)),
            audit: Arc::new(DynamoAuditLog::new(self.dynamodb.clone(), &store.logs_table, Arc::clone(&self.clock))),
            documents: Arc::new(self.documents(store)),
            states: Arc::new(self.documents(store)),
        };
        let writers = Writers::Many { fresh_for: Duration::ZERO };
        Foundation::new(stores, writers, Arc::clone(&self.clock), Arc::new(OsRandom), store.retention)
    }

    /// Tenants, profiles, keys and the like.
    pub fn documents(&self, store: &StoreConfig) -> DynamoDocuments {
        DynamoDocuments::new(self.dynamodb.clone(), &store.hooks_table)
    }

    /// Secrets sealed under data keys of a KMS key.
    pub fn cipher(&self, kms_key_id: impl Into<String>) -> Arc<EnvelopeCipher> {
        let keys = KmsDataKeys::new(self.kms.clone(), kms_key_id);
        Arc::new(EnvelopeCipher::new(Arc::new(keys), Arc::clone(&self.clock)))
    }

    /// Hooks with their secrets open, for the stages that may see those.
    pub fn encrypted_hooks(&self, store: &StoreConfig, cipher: Arc<EnvelopeCipher>) -> EncryptedHooks {
        EncryptedHooks::new(Arc::new(self.hooks(store)), cipher)
    }

    /// Hooks as they are stored: their secrets stay sealed.
    pub fn hooks(&self, store: &StoreConfig) -> DynamoHooks {
        DynamoHooks::new(self.dynamodb.clone(), &store.hooks_table)
    }

    pub fn subscriptions(&self, store: &StoreConfig) -> DynamoSubscriptions {
        DynamoSubscriptions::new(self.dynamodb.clone(), &store.hooks_table)
    }

    pub fn events(&self, store: &StoreConfig) -> DynamoEvents {
        DynamoEvents::new(self.dynamodb.clone(), &store.logs_table, Arc::clone(&self.clock))
    }

    pub fn deliveries(&self, store: &StoreConfig) -> DynamoDeliveryLog {
        DynamoDeliveryLog::new(self.dynamodb.clone(), &store.logs_table, Arc::clone(&self.clock))
    }

    pub fn activity(&self, store: &StoreConfig) -> DynamoActivityLog {
        DynamoActivityLog::new(self.dynamodb.clone(), &store.logs_table, Arc::clone(&self.clock), &OsRandom)
    }

    pub fn queue(&self, url: impl Into<String>) -> SqsSender {
        SqsSender::new(self.sqs.clone(), url, Arc::clone(&self.clock))
    }

    pub fn schedules(&self, target: ScheduleTarget) -> Schedules {
        Schedules::new(self.scheduler.clone(), target)
    }
}

pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}

pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(LONGEST_CALL)
        .build()
}
