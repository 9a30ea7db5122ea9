//! Numbers that nobody can foretell, as an argument.

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
