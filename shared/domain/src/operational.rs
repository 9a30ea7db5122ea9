//! Events about hooks themselves. They travel the same way as any other event
//! of the tenant, to hooks that ask for exactly their type: `*` is not enough,
//! so that nobody gets them who did not ask.

use super::ids::{EventId, EventType};

pub const DISABLED: &str = "hook.disabled";
pub const FAILING: &str = "hook.failing";
pub const RECOVERED: &str = "hook.recovered";
pub const EXHAUSTED: &str = "delivery.exhausted";
pub const REPLAYED: &str = "replay.finished";

/// Events about plans. Others may publish such events as well, so only those of Hookline are
/// withheld from hooks that do not name them.
pub const PLAN_CREATED: &str = "automation.plan.created";
pub const PLAN_APPROVED: &str = "automation.plan.approved";
pub const PLAN_REJECTED: &str = "automation.plan.rejected";
pub const PLAN_APPLIED: &str = "automation.plan.applied";
pub const PLAN_FAILED: &str = "automation.plan.failed";

pub const PLAN_TYPES: [&str; 5] = [PLAN_CREATED, PLAN_APPROVED, PLAN_REJECTED, PLAN_APPLIED, PLAN_FAILED];

/// What the ids of Hookline's own events begin with.
pub const ID_PREFIX: &str = "hookline:";

/// Why nobody else may publish under an id.
pub fn reserved(id: &EventId) -> Option<String> {
    let is_reserved = id.as_str().starts_with(ID_PREFIX);
    is_reserved.then(|| format!("begins with {ID_PREFIX}, which is for Hookline's own events; take another id"))
}

/// Whether an event of Hookline's own is for those only who name its type, or a prefix of it.
pub fn is_for_those_who_name_it(id: &EventId, event_type: &EventType) -> bool {
    id.as_str().starts_with(ID_PREFIX) && PLAN_TYPES.contains(&event_type.as_str())
}

pub const TYPES: [&str; 5] = [DISABLED, FAILING, RECOVERED, EXHAUSTED, REPLAYED];

pub fn is_operational(event_type: &EventType) -> bool {
    TYPES.contains(&event_type.as_str())
}
