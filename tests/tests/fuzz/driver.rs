//! Runs one target on mutations of a corpus for a while.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use arbtest::arbitrary::Unstructured;
use arbtest::arbtest;

use crate::mutation::mutated;

const SECONDS: &str = "HOOKLINE_FUZZ_SECONDS";
/// How long one target is run unless that says otherwise.
const USUAL: Duration = Duration::from_secs(2);
/// The longest that one input may take, on a machine that is busy with others.
const LONGEST: Duration = Duration::from_secs(10);
/// Random bytes that an input is made of.
const FEWEST: u64 = 64;
const MOST: u64 = 2_048;
/// How long a failing input is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);

/// Runs `target` on what is like `corpus`, and on what is not. It fails by panicking,
/// and by taking too long. The seed of a failure is printed; `ARBTEST_SEED` repeats it.
/// The inputs are the same every time, so that a change is not blamed for what was
/// there before it; who asks for a longer run gets others.
pub(crate) fn fuzz(name: &str, corpus: &[Vec<u8>], target: impl Fn(&[u8])) {
    for seed in corpus {
        run(&target, seed);
    }
    let asked = std::env::var_os(SECONDS).map(|seconds| seconds.into_string().expect("it is text"));
    let first = if asked.is_some() { RandomState::new().hash_one(name) } else { 0 };
    let (budget, started, runs) = (budget(asked), Instant::now(), Cell::new(0_u64));
    let property = |random: &mut Unstructured<'_>| {
        // There may be too few random bytes for one.
        let Ok(input) = mutated(corpus, random) else { return Ok(()) };
        runs.set(runs.get() + 1);
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(&target, &input))) {
            let small =
                quietly(|| shrunk(input, |smaller| catch_unwind(AssertUnwindSafe(|| run(&target, smaller))).is_err()));
            println!("{name} fails on {} bytes: {}", small.len(), small.escape_ascii());
            resume_unwind(cause);
        }
        Ok(())
    };
    if std::env::var_os("ARBTEST_SEED").is_some() {
        return arbtest(property).run();
    }
    for number in 0.. {
        if started.elapsed() >= budget {
            break;
        }
        arbtest(property).seed(seed(first, number)).run();
    }
    assert!(runs.get() > 0, "no input could be made");
    println!("{name}: {} inputs in {} s", runs.get(), budget.as_secs());
}

/// Its lower half is the number of random bytes that an input is made of, as arbtest has it.
fn seed(first: u64, number: u64) -> u64 {
    let random = first.wrapping_add(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    random >> 32 << 32 | (FEWEST + number % (MOST - FEWEST))
}

/// A run that is not as long as was asked for would prove less than it seems to.
fn budget(asked: Option<String>) -> Duration {
    asked.map_or(USUAL, |text| match text.parse() {
        Ok(seconds @ 1..) => Duration::from_secs(seconds),
        _ => panic!("{SECONDS} is {text:?}; expected a number of seconds from 1"),
    })
}

/// Panics in this thread are not printed.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                usual(panic)
            }
        }));
    });
    QUIET.set(true);
    let result = work();
    QUIET.set(false);
    result
}

fn run(target: &impl Fn(&[u8]), input: &[u8]) {
    let started = Instant::now();
    target(input);
    let took = started.elapsed();
    assert!(took < LONGEST, "took {took:?}");
}

/// Leaves out piece after piece for as long as it still fails.
fn shrunk(mut input: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (started, mut size) = (Instant::now(), input.len() / 2);
    while size > 0 {
        let mut at = 0;
        while at < input.len() && started.elapsed() < SHRINKING {
            let smaller = [&input[..at], &input[input.len().min(at + size)..]].concat();
            if fails(&smaller) { input = smaller } else { at += size }
        }
        size /= 2;
    }
    input
}

#[test]
fn a_failure_is_found_and_made_small() {
    let corpus = [br#"{"a":1,"b":[2,3]}"#.to_vec()];
    let fails = |input: &[u8]| input.windows(2).any(|pair| pair == b"[[");
    let found = catch_unwind(|| fuzz("a bug", &corpus, |input| assert!(!fails(input))));
    assert!(found.is_err(), "nobody writes [[ by accident, but the driver does");
    assert_eq!(shrunk(b"abc[[def".to_vec(), fails), b"[[");
}

#[test]
fn a_time_that_makes_no_sense_is_refused_by_name() {
    assert_eq!((budget(None), budget(Some("60".to_owned()))), (USUAL, Duration::from_secs(60)));
    for wrong in ["", "0", "-1", "1.5", "60s"] {
        let refused = quietly(|| catch_unwind(|| budget(Some(wrong.to_owned())))).unwrap_err();
        let message = refused.downcast_ref::<String>().unwrap();
        assert!(message.contains(SECONDS) && message.contains(&format!("{wrong:?}")), "{message}");
    }
}
