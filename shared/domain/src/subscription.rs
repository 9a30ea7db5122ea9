//! Hooks that are subscriptions of the Model Context Protocol, which whoever speaks it makes by the API: the face at
//! `/mcp/{tenant}` writes what is read here.

use crate::hook::Hook;
use crate::ids::EventType;

/// The profile of all of them.
pub const PROFILE: &str = "mcp";
/// How their uids begin.
pub const UID_PREFIX: &str = "sub_";
/// In their metadata, which key or session has made or refreshed one: its id, or `session:` and its id. Whoever may
/// change hooks may change it; nothing but the end of the hook follows from it.
pub const PRINCIPAL: &str = "mcp_principal";

fn is_subscription(hook: &Hook) -> bool {
    hook.profile.as_ref().is_some_and(|profile| profile.as_str() == PROFILE)
        && hook.uid.as_ref().is_some_and(|uid| uid.as_str().starts_with(UID_PREFIX))
}

/// Whether this key or session made it, or was the last to refresh it.
pub fn is_of(hook: &Hook, principal: &str) -> bool {
    is_subscription(hook) && hook.metadata.get(PRINCIPAL) == Some(principal)
}

/// Whether it is to this type and nothing else.
pub fn is_to(hook: &Hook, event_type: &EventType) -> bool {
    let mut patterns = hook.events.iter();
    let only = patterns.next().filter(|_| patterns.next().is_none());
    is_subscription(hook) && only.is_some_and(|pattern| pattern.as_str() == event_type.as_str())
}
