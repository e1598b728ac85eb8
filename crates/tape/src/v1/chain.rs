//! The hash chain: one link for the header, one for each segment.

use aws_lc_rs::digest::{Context, SHA256};

use crate::header::Head;

/// Where a writer or reader is in the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    segments: u64,
    bytes: u64,
    link: [u8; 32],
}

impl Chain {
    /// The chain after a header of `bytes` bytes in all, its link included.
    pub(crate) fn begin(link: [u8; 32], bytes: usize) -> Self {
        Self {
            segments: 0,
            bytes: wide(bytes),
            link,
        }
    }

    /// Number of the segment that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.segments
    }

    pub(crate) fn link(&self) -> &[u8; 32] {
        &self.link
    }

    /// Moves past a segment of `bytes` bytes in all that ends in `link`.
    pub(crate) fn advance(&mut self, link: [u8; 32], bytes: usize) {
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(wide(bytes));
        self.link = link;
    }

    pub(crate) fn head(&self) -> Head {
        Head {
            segments: self.segments,
            bytes: self.bytes,
            hash: self.link,
        }
    }
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
