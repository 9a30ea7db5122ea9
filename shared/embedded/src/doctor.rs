use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::clock::{ClockAtStart, ClockState, DataClock};
use super::key_check::check_cipher;
use super::queue::{DeadLetters, EmbeddedQueue};
use super::store::{Store, Table};
use contract::ports::{Check, Doctor, Readiness as _};
use contract::stage::causes;
use services::delivery::request::LONGEST_ATTEMPT;

/// The journal takes up to 64 MiB, and a compaction writes anew what it merges.
const LITTLE_SPACE: u64 = 1024 * 1024 * 1024;
const NO_SPACE: u64 = 128 * 1024 * 1024;
/// A message that could have been taken for so long is not taken for some reason.
const LONG_WAIT: Duration = Duration::from_secs(300);
/// A row nobody reads, which is not there after an examination.
const PROBE: &[u8] = b"?doctor";

/// Examines a data directory and what runs over it.
#[derive(Clone)]
pub struct EmbeddedDoctor {
    directory: PathBuf,
    store: Store,
    queues: Vec<EmbeddedQueue>,
    dead_letters: DeadLetters,
    clock: Arc<DataClock>,
}

impl EmbeddedDoctor {
    pub fn new(
        directory: impl Into<PathBuf>,
        store: Store,
        queues: Vec<EmbeddedQueue>,
        dead_letters: DeadLetters,
        clock: Arc<DataClock>,
    ) -> Self {
        Self { directory: directory.into(), store, queues, dead_letters, clock }
    }

    async fn store(&self) -> Check {
        let written = self.store.write(|tx| {
            tx.put(Table::Messages, PROBE, PROBE);
            Ok(())
        });
        let deleted = async {
            written.await?;
            let delete = |tx: &mut super::store::Transaction<'_, '_>| {
                tx.delete(Table::Messages, PROBE);
                Ok(())
            };
            self.store.write(delete).await
        };
        let damages = self.store.damages();
        if let Some(damage) = damages.first() {
            let fix = "put the data directory back from a backup, or see what `hookline repair` could save; the next \
                       start will refuse";
            return Check::failed("store", format!("{damage} ({} damaged files)", damages.len()), fix);
        }
        match (deleted.await, self.store.check()) {
            (Ok(()), Ok(())) => Check::ok("store", "takes durable writes"),
            (Ok(()), Err(reason)) => Check::failed("store", reason, "see the other checks, and the log"),
            (Err(error), _) => Check::failed(
                "store",
                causes(&error),
                "nothing is accepted until the disk is well; the log says what is wrong with it",
            ),
        }
    }

    async fn secrets(&self) -> Check {
        match check_cipher(&self.store, &self.directory).await {
            Ok(()) => Check::ok("secrets", "the file of keys opens what was sealed with it"),
            Err(error) => Check::failed(
                "secrets",
                causes(&error),
                "put the file `keys` of the data directory back from your backup; without it the next start fails, \
                 and the secrets of hooks are lost",
            ),
        }
    }

    fn queue(&self, queue: &EmbeddedQueue) -> Check {
        let name = format!("queue.{}", queue.name());
        let (stats, max) = (queue.stats(), queue.options().max_from_outside());
        let age = queue.oldest().map(|since| self.store.clock().steady().since(since)).unwrap_or_default();
        let held = stats.waiting + stats.leased;
        let detail = format!(
            "{} waiting, {} under way, room for {max}; the oldest that could be taken waits for {} s",
            stats.waiting,
            stats.leased,
            age.as_secs()
        );
        if queue.options().lease < LONGEST_ATTEMPT {
            let detail = format!("a message is leased for {} s", queue.options().lease.as_secs());
            let fix = format!("lease for more than the {} s that one attempt may take", LONGEST_ATTEMPT.as_secs());
            return Check::failed(name, detail, fix);
        }
        if held >= max {
            return Check::failed(name, detail, "nothing more is taken until some of it is done; slow the publishers");
        }
        if age > LONG_WAIT {
            let fix = "see in the log whether messages fail; otherwise the machine is too slow, or --max-in-flight \
                       too low for endpoints as slow as these";
            return Check::warning(name, detail, fix);
        }
        if held >= max / 5 * 4 {
            return Check::warning(name, detail, "it will soon be full; slow the publishers");
        }
        Check::ok(name, detail)
    }

    fn dead_letters(&self) -> Check {
        const NAME: &str = "dead_letters";
        match self.dead_letters.count() {
            Ok(counts) if counts.is_empty() => Check::ok(NAME, "none"),
            Ok(counts) => {
                let counts: Vec<String> = counts.iter().map(|(queue, count)| format!("{count} of {queue}")).collect();
                let fix = "`hookline dead-letters list` says why; fix the cause, then `hookline dead-letters redrive`";
                Check::warning(NAME, counts.join(", "), fix)
            }
            Err(error) => Check::failed(NAME, causes(&error), "restart the server; its log says what is wrong"),
        }
    }
}

#[async_trait]
impl Doctor for EmbeddedDoctor {
    async fn examine(&self) -> Vec<Check> {
        let mut checks =
            vec![self.store().await, disk(&self.directory), self.secrets().await, clock(self.clock.state())];
        checks.extend(self.queues.iter().map(|queue| self.queue(queue)));
        checks.push(self.dead_letters());
        checks
    }
}

/// Whether the clock was set, as far as the time that passed and the data tell.
fn clock(state: ClockState) -> Check {
    const NAME: &str = "clock";
    const WAITS: &str = "what waits goes on waiting as long as was meant";
    let held = state.expiry_held_at.map_or(String::new(), |at| format!("; rows expire only up to {at}"));
    let jump = state.jumped_millis;
    if let ClockAtStart::FarAhead(by) = state.at_start
        && state.expiry_held_at.is_some()
    {
        let detail = format!(
            "at the start it was {} ahead of the time at which the data was last written, so nothing expires{held}",
            text(by)
        );
        let fix = "set this machine's clock and restart; if it is right, restart with --accept-clock and today's date";
        return Check::warning(NAME, detail, fix);
    }
    if jump != 0 {
        let by = text(Duration::from_millis(jump.unsigned_abs()));
        let direction = if jump > 0 { "ahead" } else { "back" };
        let detail = format!("it was set {direction} by {by} since the start, or the machine slept; {WAITS}{held}");
        let fix = "see that it is right now and kept right by NTP, then restart at a quiet time: times in the log from \
                   before are off, and so are signatures if it is wrong";
        return Check::warning(NAME, detail, fix);
    }
    if let ClockAtStart::Back(by) = state.at_start {
        let detail =
            format!("at the start it was {} behind the time at which the data was last written; {WAITS}", text(by));
        let fix = "see that it is right now and kept right by NTP; if it was wrong before, the times in the log from then \
                   lie ahead, and this is gone with the next start";
        return Check::warning(NAME, detail, fix);
    }
    Check::ok(NAME, "runs evenly, and agrees with the time at which the data was last written")
}

/// In the largest unit that says it well.
fn text(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn disk(directory: &Path) -> Check {
    const NAME: &str = "disk";
    let free = match fs4::available_space(directory) {
        Ok(free) => free,
        Err(error) => return Check::failed(NAME, error.to_string(), "see whether the data directory is still there"),
    };
    let detail = format!("{} MiB are free for the data directory", free / (1024 * 1024));
    match free {
        ..NO_SPACE => Check::failed(NAME, detail, "make room, or nothing will be accepted"),
        NO_SPACE..LITTLE_SPACE => Check::warning(NAME, detail, "make room, or keep less with --retention-days"),
        LITTLE_SPACE.. => Check::ok(NAME, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ports::Condition;
    use domain::time::Timestamp;

    #[test]
    fn each_jump_of_the_clock_is_named_with_its_size_and_what_to_do() {
        let (hour, held) = (Duration::from_secs(3 * 3_600), Some(Timestamp::from_millis(0)));
        let state = |at_start, jumped_millis, expiry_held_at| ClockState { at_start, jumped_millis, expiry_held_at };
        assert_eq!(clock(state(ClockAtStart::Plausible, 0, None)).status, Condition::Ok);
        for (state, says) in [
            (state(ClockAtStart::Plausible, -20_000, None), "set back by 20 s"),
            (state(ClockAtStart::Plausible, 7_200_000, held), "set ahead by 2 h"),
            (state(ClockAtStart::Back(hour), 0, None), "3 h behind"),
            (state(ClockAtStart::FarAhead(40 * 8 * hour), 0, held), "40 days ahead"),
        ] {
            let check = clock(state);
            assert_eq!(check.status, Condition::Warning);
            assert!(check.detail.contains(says), "{}", check.detail);
        }
        let corrected = state(ClockAtStart::FarAhead(40 * 8 * hour), -1_000 * 40 * 86_400, None);
        assert!(clock(corrected).detail.contains("set back by 40 days"));
    }

    #[test]
    fn a_directory_that_is_gone_is_told() {
        assert_eq!(disk(Path::new("/nowhere/at/all")).status, Condition::Failed);
    }
}
