//! Every parser that strangers reach, fed with mutations of what it expects.
//! Each target states what holds for any input, not only that it does not panic.
//!
//! `HOOKLINE_FUZZ_SECONDS=60 cargo test -p tests --test fuzz -- --nocapture` runs
//! each for a minute instead of two seconds.

#![expect(clippy::print_stdout, reason = "what was run and what failed is told to whoever runs it")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod answers;
mod api;
mod driver;
mod messages;
mod mutation;
mod rules;
mod texts;

use driver::fuzz;

fn corpus(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}
