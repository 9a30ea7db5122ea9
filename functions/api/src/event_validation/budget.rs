use crate::schema::MAX_STEPS;

/// Steps that checks may take before they make way for others; one byte to be
/// parsed counts as one. A hundred of them are about 1 µs, and going to another
/// thread and back takes ten or more.
const AT_ONCE: u64 = 50_000;

/// How much checking one request may ask for, however many events it brings.
/// Counted in steps and not in time, so that the same request always gets the
/// same answer.
pub(crate) struct ValidationBudget {
    all: u64,
    at_once: u64,
}

impl Default for ValidationBudget {
    fn default() -> Self {
        Self { all: MAX_STEPS, at_once: AT_ONCE }
    }
}

impl ValidationBudget {
    /// Whether `steps` are left; they are used up then.
    pub(super) fn grants(&mut self, steps: u64) -> bool {
        take(&mut self.all, steps)
    }

    /// Whether they may be taken on the spot.
    pub(super) fn grants_at_once(&mut self, steps: u64) -> bool {
        take(&mut self.at_once, steps)
    }
}

fn take(left: &mut u64, steps: u64) -> bool {
    let rest = left.checked_sub(steps);
    *left = rest.unwrap_or(*left);
    rest.is_some()
}
