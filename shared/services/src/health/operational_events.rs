//! Publishes events about hooks themselves, as a publisher would.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use contract::messages::{EventMessage, VERSION};
use contract::ports::{QueueError, QueueSender};
use domain::ids::TenantId;
use domain::operational::ID_PREFIX;
use domain::time::Timestamp;
use domain::unknown::Unknown;

#[derive(Clone)]
pub struct OperationalEvents {
    /// The queue `events`.
    events: Arc<dyn QueueSender>,
}

impl OperationalEvents {
    pub fn new(events: Arc<dyn QueueSender>) -> Self {
        Self { events }
    }

    /// Tells what happened, and to what: the same of the same is told once,
    /// however often it is told.
    pub async fn publish(
        &self,
        tenant: &TenantId,
        event_type: &str,
        subject: &str,
        at: Timestamp,
        data: &Value,
    ) -> Result<(), QueueError> {
        self.publish_json(tenant, event_type, subject, at, data.to_string()).await
    }

    /// The same of what is written already.
    pub async fn publish_json(
        &self,
        tenant: &TenantId,
        event_type: &str,
        subject: &str,
        at: Timestamp,
        data: String,
    ) -> Result<(), QueueError> {
        let id = format!("{ID_PREFIX}{event_type}:{subject}");
        let message = EventMessage {
            version: VERSION,
            tenant: tenant.clone(),
            id: Some(id.parse().expect("types and ids of ours make an event id")),
            event_type: Some(event_type.parse().expect("operational types are event types")),
            timestamp: Some(at),
            channels: Default::default(),
            deliver_at: None,
            ttl: None,
            data: Some(Arc::from(RawValue::from_string(data).expect("what was written is JSON"))),
            token: None,
            traceparent: None,
            continuation: None,
            // Nobody else may publish under such an id.
            internal: true,
            unknown: Unknown::NONE,
        };
        self.events.send_one(message.to_outgoing()).await
    }
}
