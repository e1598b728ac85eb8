//! Time and randomness: the only ways either enters the product.

use std::time::Duration;

use portcullis_model::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The present moment, which may jump when somebody sets the machine's clock.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which never jumps back: for measuring how long things take.
    fn monotonic(&self) -> Duration;
}

/// Where randomness comes from. Must be fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills a buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// A fixed number of random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0_u8; N];
    entropy.fill(&mut bytes);
    bytes
}
