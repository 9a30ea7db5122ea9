//! The stores in two DynamoDB tables, each with a text `pk` and `sk`: rows
//! ([`RowKind`](row_kind::RowKind)) and documents
//! ([`DocumentKind`](services::repositories::document_kind::DocumentKind)).
//!
//! Every partition but the lists of tenants and profiles is one tenant's own. A tenant's id
//! cannot hold a `#`, so no key of one can be read as a key of another. Rows of
//! `logs` expire by their `ttl`, in Unix seconds; DynamoDB removes them up to
//! days late, so readers look at the exact expiry in `x` as well.
//!
//! Rows that are written once a version, such as hooks and documents, carry the
//! name of their write in `o`, so that the SDK's second try knows the first one's row.
//!
//! Reads are strongly consistent, with two exceptions: matching, which a
//! tenant's every event pays for, and the hook a delivery is sent with. Both
//! may lag a change by about a second, which caches do anyway; that a hook is
//! not there at all is believed only of a consistent read.

mod activity;
mod audit;
mod compress;
mod deliveries;
mod documents;
mod events;
mod hooks;
mod item;
mod lookups;
mod row_kind;
mod subscriptions;
mod table;
mod tries;

pub use activity::DynamoActivityLog;
#[cfg(feature = "lambda")]
pub(crate) use activity::Gathering;
pub use audit::DynamoAuditLog;
pub use deliveries::DynamoDeliveryLog;
pub use documents::DynamoDocuments;
pub use events::DynamoEvents;
pub use hooks::DynamoHooks;
#[cfg(feature = "lambda")]
pub(crate) use lookups::Lookups;
pub use subscriptions::DynamoSubscriptions;
