//! Holds the model to the real thing: the same calls, drawn at random over few
//! ids, get the same answers of the simulation's stores and queues as of those of
//! one machine. The contract suite holds the latter to what those of AWS promise.
//!
//! What the simulation alone does is switched off or out of the way: faults, reads
//! of hooks that are up to [`LAG`] old, the time that a message takes to show up,
//! and delays that a queue cuts short. Nothing of a run gets as old as rows do, so
//! the model has no expiry, and neither do these calls. There is one tenant.

mod documents;
mod events;
mod hooks;
mod log;
mod queue;

use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use contract::ports::{Clock as _, ManualClock, OsRandom, StoreResult};
use domain::ids::TenantId;
use embedded::{Store, StoreOptions};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use services::Foundation;

use crate::dice::Dice;
use crate::documents::SimDocuments;
use crate::plan::{START, TENANT};
use crate::process::RETENTION;
use crate::sim::{LAG, Sim, State, Task, What};
use crate::stores::Stores;

const CASES: u32 = 64;
/// The most calls of a case; half of that on average.
const CALLS: usize = 80;
/// More than any call of the simulation takes turns.
const MOST_TURNS: usize = 100;

/// The stores of the simulation and those of one machine, with the same time.
struct Pair {
    sim: Arc<Sim>,
    model: Stores,
    documents: SimDocuments,
    store: Store,
    real: Foundation,
    clock: ManualClock,
    runtime: tokio::runtime::Runtime,
    _directory: tempfile::TempDir,
}

impl Pair {
    fn new() -> Self {
        let clock = ManualClock::at(START);
        let mut state = State::new(Dice::new(0));
        state.tasks.push(nobody());
        let sim = Sim::new(clock.clone(), state);
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::default(), Arc::new(clock.clone())).unwrap();
        Self {
            model: Stores(Arc::clone(&sim)),
            documents: SimDocuments(Arc::clone(&sim)),
            real: embedded::foundation(&store, Arc::new(clock.clone()), Arc::new(OsRandom), RETENTION),
            sim,
            store,
            clock,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            _directory: directory,
        }
    }

    fn tenant(&self) -> TenantId {
        TENANT.parse().unwrap()
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.sim.lock().now = self.clock.now();
    }

    /// Whatever was written is old enough to be read everywhere.
    fn settle(&self) {
        self.pass(LAG);
    }

    /// What the real thing answers.
    fn real<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    /// Both answers are the same; returns whether they are good.
    fn agree<T: Debug>(
        &self,
        model: impl Future<Output = StoreResult<T>>,
        real: impl Future<Output = StoreResult<T>>,
    ) -> Result<bool, TestCaseError> {
        let (model, real) = (modelled(model), self.real(real));
        let is_good = real.is_ok();
        prop_assert_eq!(answer(model), answer(real), "what the simulation says, and what the store says");
        Ok(is_good)
    }
}

/// What the simulation answers, when nobody else has a turn.
fn modelled<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    for _ in 0..MOST_TURNS {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
    }
    panic!("a call of the simulation that does not end")
}

/// Errors by their kind alone.
fn answer<T: Debug>(answer: StoreResult<T>) -> Result<String, String> {
    answer.map(|good| format!("{good:#?}")).map_err(|error| error.to_string())
}

/// Whoever makes these calls.
fn nobody() -> Task {
    Task {
        what: What::Unreadable,
        process: None,
        message: 0,
        unwarned: false,
        started: 0,
        started_at: START,
        read: None,
        ended: None,
        died: false,
        struck: false,
    }
}

/// Makes the calls of each case in turn. `HOOKLINE_MODEL_CASES` says how many cases there are.
fn hold_to<C: Debug, S>(
    call: impl Strategy<Value = C>,
    mut begin: impl FnMut(&Pair) -> S,
    make: impl Fn(&Pair, &mut S, &C) -> Result<(), TestCaseError>,
    end: impl Fn(&Pair, S) -> Result<(), TestCaseError>,
) {
    let mut runner = tests::property_runner(CASES, "HOOKLINE_MODEL_CASES");
    let begin = std::cell::RefCell::new(&mut begin);
    let case = |calls: Vec<C>| {
        let pair = Pair::new();
        let mut state = (begin.borrow_mut())(&pair);
        for call in &calls {
            make(&pair, &mut state, call)?;
        }
        end(&pair, state)
    };
    if let Err(failure) = runner.run(&prop::collection::vec(call, 1..=CALLS), case) {
        panic!("{failure}");
    }
}
