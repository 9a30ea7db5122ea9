//! Attempts that were made more than once, and the fault that explains each.
//!
//! Receivers may see an attempt again when its sender was struck between the
//! answer and the log, and when there were two copies of its message: queues
//! make copies, and so does whoever dies after it sent and before it
//! acknowledged. Two copies in two processes at once cannot know of each other.

use std::collections::BTreeMap;

use shared::domain::ids::DeliveryId;

use super::{Judge, Promise};
use crate::sim::{Blow, Turn, What};

enum Excuse {
    Repeated,
    Overlapping,
    Overtaken,
}

impl Judge<'_> {
    pub(super) fn doubles(&mut self) {
        let state = self.state;
        let mut turns: BTreeMap<(DeliveryId, &Turn), Vec<usize>> = BTreeMap::new();
        for (number, request) in state.requests.iter().enumerate() {
            if let What::Deliver(id, turn) = &state.tasks[request.task].what {
                turns.entry((*id, turn)).or_default().push(number);
            }
        }
        for ((id, turn), requests) in turns {
            for (index, later) in requests.iter().enumerate().skip(1) {
                let excuse = requests[..index].iter().find_map(|earlier| self.excuse(id, *earlier, *later));
                match excuse {
                    Some(Excuse::Repeated) => self.verdict.tally.repeated += 1,
                    Some(Excuse::Overlapping) => self.verdict.tally.overlapping += 1,
                    Some(Excuse::Overtaken) => self.verdict.tally.overtaken += 1,
                    None => self.holds(Promise::Once, false, || format!("{turn:?} of {id} was sent again as {later}")),
                }
            }
        }
    }

    fn excuse(&self, id: DeliveryId, earlier: usize, later: usize) -> Option<Excuse> {
        let state = self.state;
        let Some(logged) = self.logged.get(&earlier).filter(|logged| logged.delivery == id) else {
            return Some(Excuse::Repeated);
        };
        let event = self.event_of(id)?;
        let mut faults = state.faults.iter().filter(|fault| state.tasks[fault.task].what.touches(id, event));
        let copied = faults.clone().next().is_some();
        let (first, second) = (&state.tasks[state.requests[earlier].task], &state.tasks[state.requests[later].task]);
        let looked = second.read.unwrap_or(second.started);
        if copied && logged.order >= looked && first.process != second.process {
            return Some(Excuse::Overlapping);
        }
        let unmarked = faults.any(|fault| leaves_copies_unmarked(fault.blow, &state.tasks[fault.task].what));
        let overtaken = copied && second.unwarned && (second.message <= first.message || unmarked);
        overtaken.then_some(Excuse::Overtaken)
    }
}

/// Whether a fan-out may have sent copies of which none knows of the other: its
/// client repeated a call by itself, or it went on while another one, for the
/// same message, took it for dead.
fn leaves_copies_unmarked(blow: Blow, whose: &What) -> bool {
    matches!(whose, What::Fanout(_)) && matches!(blow, Blow::Repeats | Blow::LeaseEnds | Blow::HandsOutTwice)
}
