//! The one source of chance: the same seed, the same throws.

use std::sync::Arc;

use domain::random::Random;

use crate::sim::Sim;

/// Steele's SplitMix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 (included) to `end` (excluded).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())].clone()
    }
}

/// What the stages take their ids and jitter from.
pub(crate) struct SimRandom(pub(crate) Arc<Sim>);

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in bytes.chunks_mut(8) {
            let thrown = state.dice.next().to_be_bytes();
            chunk.copy_from_slice(&thrown[..chunk.len()]);
        }
    }
}

/// Bytes that follow from one number.
pub(crate) struct Seeded(pub(crate) u64);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = Dice::new(self.0);
        bytes.fill_with(|| dice.next().to_be_bytes()[0]);
    }
}
