//! Whether the disk has room, looked at before it is too late: what was
//! accepted still has to be logged, and a journal that could not be written is
//! trusted no more.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);

pub(crate) struct FreeSpace {
    folder: PathBuf,
    /// What must be free, in bytes.
    min_free: u64,
    free: fn(&PathBuf) -> io::Result<u64>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    low: bool,
}

impl FreeSpace {
    pub(crate) fn new(folder: PathBuf, min_free: u64) -> Self {
        Self { folder, min_free, free: |folder| fs4::available_space(folder), seen: Mutex::default() }
    }

    pub(crate) fn is_low(&self) -> bool {
        self.min_free > 0 && self.is_low_at(Instant::now())
    }

    fn is_low_at(&self, now: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.is_some_and(|at| now.saturating_duration_since(at) < FRESH) {
            return seen.low;
        }
        // A disk that does not tell is not full.
        let free = (self.free)(&self.folder).unwrap_or(u64::MAX);
        let low = free < self.min_free;
        if low != seen.low {
            let (free_mib, min_free_mib) = (free >> 20, self.min_free >> 20);
            match low {
                true => tracing::warn!(
                    free_mib,
                    min_free_mib,
                    "the disk is nearly full: {free_mib} MiB are free and {min_free_mib} are needed; no more events are accepted"
                ),
                false => tracing::info!(
                    free_mib,
                    min_free_mib,
                    "the disk has room again: {free_mib} MiB are free; events are accepted"
                ),
            }
        }
        *seen = Seen { at: Some(now), low };
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_space(min_free: u64, free: fn(&PathBuf) -> io::Result<u64>) -> FreeSpace {
        FreeSpace { folder: PathBuf::from("/"), min_free, free, seen: Mutex::default() }
    }

    #[test]
    fn a_disk_with_less_than_was_asked_for_is_low() {
        assert!(free_space(1_000, |_| Ok(999)).is_low());
        assert!(!free_space(1_000, |_| Ok(1_000)).is_low());
        assert!(!free_space(0, |_| Ok(0)).is_low(), "nothing was asked for");
        assert!(!free_space(1_000, |_| Err(io::ErrorKind::Unsupported.into())).is_low(), "some disks do not tell");
        assert!(FreeSpace::new(std::env::temp_dir(), u64::MAX).is_low(), "no disk is as large as that");
    }

    #[test]
    fn an_answer_is_remembered_for_a_second() {
        let start = Instant::now();
        let mut space = free_space(1_000, |_| Ok(10));
        assert!(space.is_low_at(start));
        space.free = |_| Ok(2_000);
        assert!(space.is_low_at(start + FRESH / 2));
        assert!(!space.is_low_at(start + FRESH));
    }
}
