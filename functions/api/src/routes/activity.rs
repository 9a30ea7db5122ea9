//! What happened in a tenant, or in all: its events, its deliveries over all hooks, and counts.

pub(crate) mod counts;
pub(crate) mod deliveries;
pub(crate) mod events;
mod walk;

use std::str::FromStr;

use domain::activity::Activity;
use domain::ids::{Channel, EventId, HookId};
use domain::pattern::Pattern;

use crate::problem::{FieldError, Problem};

/// What lists of events and of deliveries have in common.
#[derive(Default)]
struct EntryFilter {
    event_type: Option<Pattern>,
    channel: Option<Channel>,
    id: Option<EventId>,
    /// How the event's id begins.
    id_prefix: Option<String>,
    hook: Option<HookId>,
}

impl EntryFilter {
    fn admits(&self, entry: &Activity) -> bool {
        self.event_type.as_ref().is_none_or(|pattern| pattern.matches(&entry.event_type))
            && self.channel.as_ref().is_none_or(|channel| entry.channels.contains(channel))
            && self.id.as_ref().is_none_or(|id| entry.event_id == *id)
            && self.id_prefix.as_ref().is_none_or(|prefix| entry.event_id.as_str().starts_with(prefix.as_str()))
            && self.hook.is_none_or(|hook| entry.hook == Some(hook))
    }
}

/// A parameter that has to be what its type asks for.
fn parsed<T: FromStr<Err: std::fmt::Display>>(
    name: &str,
    given: Option<&String>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    match given?.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            errors.push(FieldError::new(name, error.to_string()));
            None
        }
    }
}

fn refuse(errors: Vec<FieldError>) -> Result<(), Problem> {
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Problem::invalid(axum::http::StatusCode::BAD_REQUEST, errors)),
    }
}
