//! What is counted, under the same names on one machine (Prometheus) and on
//! AWS (CloudWatch, embedded metric format). Without a recorder, counting costs
//! next to nothing. No label names a tenant or a hook: their number has no
//! bound, and CloudWatch charges for each.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};

pub use contract::runner::{FAULT_CAUSES, FAULTS};
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::time::Timestamp;

/// Through the API.
pub const EVENTS_ACCEPTED: &str = "hookline_events_accepted";
/// Through the API or the queue, by result: `new`, `again` where a crash was
/// made good, or `duplicate`.
pub const EVENTS_FANNED_OUT: &str = "hookline_events_fanned_out";
/// By outcome.
pub const ATTEMPTS: &str = "hookline_attempts";
pub const ATTEMPT_DURATION: &str = "hookline_attempt_duration_seconds";
/// Deliveries that came to their end, by status.
pub const DELIVERIES_SETTLED: &str = "hookline_deliveries_settled";
pub const RETRIES_SCHEDULED: &str = "hookline_retries_scheduled";
/// From the time at which an event might go out to the first attempt for it: its
/// publication, or the time that was asked for or that its hook made it wait for.
pub const FIRST_ATTEMPT_DELAY: &str = "hookline_first_attempt_delay_seconds";
/// By the state they went to: `open`, from either of the others; `half_open`,
/// with each request that tries; `closed`.
pub const CIRCUIT_TRANSITIONS: &str = "hookline_circuit_transitions";
/// How many are open; only on one machine, where one process sees them all.
pub const CIRCUITS_OPEN: &str = "hookline_circuits_open";
/// Messages of a queue, by queue and state; only on one machine, SQS counts its own.
pub const QUEUE_MESSAGES: &str = "hookline_queue_messages";
/// How long the oldest message that could be taken has been waiting, by queue.
pub const QUEUE_AGE: &str = "hookline_queue_oldest_age_seconds";
/// How often the machine's clock was set while this process ran, by direction:
/// `ahead` or `back`; only on one machine.
pub const CLOCK_JUMPS: &str = "hookline_clock_jumps";
/// Dead letters, by queue; only on one machine.
pub const DEAD_LETTERS: &str = "hookline_dead_letters";

/// Tells the recorder what the names mean.
pub fn describe() {
    describe_counter!(EVENTS_ACCEPTED, Unit::Count, "Events accepted through the API");
    describe_counter!(EVENTS_FANNED_OUT, Unit::Count, "Events handled by fan-out, by result");
    describe_counter!(
        CIRCUIT_TRANSITIONS,
        Unit::Count,
        "Circuit breakers of hooks that changed their state, by the new one"
    );
    describe_gauge!(CIRCUITS_OPEN, Unit::Count, "Hooks to which nothing is sent until a request that tries succeeds");
    describe_counter!(FAULTS, Unit::Count, "Messages that come again because something of ours failed, by cause");
    describe_counter!(ATTEMPTS, Unit::Count, "Requests to endpoints, by outcome");
    describe_histogram!(ATTEMPT_DURATION, Unit::Seconds, "How long requests to endpoints took");
    describe_counter!(DELIVERIES_SETTLED, Unit::Count, "Deliveries that ended, by status");
    describe_counter!(RETRIES_SCHEDULED, Unit::Count, "Attempts that failed and will be repeated");
    describe_histogram!(FIRST_ATTEMPT_DELAY, Unit::Seconds, "From when an event might go out to its first attempt");
    describe_gauge!(QUEUE_MESSAGES, Unit::Count, "Messages in a queue, by queue and state");
    describe_gauge!(DEAD_LETTERS, Unit::Count, "Dead letters: messages that could not be processed, by queue");
    describe_counter!(CLOCK_JUMPS, Unit::Count, "How often the machine's clock was set, by direction");
    describe_gauge!(QUEUE_AGE, Unit::Seconds, "How long a queue's oldest message could have been taken");
}

/// What a delivery that succeeds at once counts. Looking these up each time took
/// a thirtieth of all that is done for it.
struct Usual {
    accepted: Counter,
    fanned_out: Counter,
    attempt: Counter,
    attempt_duration: Histogram,
    first_attempt_delay: Histogram,
    settled: Counter,
}

static USUAL: OnceLock<Usual> = OnceLock::new();

/// Looks them up once for all. To be called when the process has its recorder,
/// and only with one that counts what was looked up long ago.
pub fn look_up_usual() {
    USUAL.get_or_init(|| Usual {
        accepted: counter!(EVENTS_ACCEPTED),
        fanned_out: counter!(EVENTS_FANNED_OUT, "result" => "new"),
        attempt: counter!(ATTEMPTS, "outcome" => AttemptOutcome::Success.as_str()),
        attempt_duration: histogram!(ATTEMPT_DURATION),
        first_attempt_delay: histogram!(FIRST_ATTEMPT_DELAY),
        settled: counter!(DELIVERIES_SETTLED, "status" => Status::Succeeded.as_str()),
    });
}

/// The ways in which deliveries end.
const ENDS: [Status; 3] = [Status::Succeeded, Status::Failed, Status::Skipped];

/// Every series that can be counted is there, with zero: a rate over one that appears with its
/// first event misses this event, and an alert on one that is not there never fires.
pub fn begin_with_zero() {
    let counters = [EVENTS_ACCEPTED, RETRIES_SCHEDULED].map(|name| counter!(name));
    let fanned_out = ["new", "again", "duplicate"].map(|result| counter!(EVENTS_FANNED_OUT, "result" => result));
    let attempts = AttemptOutcome::ALL.iter().map(|outcome| counter!(ATTEMPTS, "outcome" => outcome.as_str()));
    let settled = ENDS.map(|status| counter!(DELIVERIES_SETTLED, "status" => status.as_str()));
    let circuits = ["open", "half_open", "closed"].map(|to| counter!(CIRCUIT_TRANSITIONS, "to" => to));
    let faults = FAULT_CAUSES.map(|cause| counter!(FAULTS, "cause" => cause));
    let jumps = ["ahead", "back"].map(|direction| counter!(CLOCK_JUMPS, "direction" => direction));
    let all = counters.into_iter().chain(fanned_out).chain(attempts).chain(settled);
    all.chain(circuits).chain(faults).chain(jumps).for_each(|counter| counter.increment(0));
}

fn usual<T: Clone>(known: impl FnOnce(&Usual) -> &T, look_up: impl FnOnce() -> T) -> T {
    USUAL.get().map_or_else(look_up, |usual| known(usual).clone())
}

pub fn accepted(events: usize) {
    usual(|usual| &usual.accepted, || counter!(EVENTS_ACCEPTED)).increment(u64::try_from(events).unwrap_or(u64::MAX));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanoutResult {
    New,
    Again,
    Duplicate,
}

pub fn fanned_out(result: FanoutResult) {
    let of = |result| counter!(EVENTS_FANNED_OUT, "result" => result);
    let counter = match result {
        FanoutResult::New => usual(|usual| &usual.fanned_out, || of("new")),
        FanoutResult::Again => of("again"),
        FanoutResult::Duplicate => of("duplicate"),
    };
    counter.increment(1);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    Open,
    HalfOpen,
    Closed,
}

pub fn circuit(to: CircuitState) {
    let to = match to {
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half_open",
        CircuitState::Closed => "closed",
    };
    counter!(CIRCUIT_TRANSITIONS, "to" => to).increment(1);
}

/// The last attempt of a delivery was logged, and this is where it stands. It
/// might have been made since `due`.
pub fn attempted(delivery: &Delivery, attempt: &Attempt, due: Timestamp) {
    let of = |outcome: AttemptOutcome| counter!(ATTEMPTS, "outcome" => outcome.as_str());
    let counter = match attempt.outcome {
        AttemptOutcome::Success => usual(|usual| &usual.attempt, || of(AttemptOutcome::Success)),
        other => of(other),
    };
    counter.increment(1);
    usual(|usual| &usual.attempt_duration, || histogram!(ATTEMPT_DURATION))
        .record(f64::from(attempt.duration_ms) / 1_000.0);
    match delivery.status {
        Status::Retrying => counter!(RETRIES_SCHEDULED).increment(1),
        settled => self::settled(settled),
    }
    if attempt.trigger == Trigger::First {
        first_attempt(attempt.at.since(due));
    }
}

pub fn settled(status: Status) {
    let of = |status: Status| counter!(DELIVERIES_SETTLED, "status" => status.as_str());
    let counter = match status {
        Status::Succeeded => usual(|usual| &usual.settled, || of(Status::Succeeded)),
        other => of(other),
    };
    counter.increment(1);
}

fn first_attempt(delay: Duration) {
    usual(|usual| &usual.first_attempt_delay, || histogram!(FIRST_ATTEMPT_DELAY)).record(delay.as_secs_f64());
}

/// How things stand with a queue.
pub fn queue(name: &'static str, waiting: usize, leased: usize, oldest: Option<Timestamp>, now: Timestamp) {
    metrics::gauge!(QUEUE_MESSAGES, "queue" => name, "state" => "waiting").set(waiting as f64);
    metrics::gauge!(QUEUE_MESSAGES, "queue" => name, "state" => "leased").set(leased as f64);
    let age = oldest.map(|since| now.since(since)).unwrap_or_default();
    metrics::gauge!(QUEUE_AGE, "queue" => name).set(age.as_secs_f64());
}

pub fn clock_jumped(ahead: bool) {
    counter!(CLOCK_JUMPS, "direction" => if ahead { "ahead" } else { "back" }).increment(1);
}

pub fn circuits_open(count: usize) {
    metrics::gauge!(CIRCUITS_OPEN).set(count as f64);
}

pub fn dead_letters(queue: &'static str, count: u64) {
    metrics::gauge!(DEAD_LETTERS, "queue" => queue).set(count as f64);
}
