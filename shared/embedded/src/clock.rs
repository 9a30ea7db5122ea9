//! The time as a data directory knows it.
//!
//! A row of the store, written once a minute and whenever the clock was set,
//! tells the next process what time it was. With it
//! - the steady time goes on where it stopped, so that what waits in the queues
//!   waits as long as was meant, also when the clock was set meanwhile;
//! - a start that finds the clock far ahead is told from one after a short stop.
//!   Then nothing expires, until somebody says that the clock is right: the rows
//!   are worth more than the room they take.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::codec;
use super::store::{Store, Table};
use contract::ports::{Clock, ClockReading, StoreResult};
use domain::time::Timestamp;

/// Nobody lists it.
const ROW: &[u8] = b"?clock";
/// A clock that is put right gradually is never off by more than this at once.
const TOLERATED_MILLIS: i64 = 1_000;
/// The longest that a server stood still, as far as can be believed without
/// being told. Longer than an outage over a weekend or a holiday's bridge, and
/// far shorter than rows are kept by default.
const LONGEST_STOP: Duration = Duration::from_secs(7 * DAY);
/// Where little is kept, half of that must not go by mistake either.
const SHORTEST_STOP: Duration = Duration::from_secs(DAY);
const DAY: u64 = 24 * 3_600;

/// The longest stop that is believed of a server that keeps rows for so long.
fn believed_stop(retention: Duration) -> Duration {
    (retention / 2).clamp(SHORTEST_STOP, LONGEST_STOP)
}

/// What time it was.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Mark {
    /// By the machine's clock.
    now: Timestamp,
    /// By the time that nobody can set.
    steady: Timestamp,
    /// Until when rows had expired.
    expiry: Timestamp,
}

/// What a start found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockAtStart {
    /// The clock shows a time that can be.
    Plausible,
    /// It shows a time that was past already, by so much.
    Back(Duration),
    /// It is so much later than when the last process wrote.
    FarAhead(Duration),
}

/// How the clock stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    pub at_start: ClockAtStart,
    /// By how many milliseconds it was set ahead since, or set back.
    pub jumped_millis: i64,
    /// Rows expire up to then, which is earlier than the clock says.
    pub expiry_held_at: Option<Timestamp>,
}

/// The machine's clock over a data directory. Until it has read what the last
/// process left, nothing has expired.
pub struct DataClock {
    machine: Arc<dyn Clock>,
    has_begun: AtomicBool,
    /// What is to be added to the machine's steady time, in milliseconds.
    steady_offset: AtomicI64,
    expiry_offset: AtomicI64,
    start: Mutex<(ClockAtStart, ClockReading)>,
    /// The last reading that was looked at for a jump.
    last: Mutex<ClockReading>,
}

impl DataClock {
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        let now = machine.read();
        Self {
            machine,
            has_begun: AtomicBool::new(false),
            steady_offset: AtomicI64::new(0),
            expiry_offset: AtomicI64::new(0),
            start: Mutex::new((ClockAtStart::Plausible, now)),
            last: Mutex::new(now),
        }
    }

    /// Goes on where the last process stopped. `accepted` is a time that the clock
    /// may show although it is far ahead.
    pub async fn begin(
        &self,
        store: &Store,
        retention: Duration,
        accepted: Option<Timestamp>,
    ) -> StoreResult<ClockAtStart> {
        let now = self.machine.read();
        let mark = store.get(Table::Messages, ROW)?.map(|value| codec::decode::<Mark>(&value)).transpose()?;
        let (at_start, steady, expiry) = match mark {
            None => (ClockAtStart::Plausible, now.now, now.now),
            Some(mark) => {
                let stopped = now.now.since(mark.now);
                let is_ahead = now.now.since(mark.expiry) > believed_stop(retention);
                let is_accepted = accepted.is_some_and(|until| now.now <= until);
                if now.now.shifted(TOLERATED_MILLIS) < mark.now {
                    (ClockAtStart::Back(mark.now.since(now.now)), mark.steady, mark.expiry)
                } else if is_ahead && !is_accepted {
                    // Nobody knows how long it stood still: what waits, waits on.
                    (ClockAtStart::FarAhead(now.now.since(mark.expiry)), mark.steady, mark.expiry)
                } else {
                    (ClockAtStart::Plausible, mark.steady.saturating_add(stopped), now.now)
                }
            }
        };
        let from_machine = |at: Timestamp| at.as_millis() - now.steady.as_millis();
        self.steady_offset.store(from_machine(steady), Ordering::SeqCst);
        self.expiry_offset.store(from_machine(expiry), Ordering::SeqCst);
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = (at_start, now);
        self.has_begun.store(true, Ordering::SeqCst);
        self.keep(store).await?;
        Ok(at_start)
    }

    /// Writes down what time it is.
    pub async fn keep(&self, store: &Store) -> StoreResult<()> {
        let ClockReading { now, steady } = self.read();
        let mark = Mark { now, steady, expiry: self.expiry() };
        store
            .write_in_order(move |tx| {
                tx.put(Table::Messages, ROW, codec::encode(&mark));
                Ok(())
            })
            .await
    }

    /// By how many milliseconds the clock was set since this was last asked.
    pub fn find_jump(&self) -> Option<i64> {
        let now = self.machine.read();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let jump = now.jump_since(*last);
        *last = now;
        (jump.abs() > TOLERATED_MILLIS).then_some(jump)
    }

    pub fn state(&self) -> ClockState {
        let (at_start, start) = *self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.machine.read();
        let jumped = now.jump_since(start);
        let (expiry, held) = (self.expiry(), TOLERATED_MILLIS.unsigned_abs());
        ClockState {
            at_start,
            jumped_millis: if jumped.abs() > TOLERATED_MILLIS { jumped } else { 0 },
            expiry_held_at: (now.now.since(expiry) > Duration::from_millis(held)).then_some(expiry),
        }
    }

    fn after_start(&self, offset: &AtomicI64) -> Timestamp {
        self.machine.steady().shifted(offset.load(Ordering::Relaxed))
    }
}

impl Clock for DataClock {
    fn now(&self) -> Timestamp {
        self.machine.now()
    }

    fn steady(&self) -> Timestamp {
        self.after_start(&self.steady_offset)
    }

    fn expiry(&self) -> Timestamp {
        match self.has_begun.load(Ordering::Relaxed) {
            true => self.now().min(self.after_start(&self.expiry_offset)),
            false => Timestamp::default(),
        }
    }
}
