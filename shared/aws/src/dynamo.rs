//! The stores in two DynamoDB tables, each with a text `pk` and `sk`.
//!
//! | table | `pk` | `sk` | holds |
//! |---|---|---|---|
//! | hooks | `tenants` | tenant | the tenant |
//! | hooks | `profiles` | profile | a profile that an operator made |
//! | hooks | `k#tenant` | key | an API key's hash |
//! | hooks | `h#tenant` | hook | the hook |
//! | hooks | `health#tenant` | hook | the hook's health, and its circuit |
//! | hooks | `rate#tenant` | hook | its requests of the last second, where they are limited |
//! | hooks | `audit#tenant#hook` | turned over ULID | who changed the hook, newest first |
//! | hooks | `s#tenant#pattern` | hook | what matching needs; in one transaction with the hook |
//! | logs | `e#tenant#event` | page | the event with page zero of its fan-out; later pages |
//! | logs | `d#tenant#hook` | event sequence | the delivery, its last attempt inline |
//! | logs | `a#tenant#hook#sequence` | attempt number | an attempt that failed |
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

mod deliveries;
mod documents;
mod events;
mod hooks;
mod item;
mod subscriptions;
mod table;
mod tries;

pub use deliveries::DynamoDeliveryLog;
pub use documents::DynamoDocuments;
pub use events::DynamoEvents;
pub use hooks::DynamoHooks;
pub use subscriptions::DynamoSubscriptions;
