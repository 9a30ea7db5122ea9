//! Whether an event was published before, and whether it was the same.
//!
//! An event can be looked up once it was fanned out. What was accepted just before is
//! known to the process that accepted it.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::{Clock, Events};
use domain::event::Fingerprint;
use domain::ids::{EventId, TenantId, TraceId};
use domain::tenant::ID_RESTS_FOR;
use domain::time::Timestamp;
use services::repositories::fresh_cache::FreshCache;

use crate::problem::{FieldError, Problem, ProblemCode};

/// Ids that are remembered at most.
const REMEMBERED: usize = 10_000;
/// Not longer than nobody may take the id of a tenant that was deleted, or one
/// would hear of its predecessor's events.
const REMEMBERED_FOR: Duration = ID_RESTS_FOR;

/// What an event says, and which publication it is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) trace: TraceId,
    pub(crate) timestamp: Timestamp,
}

pub struct Duplicates {
    events: Arc<dyn Events>,
    clock: Arc<dyn Clock>,
    recent: FreshCache<(TenantId, EventId), Known>,
    /// Whether publications are compared that do not say.
    pub(crate) usual: bool,
}

impl Duplicates {
    pub fn new(events: Arc<dyn Events>, clock: Arc<dyn Clock>, usual: bool) -> Self {
        Self { events, clock, recent: FreshCache::new(REMEMBERED), usual }
    }

    /// What is known of the same event, where it was published under this id; refused where it is another one.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        id: &EventId,
        given: Fingerprint,
    ) -> Result<Option<Known>, Problem> {
        let name = (tenant.clone(), id.clone());
        let known = match self.recent.get(&name, self.clock.read()) {
            Some(known) => known,
            None => match self.events.get(tenant, id).await? {
                Some(event) => {
                    let fingerprint = event.fingerprint().ok_or_else(|| expunged(id))?;
                    Known { fingerprint, trace: event.seq.trace(), timestamp: event.timestamp }
                }
                None => return Ok(None),
            },
        };
        match known.fingerprint == given {
            true => Ok(Some(known)),
            false => Err(other(id, known.fingerprint, given)),
        }
    }

    /// It was accepted just now.
    pub(crate) fn remember(&self, tenant: &TenantId, id: &EventId, known: Known) {
        self.recent.insert((tenant.clone(), id.clone()), known, self.clock.read(), REMEMBERED_FOR);
    }
}

pub(crate) fn other(id: &EventId, known: Fingerprint, given: Fingerprint) -> Problem {
    let detail = format!("another event has the id {id}: its fingerprint is {known}, and that of this one is {given}");
    let message = format!("belongs to an event with the fingerprint {known}; this one's is {given}");
    Problem::conflict(detail).with_errors(vec![FieldError::new("id", message)]).with_fingerprints(known, given)
}

/// By another request than this one.
pub(crate) fn taken(id: &EventId) -> Problem {
    let message = "was published before";
    Problem::conflict(format!("the event {id} {message}"))
        .with_errors(vec![FieldError::new("id", message)])
        .with_code(ProblemCode::IdTaken)
}

fn expunged(id: &EventId) -> Problem {
    let detail = format!("the event {id} was published before and its payload expunged: it cannot be published again");
    Problem::conflict(detail)
        .with_errors(vec![FieldError::new("id", "belongs to an event that was expunged")])
        .with_code(ProblemCode::IdTaken)
}
