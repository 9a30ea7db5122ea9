//! One event for one hook: whether an attempt is to be made, with which settings,
//! and as which request.

pub mod activity;
pub mod claim;
pub mod counts;
pub mod ended_hook;
pub mod former_hook;
pub mod paused;
pub mod request;
pub mod resolved_hook;
