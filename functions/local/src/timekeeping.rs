//! What a server does about its machine's clock: it goes on where the last
//! process stopped, notes what time it is, and tells when the clock is set.

use std::time::Duration;

use contract::ports::{Clock as _, StoreResult};
use contract::stage::causes;
use domain::time::Timestamp;
use embedded::{ClockAtStart, DataClock, Store};
use services::runtime::metrics;

use crate::engine::Engine;
use crate::held::HeldBack;

/// Between two looks at the clock, and at what hooks hold back.
const LOOK: Duration = Duration::from_secs(1);
/// The next process does not know what time it was more exactly than this.
const NOTE_EVERY: u32 = 60;
/// When hooks are looked at for what they need: soon after the start, and then every day.
const FIRST_ADVICE: u32 = 600;
const ADVICE_EVERY: u32 = 24 * 3_600;

pub(crate) async fn begin(
    clock: &DataClock,
    store: &Store,
    retention: Duration,
    accepted: Option<Timestamp>,
) -> StoreResult<()> {
    match clock.begin(store, retention, accepted).await? {
        ClockAtStart::Plausible => {}
        ClockAtStart::Back(by) => tracing::warn!(
            by_seconds = by.as_secs(),
            now = %clock.now(),
            "the clock is behind the time at which this data was last written; what waits goes on waiting as long as was meant"
        ),
        ClockAtStart::FarAhead(by) => tracing::warn!(
            days = by.as_secs() / (24 * 3_600),
            now = %clock.now(),
            "the clock is far ahead of the time at which this data was last written, so nothing expires; \
             set the clock, or if it is right, start with --accept-clock and today's date"
        ),
    }
    Ok(())
}

/// Looks after time as long as the engine runs.
pub async fn keep_time(engine: Engine) {
    let mut held = HeldBack::new(&engine);
    for round in 1_u32.. {
        tokio::time::sleep(LOOK).await;
        held.look().await;
        if round % ADVICE_EVERY == FIRST_ADVICE {
            ask_for_advice(&engine).await;
        }
        if note_jump(&engine.clock) || round % NOTE_EVERY == 0 {
            keep(&engine).await;
        }
    }
}

/// Of all tenants. Whoever restarts often asks more often, and nothing is proposed twice.
async fn ask_for_advice(engine: &Engine) {
    if let Err(error) = engine.ask_for_advice().await {
        tracing::warn!(error = %causes(&error), "the daily look at what hooks need was not asked for");
    }
}

/// Notes what time it is, for the next process.
pub async fn keep(engine: &Engine) {
    if let Err(error) = engine.clock.keep(&engine.store).await {
        tracing::warn!(error = %causes(&error), "the time was not noted");
    }
}

fn note_jump(clock: &DataClock) -> bool {
    let Some(millis) = clock.find_jump() else { return false };
    metrics::clock_jumped(millis > 0);
    tracing::warn!(
        by_seconds = millis / 1_000,
        now = %clock.now(),
        "the machine's clock was set; what waits goes on waiting as long as was meant"
    );
    true
}
