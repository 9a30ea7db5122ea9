//! An explanation as the API shows it.

use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status};
use domain::event::Event;
use domain::filter::UnmetCondition;
use domain::ids::HookId;
use serde::Serialize;
use utoipa::ToSchema;

use super::fanout::Fanout;
use super::holds::Hold;
use super::verdict::{JudgedFrom, Subject, VerdictCode};
use crate::listed::ListEntry;
use crate::routes::deliveries::DeliveryView;

/// How much the conditions of one answer may take, in bytes of JSON; Lambda answers with 6 MB at most.
const MAX_UNMET_BYTES: usize = 1024 * 1024;

#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    #[schema(inline)]
    pub(super) event: ExplainedEvent,
    /// One for each hook, the oldest hook first
    #[schema(inline)]
    pub(super) items: Vec<ListEntry<HookExplanation>>,
    /// Pass it as `cursor` to read on; null on the last page.
    pub(super) next_cursor: Option<String>,
}

/// What all hooks are held against.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainedEvent {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    channels: Vec<String>,
    /// Hooks are judged as they were at this time
    accepted_at: String,
    /// It is not sent before
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_at: Option<String>,
    /// It is not sent from then on, by its `ttl`
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    /// Its payload was removed, so no values are shown
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expunged: bool,
    /// How many hooks it went to
    hooks_chosen: usize,
    /// False while more hooks may follow, or where a part of what was recorded cannot be read
    fan_out_complete: bool,
}

/// What is told of one hook.
#[derive(Serialize, ToSchema)]
pub(crate) struct HookExplanation {
    hook_id: String,
    /// Null when the hook was deleted
    hook_name: Option<String>,
    verdict: VerdictCode,
    /// The verdict in words, with what came of the delivery
    sentence: String,
    /// What else has to be known to judge it
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
    /// Which version of the hook was judged; null when it was deleted
    hook_version: Option<u64>,
    judged_from: Option<JudgedFrom>,
    /// The patterns that the event's type was compared with
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<String>,
    /// The channels that the hook asks for
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<String>,
    /// The conditions of the hook's filter that are not met
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unmet: Vec<UnmetCondition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryView>,
    /// What the delivery waits for, in the order in which it meets that
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held_by: Vec<Hold>,
}

impl From<(&Event, &Fanout)> for ExplainedEvent {
    fn from((event, fanout): (&Event, &Fanout)) -> Self {
        Self {
            id: event.id.to_string(),
            event_type: event.event_type.to_string(),
            channels: event.channels.iter().map(ToString::to_string).collect(),
            accepted_at: event.seq.at().to_string(),
            deliver_at: event.deliver_at.map(|at| at.to_string()),
            not_after: event.not_after.map(|at| at.to_string()),
            expunged: event.data.is_none(),
            hooks_chosen: fanout.chosen.len(),
            fan_out_complete: fanout.is_complete,
        }
    }
}

impl HookExplanation {
    fn new(subject: &Subject<'_>, verdict: VerdictCode, sentence: String) -> Self {
        let judged = &subject.judged.hook;
        Self {
            hook_id: judged.id.to_string(),
            hook_name: Some(subject.hook.name.clone()),
            verdict,
            sentence,
            remark: subject.remark(verdict == VerdictCode::Chosen),
            hook_version: Some(judged.version),
            judged_from: Some(subject.judged.from),
            patterns: judged.events.iter().map(ToString::to_string).collect(),
            channels: judged.channels.iter().map(ToString::to_string).collect(),
            unmet: Vec::new(),
            delivery: None,
            held_by: Vec::new(),
        }
    }

    pub(super) fn passed_over(subject: &Subject<'_>) -> Self {
        let passed = subject.passed_over();
        Self { unmet: passed.unmet.to_vec(), ..Self::new(subject, passed.code, passed.sentence) }
    }

    pub(super) fn chosen(subject: &Subject<'_>, row: Option<&Delivery>, held_by: Vec<Hold>) -> Self {
        let delivery = row.map_or_else(|| DeliveryView::pending(subject.event, subject.hook.id), DeliveryView::from);
        let sentence = came_of(row, &held_by);
        Self { delivery: Some(delivery), held_by, ..Self::new(subject, VerdictCode::Chosen, sentence) }
    }

    /// Of a hook that was deleted nothing is kept but that the event went to it.
    pub(super) fn deleted(id: HookId, delivery: DeliveryView) -> Self {
        Self {
            hook_id: id.to_string(),
            hook_name: None,
            verdict: VerdictCode::Chosen,
            sentence: "it went to a hook that was deleted since, and its log with it".to_owned(),
            remark: None,
            hook_version: None,
            judged_from: None,
            patterns: Vec::new(),
            channels: Vec::new(),
            unmet: Vec::new(),
            delivery: Some(delivery),
            held_by: Vec::new(),
        }
    }
}

/// What came of a delivery, in words.
fn came_of(row: Option<&Delivery>, held_by: &[Hold]) -> String {
    let waits = || match held_by {
        [] => "it is on its way".to_owned(),
        holds => holds.iter().map(|hold| hold.sentence.as_str()).collect::<Vec<_>>().join("; "),
    };
    let Some(row) = row else { return format!("it went to this hook and was not sent yet: {}", waits()) };
    let last = row.last_attempt.as_ref().map(ended).unwrap_or_default();
    let attempts = match row.attempt_count {
        1 => "the one attempt".to_owned(),
        count => format!("the last of {count} attempts"),
    };
    match row.status {
        Status::Succeeded => format!("it was delivered: {attempts} {last}"),
        Status::Failed => {
            let why = row.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
            format!("it was sent and failed for good: {attempts} {last}{why}")
        }
        Status::Retrying => format!("it was sent, and {attempts} {last}: {}", waits()),
        Status::Skipped => {
            format!("it went to this hook and was skipped: {}", row.reason.as_deref().unwrap_or("no reason is noted"))
        }
        Status::Waiting => {
            let until = row.waits_until.map(|until| format!(", until {until} at the latest")).unwrap_or_default();
            format!("it came due while the hook was paused and goes out once that is enabled{until}")
        }
        Status::Pending => format!("it went to this hook and was not sent yet: {}", waits()),
        Status::Deleted => "it went to this hook, which was deleted, and its log with it".to_owned(),
        Status::Unknown(word) => format!("it went to this hook; its delivery is {}", word.as_str()),
    }
}

fn ended(attempt: &Attempt) -> String {
    let at = attempt.at;
    match (attempt.status_code, &attempt.error) {
        (Some(code), _) if matches!(attempt.outcome, AttemptOutcome::NotJson | AttemptOutcome::NotVerified) => {
            format!("was answered with {code} at {at} ({})", attempt.outcome.sentence(Some(code)))
        }
        (Some(code), _) => format!("was answered with {code} at {at}"),
        (None, Some(error)) => format!("ended with {} at {at} ({error})", attempt.outcome.as_str()),
        (None, None) => format!("ended with {} at {at}", attempt.outcome.as_str()),
    }
}

/// As many entries as an answer has room for, and the last of them where there
/// are more. One is shown in any case.
pub(super) fn shorten(
    all: Vec<(HookId, ListEntry<HookExplanation>)>,
) -> (Vec<ListEntry<HookExplanation>>, Option<HookId>) {
    let (mut kept, mut bytes, mut last) = (Vec::with_capacity(all.len()), 0, None);
    for (id, entry) in all {
        let size = match &entry {
            ListEntry::Read(HookExplanation { unmet, .. }) if !unmet.is_empty() => {
                serde_json::to_vec(unmet).map_or(0, |json| json.len())
            }
            _ => 0,
        };
        bytes += size;
        if bytes > MAX_UNMET_BYTES && last.is_some() {
            return (kept, last);
        }
        last = Some(id);
        kept.push(entry);
    }
    (kept, None)
}
