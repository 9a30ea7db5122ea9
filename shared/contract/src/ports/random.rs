use std::cell::RefCell;

use domain::random::Random;

/// The operating system's source.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

/// Bytes that are asked for at once: enough for the ids of some events, each of
/// which would be a system call of its own.
const AHEAD: usize = 512;

thread_local! {
    /// What was asked for and is not used yet, at the end; the rest is zero.
    static LEFT: RefCell<(usize, [u8; AHEAD])> = const { RefCell::new((0, [0; AHEAD])) };
}

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let ask = |bytes: &mut [u8]| {
            getrandom::fill(bytes).expect("an operating system without randomness cannot make secrets");
        };
        if bytes.len() > AHEAD / 8 {
            return ask(bytes);
        }
        LEFT.with_borrow_mut(|(left, ahead)| {
            if *left < bytes.len() {
                ask(ahead);
                *left = AHEAD;
            }
            let taken = &mut ahead[AHEAD - *left..][..bytes.len()];
            bytes.copy_from_slice(taken);
            taken.fill(0);
            *left -= bytes.len();
        });
    }
}
