//! At which step what happens.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// One call to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Whether the call can be answered with an error.
    pub(crate) fallible: bool,
    /// Whether it hands over several things, of which some may arrive.
    pub(crate) divisible: bool,
}

/// What a step suffers. A failure is an error that the stage sees, once; a
/// death ends the process there and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    FailsBefore,
    FailsHalfway,
    /// It was done, but the answer was lost.
    FailsAfter,
    DiesBefore,
    DiesHalfway,
    DiesAfter,
}

impl Blow {
    pub(crate) const ALL: [Self; 6] =
        [Self::FailsBefore, Self::FailsHalfway, Self::FailsAfter, Self::DiesBefore, Self::DiesHalfway, Self::DiesAfter];

    pub(crate) fn possible_at(step: &Step) -> impl Iterator<Item = Self> + use<> {
        let Step { fallible, divisible, .. } = *step;
        Self::ALL.into_iter().filter(move |blow| match blow {
            Self::FailsBefore | Self::FailsAfter => fallible,
            Self::FailsHalfway => fallible && divisible,
            Self::DiesHalfway => divisible,
            Self::DiesBefore | Self::DiesAfter => true,
        })
    }

    /// Whether a request may have been sent that the log does not know of: the
    /// one case in which receivers may see it again.
    pub(crate) fn may_double(self, step: &str) -> bool {
        match step {
            "sender.send" => self == Self::DiesAfter,
            "log.record" => matches!(self, Self::FailsBefore | Self::DiesBefore),
            _ => false,
        }
    }
}

/// Counts the steps of a run, over all its processes, and strikes at some.
#[derive(Default)]
pub(crate) struct Fate {
    strikes: BTreeMap<usize, Blow>,
    trace: Mutex<Vec<Step>>,
    struck: Mutex<Vec<(Step, Blow)>>,
    death: Notify,
}

impl Fate {
    /// Strikes at steps of these numbers, counted from zero.
    pub(crate) fn new(strikes: impl IntoIterator<Item = (usize, Blow)>) -> Arc<Self> {
        Arc::new(Self { strikes: strikes.into_iter().collect(), ..Self::default() })
    }

    /// The steps so far.
    pub(crate) fn trace(&self) -> Vec<Step> {
        lock(&self.trace).clone()
    }

    /// The blows that fell.
    pub(crate) fn struck(&self) -> Vec<(Step, Blow)> {
        lock(&self.struck).clone()
    }

    /// How many requests may have been sent that the log does not know of.
    pub(crate) fn doubled(&self) -> usize {
        self.struck().iter().filter(|(step, blow)| blow.may_double(step.name)).count()
    }

    /// Returns when the process dies.
    pub(crate) async fn death(&self) {
        self.death.notified().await;
    }

    /// A call that cannot be divided.
    pub(crate) async fn step<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = T>,
        failure: Option<impl FnOnce() -> T>,
    ) -> T {
        let step = Step { name, fallible: failure.is_some(), divisible: false };
        match (self.take(step), failure) {
            (None, _) => call.await,
            (Some(Blow::FailsBefore), Some(failure)) => failure(),
            (Some(Blow::FailsAfter), Some(failure)) => {
                call.await;
                failure()
            }
            (Some(Blow::DiesBefore), _) => self.die().await,
            (Some(_), _) => {
                call.await;
                self.die().await
            }
        }
    }

    /// What happens at this step, if anything.
    pub(crate) fn take(&self, step: Step) -> Option<Blow> {
        let mut trace = lock(&self.trace);
        let blow = self.strikes.get(&trace.len()).filter(|blow| Blow::possible_at(&step).any(|other| other == **blow));
        if let Some(blow) = blow {
            lock(&self.struck).push((step.clone(), *blow));
        }
        trace.push(step);
        blow.copied()
    }

    /// Never returns: whoever drives the process drops it now.
    pub(crate) async fn die<T>(&self) -> T {
        self.death.notify_one();
        pending().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
