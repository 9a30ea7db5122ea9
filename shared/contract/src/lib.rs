//! What the stages need from the world and say to each other, and what runs a stage.

pub mod cursor;
pub mod jobs;
pub mod messages;
pub mod ports;
pub mod rows;
pub mod runner;
pub mod stage;
pub mod traces;
