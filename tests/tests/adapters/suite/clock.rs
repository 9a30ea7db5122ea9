//! What time it is, by every clock there is.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, ManualClock, SystemClock};
use embedded::DataClock;

use super::{START, on_disk};

const HOUR: i64 = 3_600_000;

/// A clock, and what moves it.
pub(crate) struct Watched {
    clock: Arc<dyn Clock>,
    hands: Hands,
    _keep: Box<dyn Any + Send + Sync>,
}

enum Hands {
    Manual(ManualClock),
    /// Nobody sets the clock of the machine that runs a test.
    Real,
}

pub(crate) async fn manual() -> Option<Watched> {
    let clock = ManualClock::at(START);
    Some(Watched { clock: Arc::new(clock.clone()), hands: Hands::Manual(clock), _keep: Box::new(()) })
}

pub(crate) async fn of_the_machine() -> Option<Watched> {
    Some(Watched { clock: Arc::new(SystemClock), hands: Hands::Real, _keep: Box::new(()) })
}

pub(crate) async fn of_a_data_directory() -> Option<Watched> {
    let (store, manual, directory) = on_disk::open();
    let clock = DataClock::new(Arc::new(manual.clone()));
    clock.begin(&store, Duration::from_secs(30 * 24 * 3_600), None).await.unwrap();
    Some(Watched { clock: Arc::new(clock), hands: Hands::Manual(manual), _keep: Box::new((store, directory)) })
}

impl Watched {
    async fn let_pass(&self) -> Duration {
        let time = Duration::from_millis(30);
        match &self.hands {
            Hands::Manual(clock) => clock.advance(time),
            Hands::Real => tokio::time::sleep(time).await,
        }
        time
    }

    /// None where the clock cannot be set.
    fn set(&self, millis: i64) -> Option<()> {
        let Hands::Manual(clock) = &self.hands else { return None };
        clock.jump(millis);
        Some(())
    }
}

pub(crate) async fn both_times_run_with_the_time_that_passes(watched: &Watched) {
    let before = watched.clock.read();
    let passed = watched.let_pass().await;
    let after = watched.clock.read();
    // A millisecond is the unit: two readings may cut it differently.
    let least = passed.saturating_sub(Duration::from_millis(1));
    assert!(after.steady.since(before.steady) >= least, "{before:?} {after:?}");
    assert!(after.age_of(before) >= least, "{before:?} {after:?}");
    if let Hands::Manual(_) = watched.hands {
        assert_eq!((after.now.since(before.now), after.steady.since(before.steady)), (passed, passed));
    }
}

pub(crate) async fn the_steady_time_never_goes_back(watched: &Watched) {
    let mut times = Vec::new();
    for turn in 0..1_000 {
        if turn % 100 == 0 {
            watched.set(if turn % 200 == 0 { -HOUR } else { HOUR / 2 });
        }
        times.push(watched.clock.steady());
    }
    assert!(times.is_sorted());
}

pub(crate) async fn setting_the_clock_moves_the_time_of_day_alone(watched: &Watched) {
    for jump in [HOUR, -2 * HOUR, 400 * 24 * HOUR] {
        let before = watched.clock.read();
        let Some(()) = watched.set(jump) else { return };
        let after = watched.clock.read();
        assert_eq!((after.steady, after.jump_since(before)), (before.steady, jump));
    }
}

pub(crate) async fn nothing_expires_ahead_of_the_time_of_day(watched: &Watched) {
    for jump in [0, HOUR, -2 * HOUR, 400 * 24 * HOUR] {
        watched.set(jump);
        let expiry = watched.clock.expiry();
        assert!(expiry <= watched.clock.now(), "{jump}");
        watched.let_pass().await;
        assert!(watched.clock.expiry() >= expiry, "{jump}: what has expired stays so while time passes");
    }
}
