use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::queue::{DeadLetters, EmbeddedQueue};
use super::store::{Store, Table};
use super::vault::check_vault;
use crate::ports::{Check, Doctor, Readiness as _};
use crate::request::LONGEST_ATTEMPT;
use crate::stage::causes;

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
}

impl EmbeddedDoctor {
    pub fn new(
        directory: impl Into<PathBuf>,
        store: Store,
        queues: Vec<EmbeddedQueue>,
        dead_letters: DeadLetters,
    ) -> Self {
        Self { directory: directory.into(), store, queues, dead_letters }
    }

    async fn store(&self) -> Check {
        let written = self.store.write(|tx| {
            tx.put(Table::Messages, PROBE, PROBE);
            Ok(())
        });
        let deleted = async {
            written.await?;
            let delete = |tx: &mut super::store::Transaction<'_>| {
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
        match check_vault(&self.store, &self.directory).await {
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
        let age = queue.oldest().map(|since| self.store.clock().now().since(since)).unwrap_or_default();
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
                let fix = "`hookline dead-letters list` says why; mend the cause, then `hookline dead-letters redrive`";
                Check::warning(NAME, counts.join(", "), fix)
            }
            Err(error) => Check::failed(NAME, causes(&error), "restart the server; its log says what is wrong"),
        }
    }
}

#[async_trait]
impl Doctor for EmbeddedDoctor {
    async fn examine(&self) -> Vec<Check> {
        let mut checks = vec![self.store().await, disk(&self.directory), self.secrets().await];
        checks.extend(self.queues.iter().map(|queue| self.queue(queue)));
        checks.push(self.dead_letters());
        checks
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
    use crate::ports::Condition;

    #[test]
    fn a_directory_that_is_gone_is_told() {
        assert_eq!(disk(Path::new("/nowhere/at/all")).status, Condition::Failed);
    }
}
