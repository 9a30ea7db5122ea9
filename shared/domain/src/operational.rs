//! Events about hooks themselves. They travel the same way as any other event
//! of the tenant, to hooks that ask for exactly their type: `*` is not enough,
//! so that nobody gets them who did not ask.

use super::ids::EventType;

pub const DISABLED: &str = "hook.disabled";
pub const FAILING: &str = "hook.failing";
pub const RECOVERED: &str = "hook.recovered";
pub const EXHAUSTED: &str = "delivery.exhausted";
pub const REPLAYED: &str = "replay.finished";

pub const TYPES: [&str; 5] = [DISABLED, FAILING, RECOVERED, EXHAUSTED, REPLAYED];

pub fn is_operational(event_type: &EventType) -> bool {
    TYPES.contains(&event_type.as_str())
}
