//! What the stages need from the world: one narrow trait per role.
//!
//! Each trait is a contract. Its promises are listed in its documentation and
//! checked, one test per promise, over every adapter by `tests/tests/adapters/suite`.

#[macro_use]
mod layered;

mod activity;
mod audit;
mod clock;
mod deliveries;
mod doctor;
mod documents;
mod events;
mod hooks;
mod http;
mod identity;
mod keys;
mod portal;
mod profiles;
mod queue;

mod data_keys;
mod random;
mod readiness;
mod replays;
mod tenants;

pub use activity::{ActivityLog, ActivityLogLayer, ActivityRange, ActivityRows, Order};
pub use audit::{AuditLog, AuditRows, AuditScope};
pub use clock::{Clock, ClockReading, ManualClock, SystemClock};
pub use data_keys::{DataKey, DataKeys, KeyError, MAX_WRAPPED_BYTES, PlainKey};
pub use deliveries::{DeliveryLog, DeliveryLogLayer, Expected, LogFilter, TimeRange};
pub use doctor::{Check, Condition, Doctor};
pub use documents::{Document, Documents, DocumentsLayer, PlacedDocument};
pub use events::{EventRef, Events, EventsLayer, Recorded};
pub use hooks::{Hooks, HooksLayer, KEPT_REVISION_BYTES, KEPT_REVISIONS, Match, Subscriptions};
pub use hooks::{is_small_revision, kept_revisions};
pub use http::{HttpRequest, HttpResponse, HttpResult, HttpSender, MAX_RESPONSE_BYTES, SendFailure, SendFault};
pub use identity::{Identities, NoIdentity};
pub use keys::{Keys, KeysLayer};
pub use portal::{PortalLinks, PortalSessions};
pub use profiles::{Profiles, ProfilesLayer};
pub use queue::{Content, Outgoing, QueueError, QueueReceiver, QueueSender, Received};
pub use random::OsRandom;
pub use readiness::{AlwaysReady, Readiness};
pub use replays::Replays;
pub use tenants::{Tenants, TenantsLayer};

/// One page of a list, in order, and where the next one starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Absent on the last page. Opaque; valid as long as the list exists, also
    /// while rows are added.
    pub next: Option<String>,
}

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row is there already, or is not what the writer believed.
    #[error("the row was changed by somebody else")]
    Conflict,
    /// The cursor was not made by this list.
    #[error("the cursor is not one of this list")]
    BadCursor,
    /// The tenant has as many as it may have.
    #[error("limit reached: no more can be created")]
    LimitReached,
    /// The row is larger than the store takes.
    #[error("the row is too large for the store")]
    TooLarge,
    /// The store cannot be reached or is failing; the same call may succeed later.
    #[error("the store does not answer")]
    Unavailable(#[source] BoxError),
    /// A stored row cannot be read.
    #[error("a stored row cannot be read")]
    Corrupt(#[source] BoxError),
    /// The same, of a row that has a name.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// A row that this version cannot read: it is damaged, or a newer one wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{id} cannot be read: {why}")]
pub struct Unreadable {
    /// What its key tells of it.
    pub id: String,
    /// Quotes nothing of the row.
    pub why: String,
}

/// A row of a list. One that cannot be read hides none of the others.
pub type Listed<T> = Result<T, Unreadable>;

/// Names the row that could not be read.
pub trait OfRow<T> {
    fn of_row(self, id: impl ToString) -> StoreResult<T>;
    /// The entry of a list that this row is, unless the whole list fails.
    fn listed(self, id: impl ToString) -> StoreResult<Listed<T>>;
}

impl<T> OfRow<T> for StoreResult<T> {
    fn of_row(self, id: impl ToString) -> StoreResult<T> {
        self.map_err(|error| match error {
            StoreError::Corrupt(cause) => Unreadable { id: id.to_string(), why: cause.to_string() }.into(),
            other => other,
        })
    }

    fn listed(self, id: impl ToString) -> StoreResult<Listed<T>> {
        match self.of_row(id) {
            Ok(row) => Ok(Ok(row)),
            Err(StoreError::Unreadable(unreadable)) => Ok(Err(unreadable)),
            Err(other) => Err(other),
        }
    }
}

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub type StoreResult<T> = Result<T, StoreError>;
