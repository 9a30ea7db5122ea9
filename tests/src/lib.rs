//! Fixtures that more than one test needs.

pub mod dynamo;
pub mod faults;
pub mod metering;
pub mod ministack;
pub mod world;
