use std::time::Duration;

use contract::ports::{DeliveryLog, Expected};
use domain::delivery::{Attempt, AttemptOutcome, Delivery, Status, Trigger};
use domain::ids::{DeliveryId, EventSeq, HookId};
use domain::time::Timestamp;
use domain::unknown::Unknown;
use proptest::prelude::*;

use super::{Pair, hold_to};
use crate::plan::{START, TENANT};
use crate::process::RETENTION;

#[derive(Clone, Debug)]
enum Call {
    /// Follows what was read so many versions ago, and believes that it is stored.
    Write {
        delivery: usize,
        ago: usize,
        change: Change,
    },
    /// Follows what is stored, and believes something else.
    Guess {
        delivery: usize,
        expected: Expected,
        change: Change,
    },
    Get(usize),
    /// Of the row as it was read so many versions ago.
    Attempts {
        delivery: usize,
        ago: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Attempt(AttemptOutcome),
    Exhaust(AttemptOutcome),
    Skip,
    Wait,
}

const DELIVERIES: usize = 3;

fn calls() -> impl Strategy<Value = Call> {
    let ago = || prop_oneof![4 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    let change = || {
        prop_oneof![
            3 => prop::sample::select(vec![AttemptOutcome::Success, AttemptOutcome::Status, AttemptOutcome::Timeout]).prop_map(Change::Attempt),
            1 => Just(Change::Exhaust(AttemptOutcome::Gone)),
            1 => Just(Change::Skip),
            1 => Just(Change::Wait),
        ]
    };
    let expected = prop_oneof![
        Just(Expected::Absent),
        (0..4_u32).prop_map(Expected::Attempts),
        (0..4_u32).prop_map(Expected::Skipped),
        (0..4_u32).prop_map(Expected::Waiting),
    ];
    prop_oneof![
        4 => (0..DELIVERIES, ago(), change()).prop_map(|(delivery, ago, change)| Call::Write { delivery, ago, change }),
        2 => (0..DELIVERIES, expected, change())
            .prop_map(|(delivery, expected, change)| Call::Guess { delivery, expected, change }),
        1 => (0..DELIVERIES).prop_map(Call::Get),
        2 => (0..DELIVERIES, ago()).prop_map(|(delivery, ago)| Call::Attempts { delivery, ago }),
    ]
}

/// Before anything was logged for it.
fn unlogged(number: usize) -> Delivery {
    let number = number as u128;
    let id = DeliveryId { event: EventSeq(number.into()), hook: HookId((number % 2).into()) };
    let event = format!("event-{number}").parse().unwrap();
    Delivery::new(TENANT.parse().unwrap(), id, event, "order.paid".parse().unwrap(), START, RETENTION)
}

fn changed(row: &Delivery, change: Change) -> Delivery {
    let at = row.updated_at.saturating_add(Duration::from_secs(1));
    let row = Delivery { updated_at: at, reason: None, ..row.clone() };
    match change {
        Change::Attempt(outcome) => attempted(row, outcome, at),
        Change::Exhaust(outcome) => Delivery { status: Status::Failed, due_step: 0, ..attempted(row, outcome, at) },
        Change::Wait => {
            let mut row = row;
            row.keep_waiting(at.saturating_add(RETENTION), at);
            row
        }
        Change::Skip => Delivery { status: Status::Skipped, reason: Some("the hook is disabled".to_owned()), ..row },
    }
}

fn attempted(row: Delivery, outcome: AttemptOutcome, at: Timestamp) -> Delivery {
    let number = row.attempt_count + 1;
    let succeeded = outcome == AttemptOutcome::Success;
    let attempt = Attempt {
        number,
        at,
        duration_ms: 12,
        rest_us: 0,
        status_code: succeeded.then_some(204),
        outcome,
        error: (!succeeded).then(|| format!("no answer at {at}")),
        remark: None,
        response_body: None,
        response_is_base64: false,
        response_headers: Vec::new(),
        revision: None,
        batch: Vec::new(),
        with_key: false,
        trigger: if number == 1 { Trigger::First } else { Trigger::Manual },
        unknown: Unknown::NONE,
    };
    Delivery {
        status: if succeeded { Status::Succeeded } else { Status::Retrying },
        attempt_count: number,
        due_step: if succeeded { 0 } else { number },
        last_attempt: Some(attempt),
        ..row
    }
}

/// All that was ever stored of each delivery, the last being what is.
type Histories = [Vec<Delivery>; DELIVERIES];

fn read_ago(histories: &Histories, delivery: usize, ago: usize) -> Option<&Delivery> {
    let history = &histories[delivery];
    history.len().checked_sub(ago + 1).map(|index| &history[index])
}

fn write(
    pair: &Pair,
    histories: &mut Histories,
    delivery: usize,
    (row, expected): (Delivery, Expected),
) -> Result<(), TestCaseError> {
    if pair.agree(DeliveryLog::record(&pair.model, &row, expected), pair.real.log.record(&row, expected))? {
        histories[delivery].push(row);
    }
    Ok(())
}

#[test]
fn the_log_is_written_and_read_as_in_the_real_store() {
    let make = |pair: &Pair, histories: &mut Histories, call: &Call| match *call {
        Call::Write { delivery, ago, change } => {
            let read = read_ago(histories, delivery, ago);
            let row = changed(read.unwrap_or(&unlogged(delivery)), change);
            let expected = Expected::of(read);
            write(pair, histories, delivery, (row, expected))
        }
        Call::Guess { delivery, expected, change } => {
            let row = changed(read_ago(histories, delivery, 0).unwrap_or(&unlogged(delivery)), change);
            write(pair, histories, delivery, (row, expected))
        }
        Call::Get(delivery) => {
            let (tenant, id) = (pair.tenant(), unlogged(delivery).id);
            pair.agree(DeliveryLog::get(&pair.model, &tenant, id), pair.real.log.get(&tenant, id)).map(drop)
        }
        Call::Attempts { delivery, ago } => {
            let row = read_ago(histories, delivery, ago).cloned().unwrap_or_else(|| unlogged(delivery));
            pair.agree(pair.model.attempts(&row), pair.real.log.attempts(&row)).map(drop)
        }
    };
    hold_to(calls(), |_| Histories::default(), make, |_, _| Ok(()));
}
