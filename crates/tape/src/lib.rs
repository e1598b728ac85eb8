//! The recording format: typed tracks, sealed segments, hash chain, verifier, export.
//!
//! Bytes in, bytes out: no file, clock, socket or randomness. Each format version lives in a folder
//! of its own and stays readable for ever; [`open`] chooses by the first line of the tape. Tape keys
//! arrive from outside, already wrapped for their recipients.

mod error;
mod export;
mod frame;
mod header;
mod sanitize;
mod v1;

use std::io::Read;

pub use error::TapeError;
pub use export::{AsciicastExport, json_line};
pub use frame::{Event, Exit, Frame, Notice, TrackKind};
pub use header::{Head, Header, KeyWrap, TapeKey, Track};
pub use sanitize::{RESTORE, Sanitizer, plain};
pub use v1::{
    Due, End, Ending, FLUSH_BYTES, MAX_PAYLOAD_BYTES, MAX_SEGMENT_BYTES, Recovery, SealedSegment,
    TapeReader, TapeWriter, Verified, recover, verify,
};

/// Every version's first line is this, a decimal version, and a newline.
pub(crate) const MAGIC_PREFIX: &[u8] = b"PORTCULLIS TAPE ";

/// Opens a tape of any known version and reads its header.
///
/// # Errors
/// [`TapeError::NotTape`], [`TapeError::UnknownVersion`], or what the version's header reader says.
pub fn open<R: Read>(mut source: R) -> Result<TapeReader<R>, TapeError> {
    let mut line = Vec::new();
    // Long enough for any version number there will ever be.
    while line.len() < 32 && line.last() != Some(&b'\n') {
        let mut byte = [0];
        if v1::fill(&mut source, &mut byte)? == 0 {
            break;
        }
        line.extend(byte);
    }
    let version = line
        .strip_prefix(MAGIC_PREFIX)
        .and_then(|rest| rest.strip_suffix(b"\n"))
        .ok_or(TapeError::NotTape)?;
    match version {
        b"1" => TapeReader::after_magic(source),
        other => Err(TapeError::UnknownVersion(plain(&String::from_utf8_lossy(
            other,
        )))),
    }
}
