use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock as _, Outgoing, QueueReceiver as _, QueueSender as _, Received};
use contract::runner::Settlement;
use domain::time::Timestamp;
use embedded::{DeadLetters, EmbeddedQueue, QueueOptions};
use proptest::prelude::*;

use super::{Pair, hold_to, modelled};
use crate::plan::START;
use crate::process::RETENTION;
use crate::queue::{LEASE, Name, SimQueue};
use crate::settle::Place;

/// Whatever was sent or is due within a round has shown up at its end, although the
/// simulation takes up to two seconds for that.
const ROUND: Duration = Duration::from_secs(10);
/// From a round's start until the messages that are due in it are.
const DUE: Duration = Duration::from_secs(5);
const QUEUE: Name = Name::Deliveries;

#[derive(Clone, Debug)]
enum Call {
    /// To be due in so many rounds; at once when absent.
    Send(Vec<Option<u32>>),
    Receive,
    /// The message that was taken with this number, counted round and round.
    Settle(usize, How),
    Wait(u32),
}

#[derive(Clone, Copy, Debug)]
enum How {
    Done,
    /// For so many rounds.
    Wait(u32),
    Reject,
}

fn calls() -> impl Strategy<Value = Call> {
    // Below the 15 minutes that SQS delays a message for.
    let due = || prop_oneof![Just(None), (0..85_u32).prop_map(Some)];
    let how = prop_oneof![Just(How::Done), (0..200_u32).prop_map(How::Wait), Just(How::Reject)];
    prop_oneof![
        2 => prop::collection::vec(due(), 1..4).prop_map(Call::Send),
        4 => Just(Call::Receive),
        4 => (any::<usize>(), how).prop_map(|(message, how)| Call::Settle(message, how)),
        1 => (1..40_u32).prop_map(Call::Wait),
    ]
}

struct Queues {
    real: EmbeddedQueue,
    sent: usize,
    /// By body, what was taken and is not settled.
    taken: BTreeMap<String, (Place, Received, Received)>,
}

fn begin(pair: &Pair) -> Queues {
    let most = usize::MAX;
    let options = QueueOptions {
        lease: LEASE,
        max_messages: 1_000,
        max_leased_per_group: most,
        max_leased_to_others: most,
        max_leased_to_busy: most,
    };
    let real = pair.real(EmbeddedQueue::open(pair.store.clone(), "deliveries", options)).unwrap();
    Queues { real, sent: 0, taken: BTreeMap::new() }
}

/// In so many rounds from the one that runs.
fn due(pair: &Pair, rounds: u32) -> Timestamp {
    let passed = pair.clock.now().since(START).as_secs() / ROUND.as_secs();
    START.saturating_add(ROUND * u32::try_from(passed).unwrap() + ROUND * rounds + DUE)
}

fn body(message: &Received) -> String {
    String::from_utf8(message.body.to_vec()).unwrap()
}

fn receive(pair: &Pair, queues: &mut Queues) -> Result<(), TestCaseError> {
    pair.pass(ROUND);
    let now = pair.clock.now();
    let mut model = BTreeMap::new();
    {
        let mut state = pair.sim.lock();
        for index in 0..state.queues[QUEUE as usize].messages.len() {
            if state.queues[QUEUE as usize].messages[index].visible_at <= now {
                let (task, message) = state.hand_out(QUEUE, index, (0, 0), now);
                let (sim, number) = (Arc::clone(&pair.sim), state.tasks[task].message);
                let place = Place { sim, queue: QUEUE, number, task, schedules: false };
                model.insert(body(&message), (place, message));
            }
        }
    }
    let real = pair.real(queues.real.receive(1_000)).unwrap();
    let counts = |message: &Received| (body(message), message.receive_count);
    let mut counted: Vec<_> = real.iter().map(counts).collect();
    counted.sort();
    prop_assert_eq!(model.values().map(|(_, message)| counts(message)).collect::<Vec<_>>(), counted);
    for message in real {
        let body = body(&message);
        let (place, modelled) = model.remove(&body).unwrap();
        if let Some((_, former, _)) = queues.taken.insert(body, (place, modelled, message.clone())) {
            prop_assert_eq!(&former.id, &queues.taken[&super::queue::body(&message)].1.id, "the same each time");
        }
    }
    Ok(())
}

fn make(pair: &Pair, queues: &mut Queues, call: &Call) -> Result<(), TestCaseError> {
    match call {
        Call::Send(dues) => {
            let messages = dues.iter().map(|rounds| {
                queues.sent += 1;
                let body = format!("message {:03}", queues.sent).into();
                Outgoing { body, group: "g".into(), due: rounds.map(|rounds| due(pair, rounds)), content: None }
            });
            let messages: Vec<_> = messages.collect();
            let model = modelled(SimQueue { sim: Arc::clone(&pair.sim), name: QUEUE }.send(&messages));
            let real = pair.real(queues.real.send(&messages));
            prop_assert!(model.iter().chain(&real).all(Result::is_ok) && model.len() == real.len());
        }
        Call::Receive => receive(pair, queues)?,
        Call::Settle(which, how) => {
            let Some(body) = queues.taken.keys().nth(which % queues.taken.len().max(1)).cloned() else { return Ok(()) };
            // Whoever settles a message that was handed out again since may or may not be heard.
            let (place, model, real) = queues.taken.remove(&body).unwrap();
            match *how {
                How::Done => {
                    modelled(place.done(&model)).unwrap();
                    pair.real(queues.real.done(&real)).unwrap();
                }
                How::Wait(rounds) => {
                    let until = due(pair, rounds);
                    let one = modelled(place.wait(&model, until)).unwrap();
                    prop_assert_eq!(one, pair.real(queues.real.wait(&real, until)).unwrap());
                }
                How::Reject => {
                    modelled(place.reject(&model, &body)).unwrap();
                    pair.real(Settlement::reject(&queues.real, &real, &body)).unwrap();
                }
            }
        }
        Call::Wait(rounds) => pair.pass(ROUND * *rounds),
    }
    Ok(())
}

#[test]
fn messages_are_handed_out_and_settled_as_by_the_real_queue() {
    let end = |pair: &Pair, _| {
        let letters = DeadLetters::new(pair.store.clone(), Vec::new(), RETENTION).list(1_000, None).unwrap().items;
        let mut real: Vec<_> = letters.into_iter().map(|letter| letter.unwrap().reason).collect();
        let mut model = pair.sim.lock().dead_letters.clone();
        real.sort();
        model.sort();
        prop_assert_eq!(model, real);
        Ok(())
    };
    hold_to(calls(), begin, make, end);
}
