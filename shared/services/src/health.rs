//! How a hook's endpoint does, and what follows from it: whether a request may go
//! out, when a hook is disabled, and what its owner is told.

mod attempt_summary;
pub mod circuit_breaker;
pub mod failing_hooks;
pub mod hook_health;
pub mod hook_states;
pub mod operational_events;
pub mod rate_limiter;
pub mod verification;
