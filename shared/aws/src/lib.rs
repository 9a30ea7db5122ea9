//! The ports on AWS: DynamoDB, KMS, SQS and EventBridge Scheduler.
//!
//! Nothing here knows about Lambda or about a stage; an adapter takes a client,
//! the names of what it works on and a clock.

pub mod client;
mod doctor;
pub mod dynamo;
#[cfg(feature = "lambda")]
pub mod emf;
mod kms;
#[cfg(feature = "lambda")]
pub mod lambda;
mod scheduler;
mod settlement;
mod sqs;
#[cfg(feature = "lambda")]
pub mod traces;

pub use doctor::{AwsDoctor, QueueUrls};
pub use kms::KmsDataKeys;
pub use scheduler::{ScheduleTarget, Schedules};
pub use settlement::{RetryLane, SqsSettlement};
pub use sqs::{SqsReceiver, SqsSender};
