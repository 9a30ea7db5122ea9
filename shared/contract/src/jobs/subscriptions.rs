//! The end of subscriptions whose key, session or event type goes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Job, JobMessage, nobody};
use crate::ports::Outgoing;
use domain::ids::{EventType, TenantId};
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};

/// So soon the subscriptions of what goes are ended: most that go are gone by then.
const ENDED_AFTER: Duration = Duration::from_secs(5);

/// Ends the subscriptions of the Model Context Protocol that one of a tenant's keys or sessions has, or that are to
/// one event type. It is asked for before that goes, and does nothing should it stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct EndSubscriptions {
    /// Who has made them, as [`domain::subscription`] has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    /// When it was asked for.
    pub since: Timestamp,
    /// The look after the last request that was under way is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// Where the list of hooks goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// The same in every tenant: of an operator's key, or of a type in the operator's catalogue. It is of no tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct EndSubscriptionsOfAll {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    pub since: Timestamp,
    /// Where the list of tenants goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

keeps_unknown!(EndSubscriptions, EndSubscriptionsOfAll);

impl EndSubscriptions {
    fn new(principal: Option<String>, event_type: Option<EventType>, since: Timestamp) -> Self {
        Self { principal, event_type, since, last: false, cursor: None, unknown: Unknown::NONE }
    }

    pub fn of_principal(principal: String, since: Timestamp) -> Self {
        Self::new(Some(principal), None, since)
    }

    pub fn of_event_type(event_type: EventType, since: Timestamp) -> Self {
        Self::new(None, Some(event_type), since)
    }

    /// To be sent before what it is of goes; without a tenant, for all of them.
    pub fn to_outgoing(self, tenant: Option<&TenantId>) -> Outgoing {
        let due = Some(self.since.saturating_add(ENDED_AFTER));
        match tenant {
            Some(tenant) => JobMessage::new(tenant, Job::EndSubscriptions(self)),
            None => {
                let Self { principal, event_type, since, .. } = self;
                let unknown = Unknown::NONE;
                let all = EndSubscriptionsOfAll { principal, event_type, since, cursor: None, unknown };
                JobMessage::new(&nobody(), Job::EndSubscriptionsOfAll(all))
            }
        }
        .to_outgoing(due)
    }
}

impl EndSubscriptionsOfAll {
    /// Those of one tenant, at once.
    pub fn of_tenant(&self, tenant: &TenantId) -> Outgoing {
        let job = EndSubscriptions::new(self.principal.clone(), self.event_type.clone(), self.since);
        JobMessage::new(tenant, Job::EndSubscriptions(job)).to_outgoing(None)
    }
}
