//! The pipeline under a scheduler that draws everything from a seed: which call
//! goes on next, how long it takes, what fails, which process dies. Stores,
//! queues and receivers are in memory and as hostile as the real ones may be.
//! A seed that breaks a promise is printed, and
//!
//! ```sh
//! SIMULATION_SEED=4711 cargo test -p tests --test simulation -- --nocapture
//! ```
//!
//! tells its whole story. `SIMULATION_SEEDS` says how many are tried.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod dice;
mod documents;
mod endpoint;
mod found;
mod model;
mod mutants;
mod plan;
mod process;
mod queue;
mod run;
mod settle;
mod sim;
mod stores;
mod verdict;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mutants::Mutant;
use run::run;
use verdict::{Promise, Tally, Verdict};

const SEEDS: u64 = 10_000;
/// Within this many seeds every mutant has to be noticed.
const SEEDS_PER_MUTANT: u64 = 400;

#[test]
fn every_promise_is_kept_whatever_the_seed() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let verdict = run(seed, None, true);
        println!("{}", verdict.lines.join("\n"));
        assert!(verdict.broken.is_empty(), "{:#?}", verdict.broken);
        return;
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let tally = each(seeds, |seed| {
        let verdict = run(seed, None, false);
        assert!(verdict.broken.is_empty(), "SIMULATION_SEED={seed}\n{:#?}", verdict.broken);
        verdict.tally
    });
    println!("{seeds} seeds: {tally:#?}");
    assert!(seeds < SEEDS || holds_enough(tally), "these runs show too little: {tally:#?}");
}

/// Out of turn, a copy asks for the next retry as well: whoever was in turn died.
/// It breaks without that, while plans are drawn as they are now.
#[test]
fn a_seed_that_once_broke_a_promise_keeps_it() {
    assert_eq!(run(38_862, None, false).broken, []);
}

/// Of everything that can happen, some did.
fn holds_enough(tally: Tally) -> bool {
    let Tally { events, deliveries, requests, faults, skipped, manual, .. } = tally;
    let Tally { unlogged, repeated, overlapping, overtaken, opened, .. } = tally;
    let counts = [events, deliveries, requests, faults, skipped, manual];
    let counts = counts.into_iter().chain([unlogged, repeated, overlapping, overtaken, opened]);
    counts.min() > Some(0)
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..60 {
        let story = |verdict: Verdict| (verdict.trace, verdict.tally, verdict.lines);
        let (one, other) = (story(run(seed, None, true)), story(run(seed, None, true)));
        assert!(one == other, "SIMULATION_SEED={seed} went differently the second time");
        assert_eq!(one.0, run(seed, None, false).trace, "SIMULATION_SEED={seed} depends on whether it is told");
    }
}

#[test]
fn without_a_fault_every_attempt_is_made_once() {
    let mut calm = 0;
    for tally in (0..300).map(|seed| run(seed, None, false).tally).filter(|tally| tally.faults == 0) {
        let Tally { unlogged, repeated, overlapping, overtaken, forgotten, .. } = tally;
        assert_eq!([unlogged, repeated, overlapping, overtaken, forgotten], [0; 5]);
        calm += 1;
    }
    assert!(calm > 10, "only {calm} runs had no fault");
}

#[test]
fn every_mutant_is_noticed() {
    for (mutant, promise) in Mutant::ALL {
        let noticed = (0..SEEDS_PER_MUTANT).find(|seed| breaks(*seed, mutant, promise));
        let seed = noticed.unwrap_or_else(|| panic!("{mutant:?} goes unnoticed for {SEEDS_PER_MUTANT} seeds"));
        println!("{mutant:?} breaks {promise:?} with seed {seed}");
    }
}

fn breaks(seed: u64, mutant: Mutant, promise: Promise) -> bool {
    run(seed, Some(mutant), false).broken.iter().any(|(broken, _)| *broken == promise)
}

/// Runs seeds on every core and adds up what they held.
fn each(seeds: u64, judge: impl Fn(u64) -> Tally + Sync) -> Tally {
    let next = AtomicU64::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut all = Tally::default();
    thread::scope(|scope| {
        let work = || {
            let mut sum = Tally::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds {
                    return sum;
                }
                sum.add(judge(seed));
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(sum) => all.add(sum),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    all
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
