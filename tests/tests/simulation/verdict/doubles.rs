//! Attempts that were made more than once, and the fault that explains each.
//!
//! Receivers may see an attempt again when its sender was struck between the
//! answer and the log, and when there were two copies of its message: queues
//! make copies, and so does whoever dies after it sent and before it
//! acknowledged. Two copies in two processes at once cannot know of each other.

use std::collections::BTreeMap;

use domain::ids::{DeliveryId, EventId};

use super::{Judge, Promise};
use crate::sim::{Blow, Task, Turn, What};

enum Excuse {
    Repeated,
    Overlapping,
    Overtaken,
    Forgotten,
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
                    Some(Excuse::Forgotten) => self.verdict.tally.forgotten += 1,
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
        if let What::Deliver(_, Turn::Manual(request)) = &second.what {
            let mut meanwhile = state.log[&id].iter().filter(|v| (logged.order..=looked).contains(&v.order));
            let forgotten = meanwhile.any(|version| !version.row.has_answered(request));
            return (copied && forgotten).then_some(Excuse::Forgotten);
        }
        let sent_twice = faults.any(|fault| fault.blow == Blow::Repeats);
        let unmarked = second.message <= first.message || sent_twice || self.was_fanned_out_twice_at_once(event);
        let overtaken = copied && second.unwarned && unmarked;
        overtaken.then_some(Excuse::Overtaken)
    }

    /// Of two fan-outs of one page only the later one knows of the other, and
    /// the copies of the earlier one can be sent last.
    fn was_fanned_out_twice_at_once(&self, event: &EventId) -> bool {
        let of_it = |task: &&Task| matches!(&task.what, What::Fanout(other) if other == event);
        let tasks: Vec<&Task> = self.state.tasks.iter().filter(of_it).collect();
        let follows = |pair: &[&Task]| pair[1].started < pair[0].ended.unwrap_or(u64::MAX);
        tasks.windows(2).any(follows)
    }
}
