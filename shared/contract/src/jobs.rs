//! Work that is done in steps: each is one message on `retries`, does a bounded
//! amount, and asks for the next.
//!
//! `requeue` makes the steps, for nobody outside writes to its queue. A step may
//! be made twice and nothing comes of it.

mod subscriptions;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::messages::{Rejection, VERSION, check_version, parse};
use crate::ports::Outgoing;
use domain::hook::Hook;
use domain::ids::{EventId, ExpungementId, HookId, PlanId, ReplayId, TenantId};
use domain::time::Timestamp;
use domain::unknown::{Unknown, keeps_unknown};
pub use subscriptions::{EndSubscriptions, EndSubscriptionsOfAll};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct JobMessage {
    pub version: u32,
    pub tenant: TenantId,
    pub job: Job,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    Replay(ReplayStep),
    PurgeHook(PurgeHook),
    PurgeEvents(PurgeEvents),
    Expunge(Expunge),
    ExpungeEvents(ExpungeEvents),
    CatchUp(CatchUp),
    AnnouncePlan(AnnouncePlan),
    EndOverlap(EndOverlap),
    RemoveExpired(RemoveExpired),
    EndSubscriptions(EndSubscriptions),
    EndSubscriptionsOfAll(EndSubscriptionsOfAll),
    Advise(Advise),
    AdviseAll(AdviseAll),
}

/// One step of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ReplayStep {
    pub hook: HookId,
    pub replay: ReplayId,
    pub step: u32,
    /// Of this message alone.
    pub token: String,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Deletes the log of a hook that was deleted, and all else it left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PurgeHook {
    pub hook: HookId,
    /// Its tenant was deleted with it: the events go as well.
    pub with_events: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Deletes the events of a deleted tenant that no hook wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct PurgeEvents {
    /// Only those fanned out before: the tenant may have been made anew.
    pub until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Removes an event's payload, and settles what waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Expunge {
    pub event: EventId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// One step of an expungement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ExpungeEvents {
    pub expungement: ExpungementId,
    pub step: u32,
    /// Of this message alone.
    pub token: String,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Sends what has waited for a hook that was enabled again, and what comes to wait
/// because somebody did not know of that yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct CatchUp {
    pub hook: HookId,
    /// The first version of the hook that is enabled.
    pub hook_version: u64,
    /// When it was asked for.
    pub since: Timestamp,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Tells what became of a plan, should whoever decided it die before telling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AnnouncePlan {
    pub plan: PlanId,
    /// The types of the events.
    pub event_types: Vec<String>,
    /// When it was about to be written.
    pub since: Timestamp,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Removes the secrets of a hook whose overlap has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct EndOverlap {
    pub hook: HookId,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Longer than anybody who reads hooks remembers one: by then each knows of the last change that was made to it.
const REMOVED_AFTER: Duration = Duration::from_secs(60);

/// Removes a hook whose time is over, unless it was given another end since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct RemoveExpired {
    pub hook: HookId,
    /// The end that it was asked for: another change has asked for a step of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Looks at the hooks of one tenant and proposes plans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Advise {
    /// Where the list of hooks goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Steps of counting that were made before, for the same look.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub counted: u32,
    /// Plans that were proposed before, by the same look.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub proposed: u32,
    #[serde(skip)]
    pub unknown: Unknown,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Asks for the same of every tenant. It is of no tenant; the message names one that
/// means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct AdviseAll {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip)]
    pub unknown: Unknown,
}

/// Stands where a message names a tenant, for jobs that are of none.
fn nobody() -> TenantId {
    "hookline".parse().expect("it is the id of a tenant")
}

impl RemoveExpired {
    /// None of a hook without an end.
    pub fn of(hook: &Hook) -> Option<Self> {
        let end = hook.expires_at?;
        Some(Self { hook: hook.id, end: Some(end), unknown: Unknown::NONE })
    }

    /// When the hook is removed, if it keeps its end.
    pub fn due(hook: &Hook) -> Option<Timestamp> {
        hook.removed_at().map(|at| at.saturating_add(REMOVED_AFTER))
    }
}

keeps_unknown!(
    JobMessage,
    ReplayStep,
    PurgeHook,
    PurgeEvents,
    Expunge,
    ExpungeEvents,
    CatchUp,
    AnnouncePlan,
    EndOverlap,
    RemoveExpired,
    Advise,
    AdviseAll
);

/// A message on `retries`, as far as it can be told what it is.
#[derive(Debug, PartialEq, Eq)]
pub enum JobFound {
    /// The body is that of a delivery.
    None,
    Job(JobMessage),
    /// A kind of job that only a newer version knows.
    Newer(String),
    Invalid(Rejection),
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    job: Option<IgnoredAny>,
}

/// The kind of a job, whatever it is.
#[derive(Deserialize)]
struct Kinds {
    job: BTreeMap<String, IgnoredAny>,
}

impl JobMessage {
    /// The names that [`Job`] has in messages.
    pub const KINDS: [&str; 13] = [
        "replay",
        "purge_hook",
        "purge_events",
        "expunge",
        "expunge_events",
        "catch_up",
        "announce_plan",
        "end_overlap",
        "remove_expired",
        "end_subscriptions",
        "end_subscriptions_of_all",
        "advise",
        "advise_all",
    ];

    pub fn new(tenant: &TenantId, job: Job) -> Self {
        Self { version: VERSION, tenant: tenant.clone(), job, unknown: Unknown::NONE }
    }

    pub fn parse(body: &[u8]) -> JobFound {
        if !serde_json::from_slice::<Probe>(body).is_ok_and(|probe| probe.job.is_some()) {
            return JobFound::None;
        }
        match parse::<Self>(body) {
            Ok(message) => match check_version(message.version) {
                Ok(()) => JobFound::Job(message),
                Err(error) => JobFound::Invalid(Rejection::of(&[error])),
            },
            Err(rejection) => match serde_json::from_slice::<Kinds>(body).map(|kinds| kinds.job.into_keys().next()) {
                Ok(Some(kind)) if !Self::KINDS.contains(&kind.as_str()) => JobFound::Newer(kind),
                _ => JobFound::Invalid(rejection),
            },
        }
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
        let job = Job::Expunge(Expunge { event: "evt:1".parse().unwrap(), cursor: None, unknown: Unknown::NONE });
        let message = JobMessage::new(&tenant, job);
        let body = message.to_outgoing(None).body;
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"version":1,"tenant":"acme","job":{"expunge":{"event":"evt:1"}}}"#
        );
        assert_eq!(JobMessage::parse(&body), JobFound::Job(message));
        assert_eq!(JobMessage::parse(br#"{"version":1,"tenant":"acme","hook":"x"}"#), JobFound::None);
        let text = std::str::from_utf8(&body).unwrap();
        for wrong in [text.replace("\"version\":1", "\"version\":2"), text.replace("evt:1", ""), text.replace('{', "[")]
        {
            let found = JobMessage::parse(wrong.as_bytes());
            assert!(matches!(found, JobFound::Invalid(_) | JobFound::None), "{wrong}: {found:?}");
        }
    }

    #[test]
    fn the_kinds_of_jobs_are_those_there_are_and_others_are_newer() {
        for kind in JobMessage::KINDS {
            let body = format!(r#"{{"version":1,"tenant":"acme","job":{{"{kind}":7}}}}"#);
            assert!(matches!(JobMessage::parse(body.as_bytes()), JobFound::Invalid(_)), "{kind}");
        }
        let body = br#"{"version":1,"tenant":"acme","job":{"tidy":{"up":true}}}"#;
        assert_eq!(JobMessage::parse(body), JobFound::Newer("tidy".to_owned()));
    }
}
