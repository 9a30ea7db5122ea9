//! Every version of every row against the rules, and every request against
//! what the log and the hook said at its time.

use std::time::Duration;

use domain::delivery::{Attempt, Delivery, Status};
use domain::hook::Hook;
use domain::ids::DeliveryId;
use services::repositories::cache::FRESH_FOR;

use super::{Judge, Logged, Promise};
use crate::endpoint::{Answer, NUMBER, Request};
use crate::sim::{LAG, Turn, What};

/// The part of a row that the rules decide.
type Decided = (Status, u32);

impl Judge<'_> {
    pub(super) fn delivery(&mut self, id: DeliveryId) {
        let versions = &self.state.log[&id];
        let mut before: Option<&Delivery> = None;
        for version in versions {
            let row = &version.row;
            let count = before.map_or(0, |row| row.attempt_count);
            if before.is_none() && (row.attempt_count, row.status) == (0, Status::Pending) {
                // It waits for its time, or its hook holds it back.
            } else if row.attempt_count == count {
                self.skipped(id, row);
            } else {
                let one_more = row.attempt_count == count + 1;
                self.holds(Promise::Follows, one_more, || format!("{id} counts {count}, then {}", row.attempt_count));
                self.attempt(id, before, row, version.order);
            }
            before = Some(row);
        }
        let status = before.map(|row| row.status);
        let ended = matches!(status, Some(Status::Succeeded | Status::Failed | Status::Skipped));
        // The log of a hook that was deleted goes with it.
        let ended = ended || self.was_deleted(id.hook);
        self.holds(Promise::Ends, ended, || format!("{id} ends as {status:?}"));
        self.verdict.tally.skipped += usize::from(status == Some(Status::Skipped));
    }

    fn skipped(&mut self, id: DeliveryId, row: &Delivery) {
        let state = self.state;
        let mut so_far = state.hooks[&id.hook].iter().filter(|(since, _)| *since <= row.updated_at);
        let not_after = state.events.values().find(|(event, _)| event.seq == id.event).and_then(|(e, _)| e.not_after);
        let justified = row.status == Status::Skipped
            && match row.reason.as_deref() {
                Some("the hook is disabled") => so_far.by_ref().flat_map(|(_, hook)| hook).any(|hook| !hook.enabled),
                Some("the event has expired") => not_after.is_some_and(|end| end <= row.updated_at),
                _ => false,
            };
        self.holds(Promise::Ends, justified, || format!("{id} became {:?} because {:?}", row.status, row.reason));
    }

    fn attempt(&mut self, id: DeliveryId, before: Option<&Delivery>, row: &Delivery, order: u64) {
        let state = self.state;
        let attempt = row.last_attempt.as_ref().expect("what counts an attempt holds it");
        let Some((number, request)) = named_by(attempt).and_then(|n| Some((n, state.requests.get(n)?))) else {
            self.holds(Promise::LogIsTrue, false, || format!("{id} logs an attempt that was never sent"));
            return;
        };
        let What::Deliver(sent_for, turn) = &state.tasks[request.task].what else { unreachable!("only deliver sends") };
        let alike = *sent_for == id
            && request.called_at == attempt.at
            && request.answer.status() == attempt.status_code
            && attempt.number == row.attempt_count
            && !self.logged.contains_key(&number);
        self.holds(Promise::LogIsTrue, alike, || format!("{id} tells otherwise of request {number}: {attempt:?}"));
        self.logged.insert(number, Logged { delivery: id, order });

        let first = state.hooks[&id.hook][0].1.as_ref().expect("a hook begins with being there");
        let in_turn = is_in_turn(before, turn);
        let expected = decide(before, turn, in_turn, first, &request.answer);
        let actual = (row.status, row.due_step);
        self.holds(Promise::Follows, expected == actual, || {
            format!("{id} is {actual:?} after {turn:?} got {:?}, expected {expected:?}", request.answer)
        });
        if in_turn && row.status == Status::Retrying && !matches!(turn, Turn::Manual(_)) {
            self.wait(id, row, first, request);
        } else if row.status == Status::Retrying {
            let kept = row.next_attempt_at == before.and_then(|row| row.next_attempt_at);
            self.holds(Promise::OnSchedule, kept, || format!("{id} was moved by an attempt out of turn"));
        }
    }

    /// The wait until the next attempt.
    fn wait(&mut self, id: DeliveryId, row: &Delivery, hook: &Hook, request: &Request) {
        let retry = hook.settings.retry.as_ref().expect("every hook here has a ladder");
        let asked = match request.answer {
            Answer::RetryAfter(seconds) => Duration::from_secs(seconds),
            _ => Duration::ZERO,
        };
        let delay = retry.delay(row.due_step).unwrap_or_default();
        let (Some(answered), Some(next)) = (request.answered_at, row.next_attempt_at) else {
            self.holds(Promise::OnSchedule, false, || format!("{id} waits for nothing"));
            return;
        };
        let earliest = answered.saturating_add(delay.max(asked));
        // Jitter adds no more than the delay itself.
        let latest = row.updated_at.saturating_add((delay * 2).max(asked));
        let right = (earliest..=latest).contains(&next);
        self.holds(Promise::OnSchedule, right, || format!("{id} is due at {next}, not {earliest} to {latest}"));
    }

    pub(super) fn request(&mut self, number: usize) {
        let state = self.state;
        let request = &state.requests[number];
        let task = &state.tasks[request.task];
        let What::Deliver(id, turn) = &task.what else { unreachable!("only deliver sends") };
        let called = request.called_at;
        self.holds(Promise::OneName, request.name == id.to_string(), || format!("{id} was sent as {}", request.name));
        let unlogged = !self.logged.contains_key(&number);
        self.verdict.tally.unlogged += usize::from(unlogged);
        self.holds(Promise::LogIsComplete, !unlogged || task.died || task.struck, || {
            format!("request {number} for {id} is not in the log")
        });
        let Some((event, _)) = state.events.values().find(|(event, _)| event.seq == id.event) else { return };
        let due = match turn {
            Turn::First => state.accepted.get(&event.id).and_then(|published| published.deliver_at),
            Turn::Manual(_) => None,
            Turn::Retry(step) => {
                let mut rows = state.log[id].iter().map(|version| &version.row);
                let asked = rows.find(|row| row.status == Status::Retrying && row.due_step == *step);
                self.holds(Promise::Follows, asked.is_some(), || format!("nobody asked for retry {step} of {id}"));
                asked.and_then(|row| row.next_attempt_at)
            }
        };
        self.holds(Promise::NotEarly, due.is_none_or(|due| called >= due), || {
            format!("{turn:?} of {id} was sent at {called}, due at {due:?}")
        });
        let expired = event.not_after.is_some_and(|end| called >= end) && !matches!(turn, Turn::Manual(_));
        self.holds(Promise::NotExpired, !expired, || format!("{id} was sent at {called}, too late"));

        let oldest = task.started_at.saturating_sub(FRESH_FOR + LAG);
        let states = &state.hooks[&id.hook];
        let was_on = states.iter().enumerate().any(|(index, (since, hook))| {
            let until = states.get(index + 1).map(|(next, _)| *next);
            hook.as_ref().is_some_and(|hook| hook.enabled)
                && *since <= called
                && until.is_none_or(|until| until >= oldest)
        });
        self.holds(Promise::HookIsOn, was_on, || format!("{id} was sent although its hook was off"));
    }
}

fn named_by(attempt: &Attempt) -> Option<usize> {
    let header = attempt.response_headers.iter().find(|(name, _)| name == NUMBER).map(|(_, value)| value);
    header.or(attempt.error.as_ref())?.parse().ok()
}

fn is_in_turn(before: Option<&Delivery>, turn: &Turn) -> bool {
    match turn {
        Turn::First => before.is_none_or(|row| row.status == Status::Pending),
        Turn::Retry(step) => before.is_some_and(|row| row.status == Status::Retrying && row.due_step == *step),
        Turn::Manual(_) => true,
    }
}

/// The rules once more, from their description and not from their code.
fn decide(before: Option<&Delivery>, turn: &Turn, in_turn: bool, hook: &Hook, answer: &Answer) -> Decided {
    if answer.is_success() {
        return (Status::Succeeded, 0);
    }
    let step = match turn {
        Turn::First => 1,
        Turn::Retry(step) => step + 1,
        Turn::Manual(_) => 0,
    };
    if in_turn && step > 0 {
        let another = hook.settings.retry.as_ref().is_some_and(|retry| retry.delay(step).is_some());
        return if another && *answer != Answer::Status(410) { (Status::Retrying, step) } else { (Status::Failed, 0) };
    }
    match before {
        None => (Status::Failed, 0),
        Some(row) if row.status == Status::Skipped => (Status::Failed, 0),
        Some(row) => (row.status, row.due_step),
    }
}
