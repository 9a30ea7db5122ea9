use std::cell::RefCell;

/// A source of randomness: for ids and secrets, and for jitter.
pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);

    /// A number from 0 (included) to 1 (excluded).
    fn unit(&self) -> f64 {
        let mut bytes = [0_u8; 8];
        self.fill(&mut bytes);
        // The 53 bits that a double holds exactly.
        (u64::from_be_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

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

/// Always the same number, for exact tests of jitter.
#[derive(Clone, Copy, Debug)]
pub struct FixedRandom(pub f64);

impl Random for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill((self.0 * 256.0) as u8);
    }

    fn unit(&self) -> f64 {
        self.0
    }
}
