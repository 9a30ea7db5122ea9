//! Work that is done in steps: each is one message on `retries`, does a bounded
//! amount, and asks for the next.
//!
//! `requeue` makes the steps, for nobody outside writes to its queue. A step may
//! be made twice and nothing comes of it.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{EventId, HookId, ReplayId, TenantId};
use crate::domain::strict;
use crate::messages::{Rejection, VERSION};
use crate::ports::Outgoing;
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobMessage {
    pub version: u32,
    pub tenant: TenantId,
    pub job: Job,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Job {
    /// One step of a replay.
    Replay {
        hook: HookId,
        replay: ReplayId,
        step: u32,
        /// Of this message alone.
        token: String,
    },
    /// Deletes the log of a hook that was deleted, and all else it left.
    PurgeHook {
        hook: HookId,
        /// Its tenant was deleted with it: the events go as well.
        with_events: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// Deletes the events of a deleted tenant that no hook wanted.
    PurgeEvents {
        /// Only those taken up before: the tenant may have been made anew.
        until: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// Removes an event's payload, and settles what waits to be sent.
    Expunge {
        event: EventId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    job: Option<IgnoredAny>,
}

impl JobMessage {
    pub fn new(tenant: &TenantId, job: Job) -> Self {
        Self { version: VERSION, tenant: tenant.clone(), job }
    }

    /// None when the body is that of a delivery.
    pub fn parse(body: &[u8]) -> Option<Result<Self, Rejection>> {
        let is_job = serde_json::from_slice::<Probe>(body).is_ok_and(|probe| probe.job.is_some());
        is_job.then(|| match strict::from_slice::<Self>(body) {
            Ok(message) if message.version == VERSION => Ok(message),
            Ok(message) => Err(Rejection(format!("version is {}, expected {VERSION}", message.version))),
            Err(error) => Err(Rejection(format!("not a valid message: {error}"))),
        })
    }

    /// The steps of one tenant share their turns.
    pub fn to_outgoing(&self, due: Option<Timestamp>) -> Outgoing {
        let body: Bytes = serde_json::to_vec(self).expect("jobs hold nothing that JSON cannot express").into();
        Outgoing { body, group: format!("{}.jobs", self.tenant).into(), due, content: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_deliveries_are_told_apart() {
        let tenant: TenantId = "acme".parse().unwrap();
        let job = Job::Expunge { event: "evt:1".parse().unwrap(), cursor: None };
        let message = JobMessage::new(&tenant, job);
        let body = message.to_outgoing(None).body;
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"version":1,"tenant":"acme","job":{"expunge":{"event":"evt:1"}}}"#
        );
        assert_eq!(JobMessage::parse(&body), Some(Ok(message)));
        assert_eq!(JobMessage::parse(br#"{"version":1,"tenant":"acme","hook":"x"}"#), None);
        assert!(matches!(JobMessage::parse(br#"{"version":2,"tenant":"acme","job":{}}"#), Some(Err(_))));
    }
}
