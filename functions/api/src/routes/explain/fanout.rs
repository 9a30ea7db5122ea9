//! What the fan-out of an event recorded.

use std::collections::BTreeSet;

use contract::ports::Unreadable;
use domain::event::Event;
use domain::ids::HookId;

use crate::Deps;
use crate::problem::Problem;

/// Pages read at once, of up to 100 hooks each.
const PAGES_AT_ONCE: usize = 100;

pub(super) struct Fanout {
    /// The hooks that it went to.
    pub(super) chosen: BTreeSet<HookId>,
    /// Every page of matching hooks was recorded, and could be read.
    pub(super) is_complete: bool,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Fanout {
    pub(super) async fn read(deps: &Deps, event: &Event) -> Result<Self, Problem> {
        let mut fanout = Self { chosen: BTreeSet::new(), is_complete: false, unreadable: Vec::new() };
        let (mut cursor, mut goes_on) = (None, true);
        loop {
            let found = deps.events.pages(&event.tenant, &event.id, PAGES_AT_ONCE, cursor.as_deref()).await?;
            for page in found.items {
                match page {
                    Ok(page) => {
                        goes_on = page.next.is_some();
                        fanout.chosen.extend(page.hooks);
                    }
                    Err(unreadable) => fanout.unreadable.push(unreadable),
                }
            }
            cursor = found.next;
            if cursor.is_none() {
                fanout.is_complete = !goes_on && fanout.unreadable.is_empty();
                return Ok(fanout);
            }
        }
    }
}
