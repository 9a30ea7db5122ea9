//! Pipelines that break a promise on purpose. The verdict has to notice each.

mod ports;

use std::sync::Arc;
use std::time::Duration;

use contract::ports::Hooks;
use services::repositories::cache::CachedHooks;

use crate::process::{Process, resolved};
use crate::sim::Sim;
use crate::stores::Stores;
use crate::verdict::Promise;
use ports::{BrokenActivity, BrokenEvents, BrokenLog, BrokenQueue, BrokenSender};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A message is forgotten before it is handled.
    AcknowledgesFirst,
    /// A message received again looks like a new one.
    CountsNoReceives,
    /// The log says that it wrote, before it did.
    LogsLater,
    /// A row is written whatever is stored.
    WritesUnconditionally,
    /// Copies of a resumed fan-out do not say that they are.
    ForgetsCheckLog,
    /// Retries are due a little before their time.
    DueEarly,
    /// The rest of a large fan-out is not asked for.
    DropsContinuation,
    /// The next retry is not asked for.
    DropsRetry,
    /// The event is recorded, its hooks are not.
    RecordsNoPage,
    /// An event that no hook wants is not noted.
    ForgetsTheUnclaimed,
    /// A write of its own is recognised only while it is the newest.
    KnowsTheLastAttemptOnly,
    /// Every publication of an id is the first.
    RecordsAlways,
    /// A failed attempt moves the schedule by two steps.
    CountsStepsTwice,
    /// What was read of a hook once is believed for good.
    CachesForEver,
    /// A process does not know what it has under way.
    ForgetsWhatIsUnderWay,
    /// Each attempt has a name of its own.
    RenamesAttempts,
    /// The log tells of another answer.
    LogsSuccess,
    /// An attempt that nobody sees.
    SendsTwice,
    /// One note in four is not made.
    ForgetsToNote,
}

impl Mutant {
    /// Each with the promise that it breaks. One more takes a plan of its own.
    pub(crate) const ALL: [(Self, Promise); 18] = [
        (Self::AcknowledgesFirst, Promise::Ends),
        (Self::CountsNoReceives, Promise::Once),
        (Self::LogsLater, Promise::LogIsComplete),
        (Self::WritesUnconditionally, Promise::Follows),
        (Self::ForgetsCheckLog, Promise::Once),
        (Self::DueEarly, Promise::NotEarly),
        (Self::DropsContinuation, Promise::Matched),
        (Self::DropsRetry, Promise::Ends),
        (Self::RecordsNoPage, Promise::Matched),
        (Self::ForgetsTheUnclaimed, Promise::Recorded),
        (Self::RecordsAlways, Promise::Recorded),
        (Self::CountsStepsTwice, Promise::Follows),
        (Self::CachesForEver, Promise::HookIsOn),
        (Self::ForgetsWhatIsUnderWay, Promise::Once),
        (Self::RenamesAttempts, Promise::OneName),
        (Self::LogsSuccess, Promise::LogIsTrue),
        (Self::SendsTwice, Promise::LogIsComplete),
        (Self::ForgetsToNote, Promise::Listed),
    ];

    pub(crate) fn start(self, sim: &Arc<Sim>) -> Process {
        let mut process = Process::start(sim);
        let Process { foundation, fanout, deliver, requeue } = &mut process;
        match self {
            Self::LogsLater
            | Self::WritesUnconditionally
            | Self::CountsStepsTwice
            | Self::LogsSuccess
            | Self::KnowsTheLastAttemptOnly => {
                deliver.log = Arc::new(BrokenLog { mutant: self, sim: Arc::clone(sim), log: Arc::clone(&deliver.log) });
                requeue.log = Arc::clone(&deliver.log);
            }
            Self::ForgetsToNote => {
                deliver.activity =
                    Arc::new(BrokenActivity { sim: Arc::clone(sim), activity: Arc::clone(&deliver.activity) });
            }
            Self::RecordsNoPage | Self::RecordsAlways | Self::ForgetsTheUnclaimed => {
                fanout.events =
                    Arc::new(BrokenEvents { mutant: self, sim: Arc::clone(sim), events: Arc::clone(&fanout.events) });
            }
            Self::ForgetsCheckLog => {
                fanout.deliveries = Arc::new(BrokenQueue { mutant: self, queue: Arc::clone(&fanout.deliveries) });
            }
            Self::DropsContinuation => {
                fanout.queue = Arc::new(BrokenQueue { mutant: self, queue: Arc::clone(&fanout.queue) });
            }
            Self::DueEarly | Self::DropsRetry => {
                deliver.retries = Arc::new(BrokenQueue { mutant: self, queue: Arc::clone(&deliver.retries) });
            }
            Self::CachesForEver => {
                let stores = Arc::new(Stores(Arc::clone(sim)));
                let hooks = CachedHooks::new(stores, Arc::clone(&deliver.clock), Duration::MAX);
                let hooks: Arc<dyn Hooks> = Arc::new(hooks);
                deliver.hooks = resolved(foundation, &hooks);
            }
            Self::RenamesAttempts | Self::SendsTwice => {
                deliver.sender = Arc::new(BrokenSender { mutant: self, sender: Arc::clone(&deliver.sender) });
            }
            // The scheduler itself does these.
            Self::AcknowledgesFirst | Self::CountsNoReceives | Self::ForgetsWhatIsUnderWay => {}
        }
        process
    }
}
