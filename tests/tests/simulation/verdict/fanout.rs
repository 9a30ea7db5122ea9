//! Every accepted event, and the hooks it went to.

use std::collections::BTreeMap;

use domain::ids::{DeliveryId, HookId};
use domain::operational::is_operational;

use super::{Judge, Promise};
use crate::sim::Blow;

impl Judge<'_> {
    pub(super) fn listed(&mut self) {
        let state = self.state;
        for (event, _) in state.events.values() {
            let shown = state.activity.iter().any(|entry| entry.lists_event && entry.event == event.seq)
                || is_operational(&event.event_type);
            self.holds(Promise::Listed, shown, || format!("{} is in no list of events", event.id));
        }
        for (id, versions) in &state.log {
            let row = versions.last().map(|version| &version.row);
            let mut of_it =
                state.activity.iter().filter(|entry| (entry.event, entry.hook) == (id.event, Some(id.hook)));
            // Of two copies under way at once, the one that settles the message may not be the one
            // that wrote last, and nobody comes back for that one.
            let event = state.events.values().find(|(event, _)| event.seq == id.event).map(|(event, _)| &event.id);
            let was_doubled = state.faults.iter().any(|fault| {
                matches!(fault.blow, Blow::HandsOutTwice | Blow::LeaseEnds)
                    && event.is_some_and(|event| state.tasks[fault.task].what.touches(*id, event))
            });
            let shown = of_it.any(|entry| entry.is_latest_of(row)) || self.was_deleted(id.hook) || was_doubled;
            self.holds(Promise::Listed, shown, || format!("{id} is in no list as it ended"));
        }
    }

    pub(super) fn fanouts(&mut self) {
        let state = self.state;
        for (id, published) in &state.accepted {
            let Some((event, _)) = state.events.get(id) else {
                self.holds(Promise::Recorded, false, || format!("{id} is not recorded"));
                continue;
            };
            let pages = state.pages_of(id);
            let complete = pages.values().last().is_some_and(|page| page.next.is_none());
            let gapless = pages.keys().copied().eq(0..pages.len() as u32);
            self.holds(Promise::Matched, complete && gapless, || format!("{id} was not fanned out to its end"));

            let unclaimed = pages.get(&0).is_some_and(|page| page.hooks.is_empty());
            let noted = state.unclaimed.contains(&event.seq);
            self.holds(Promise::Recorded, noted == unclaimed, || format!("{id} is noted as unclaimed: {noted}"));

            let mut times: BTreeMap<HookId, usize> = BTreeMap::new();
            for hook in pages.values().flat_map(|page| &page.hooks) {
                *times.entry(*hook).or_default() += 1;
            }
            for (hook, states) in &state.hooks {
                let count = times.get(hook).copied().unwrap_or_default();
                let first = states[0].1.as_ref().expect("a hook begins with being there");
                let wanted = first.events.iter().any(|pattern| pattern.matches(&event.event_type));
                let changed = states.len() > 1;
                let right = count == usize::from(wanted) || (changed && count == 0);
                self.holds(Promise::Matched, right, || format!("{id} went {count} times to {hook}"));
                let logged = state.log.contains_key(&DeliveryId { event: event.seq, hook: *hook });
                let right = logged == (count > 0) || (!logged && self.was_deleted(*hook));
                self.holds(Promise::Ends, right, || format!("{id} for {hook} is logged: {logged}"));
            }
            let as_published = event.not_after.is_some() == published.ttl.is_some();
            self.holds(Promise::Recorded, as_published, || format!("{id} lost its time to live"));
        }
        for (id, versions) in &state.log {
            let known = self.event_of(*id).is_some() || versions.is_empty();
            self.holds(Promise::Recorded, known, || format!("{id} is of no recorded event"));
        }
    }
}
