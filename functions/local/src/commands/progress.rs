//! How far long work is, on a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::time::{Duration, Instant};

const WIDTH: u64 = 30;
/// More often than this nobody sees it.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// A line on standard error that is drawn over; none where nobody looks.
pub(super) struct Progress {
    what: &'static str,
    unit: Unit,
    drawn: Option<Instant>,
    is_shown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Bytes,
}

impl Progress {
    pub(super) fn new(what: &'static str, unit: Unit) -> Self {
        Self { what, unit, drawn: None, is_shown: io::stderr().is_terminal() }
    }

    /// `total` where it is known.
    pub(super) fn at(&mut self, done: u64, total: Option<u64>) {
        let is_due = self.drawn.is_none_or(|at| at.elapsed() >= DRAWN_EVERY) || Some(done) == total;
        if self.is_shown && is_due {
            self.drawn = Some(Instant::now());
            let _ = write!(io::stderr().lock(), "\r\x1b[K{}", line(self.what, self.unit, done, total));
            let _ = io::stderr().flush();
        }
    }
}

/// What follows begins on a line of its own.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown && self.drawn.is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, unit: Unit, done: u64, total: Option<u64>) -> String {
    let told = |number: u64| match unit {
        Unit::Count => number.to_string(),
        Unit::Bytes => format!("{}.{} MiB", number >> 20, ((number & 0xf_ffff) * 10) >> 20),
    };
    match total.filter(|total| *total > 0) {
        None => format!("{what} {}", told(done)),
        Some(total) => {
            let full = done.min(total).saturating_mul(WIDTH) / total;
            let bar: String = (0..WIDTH).map(|n| if n < full { '#' } else { '-' }).collect();
            format!("{what} [{bar}] {}% {} of {}", done.min(total).saturating_mul(100) / total, told(done), told(total))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        assert_eq!(line("sent", Unit::Count, 0, Some(9)), "sent [------------------------------] 0% 0 of 9");
        assert_eq!(line("sent", Unit::Count, 5, Some(10)), "sent [###############---------------] 50% 5 of 10");
        assert_eq!(line("sent", Unit::Count, 12, Some(9)), "sent [##############################] 100% 12 of 9");
        assert_eq!(line("copied", Unit::Bytes, 3 << 19, None), "copied 1.5 MiB");
        assert_eq!(line("sent", Unit::Count, 0, Some(0)), "sent 0");
    }
}
