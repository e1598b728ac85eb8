//! Tape format, version 1.
//!
//! ```text
//! "PORTCULLIS TAPE 1\n"
//! u32   length of the header
//! ...   header, JSON
//! [32]  link 0 = SHA-256(everything above)
//! then segments:
//! u32   length of what follows
//! u8    kind: 1 frames, 2 end (sealed), 3 recovered (end, in clear)
//! u8    flags: bit 0, the plaintext is zstd-compressed
//! u64   sequence number, from 0
//! u64   time of its first event, milliseconds since start
//! [24]  nonce: the writer's random prefix and the sequence number
//! ...   body: XChaCha20-Poly1305, AAD = link n || the five fields above
//! [32]  link n+1 = SHA-256(link n || everything above in this segment)
//! ```
//!
//! Integers are big-endian. Links are not secret: they show anybody with the ledger's head that
//! nothing changed, and where. The seal, bound to the link before it, shows the key's holder that
//! nobody without the key rewrote the chain. A `recovered` end is vouched for by the ledger alone.

mod chain;
mod codec;
mod reader;
mod segment;
mod verify;
mod writer;

use std::io::{ErrorKind, Read};

pub use reader::TapeReader;
pub use segment::{End, SealedSegment};
pub use verify::{Ending, Recovery, Verified, recover, verify};
pub use writer::{Due, TapeWriter};

use crate::error::TapeError;

/// First bytes of every tape of this version.
pub(crate) const MAGIC: &[u8] = b"PORTCULLIS TAPE 1\n";
/// Largest header read, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = 256 * 1024;
/// Largest segment, in bytes, its length field not counted.
pub const MAX_SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// Largest payload of one event, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;
/// Buffered bytes at which a segment is due.
pub const FLUSH_BYTES: usize = 64 * 1024;

/// Fills `buffer` as far as the source goes; returns how far that was.
pub(crate) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, TapeError> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..)
        && !rest.is_empty()
    {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(TapeError::Unreadable(error.to_string())),
        }
    }
    Ok(filled)
}

/// Reads `length` bytes, or fewer at the end; allocates no more than there is.
pub(crate) fn fill_vec(source: &mut impl Read, length: usize) -> Result<Vec<u8>, TapeError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    source
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| TapeError::Unreadable(error.to_string()))?;
    Ok(bytes)
}
