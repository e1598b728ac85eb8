//! Where random bytes come from: from the caller. This crate draws none of its own.

use zeroize::Zeroizing;

/// The source of random bytes failed, or left its output as zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of random bytes gave none; check the operating system's random device")]
pub struct NoEntropy;

/// Fills a slice with bytes from a cryptographic source. Any `FnMut(&mut [u8]) -> Result<(), NoEntropy>` is one.
pub trait Entropy {
    /// Fills all of `out`, or fails.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

impl<F: FnMut(&mut [u8]) -> Result<(), NoEntropy>> Entropy for F {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self(out)
    }
}

/// Draws `N` bytes. All zeros is what a source that forgot to write leaves behind; from 12 bytes up an honest one
/// never gives it.
pub(crate) fn draw<const N: usize>(
    entropy: &mut dyn Entropy,
) -> Result<Zeroizing<[u8; N]>, NoEntropy> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    entropy.fill(bytes.as_mut_slice())?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(NoEntropy);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_writes_nothing_is_refused() {
        assert_eq!(draw::<12>(&mut |_: &mut [u8]| Ok(())), Err(NoEntropy));
    }

    #[test]
    fn a_source_that_writes_is_believed() {
        let mut source = |out: &mut [u8]| {
            out.fill(7);
            Ok(())
        };
        assert_eq!(draw::<12>(&mut source).as_deref(), Ok(&[7; 12]));
    }
}
