//! Every parser that strangers reach, fed with mutations of what it expects.
//! Each target states what holds for any input, not only that it does not panic.
//!
//! `HOOKLINE_FUZZ_SECONDS=60 cargo test -p tests --test fuzz -- --nocapture` runs
//! each for a minute instead of two seconds.

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
