//! Verifying a whole tape, and giving an end to one whose writer was killed.

use std::io::Read;

use super::reader::TapeReader;
use super::segment::{Draft, End, SealedSegment};
use crate::error::TapeError;
use crate::header::{Head, Header, TapeKey};
use crate::open;

/// A tape that holds as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it says about itself.
    pub header: Header,
    /// How far it goes.
    pub head: Head,
    /// How it ends.
    pub ending: Ending,
}

/// How a tape ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the writer's sealed end marker; its content if the key was given.
    Finished(Option<End>),
    /// With an end marker that recovery wrote in clear after the writer was lost.
    Recovered(End),
    /// Without an end marker: the writer was killed, or the tail was cut off. Which of the two it
    /// is, the ledger's heads tell.
    Unfinished {
        /// Bytes behind the last whole segment.
        torn_bytes: u64,
    },
}

/// What ends an unfinished tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of the tape to keep; anything behind is half a segment and must be cut off.
    pub keep_bytes: u64,
    /// The end marker to append there.
    pub append: Vec<u8>,
    /// Head of the tape with its new end, for the ledger.
    pub head: Head,
}

/// Verifies chain, order and completeness of a tape, against every head the ledger has of it.
///
/// With the key, every seal is opened as well: that shows rewriting by anybody without the key,
/// even where no head is at hand.
///
/// # Errors
/// [`TapeError`], naming the first thing that is wrong.
pub fn verify<R: Read>(
    source: R,
    heads: &[Head],
    key: Option<&TapeKey>,
) -> Result<Verified, TapeError> {
    let mut reader = open(source)?;
    let mut last = None;
    check_heads(&reader, heads)?;
    while let Some(segment) = reader.next_segment()? {
        if let Some(key) = key {
            segment.frames(key)?;
        }
        check_heads(&reader, heads)?;
        last = Some(segment);
    }
    check_complete(&reader, heads)?;
    Ok(Verified {
        ending: ending(&reader, last.as_ref(), key)?,
        header: reader.header().clone(),
        head: reader.head(),
    })
}

/// Works out how to end a tape whose writer was lost. Needs no key.
///
/// `heads` are those the ledger has: a tape that falls short of them was cut, and is not blessed
/// with an end.
///
/// # Errors
/// [`TapeError::AlreadyEnded`], or what [`verify`] says of a damaged tape.
pub fn recover<R: Read>(source: R, heads: &[Head], end: &End) -> Result<Recovery, TapeError> {
    let mut reader = open(source)?;
    check_heads(&reader, heads)?;
    while reader.next_segment()?.is_some() {
        check_heads(&reader, heads)?;
    }
    if reader.ended() {
        return Err(TapeError::AlreadyEnded);
    }
    check_complete(&reader, heads)?;
    let mut chain = *reader.chain();
    let draft = Draft {
        chain: &chain,
        first_event_ms: end.at_ms,
        nonce_prefix: &[0; 16],
    };
    let append = draft.recovered_end(end);
    if let Some(link) = append.last_chunk::<32>() {
        chain.advance(*link, append.len());
    }
    Ok(Recovery {
        keep_bytes: reader.head().bytes,
        append,
        head: chain.head(),
    })
}

fn check_heads<R: Read>(reader: &TapeReader<R>, heads: &[Head]) -> Result<(), TapeError> {
    let here = reader.head();
    let differs = |head: &&Head| head.segments == here.segments && **head != here;
    match heads.iter().find(differs) {
        Some(head) => Err(TapeError::Forked {
            segments: head.segments,
        }),
        None => Ok(()),
    }
}

fn check_complete<R: Read>(reader: &TapeReader<R>, heads: &[Head]) -> Result<(), TapeError> {
    let found = reader.head().segments;
    match heads.iter().map(|head| head.segments).max() {
        Some(expected) if expected > found => Err(TapeError::Truncated { found, expected }),
        _ => Ok(()),
    }
}

fn ending<R: Read>(
    reader: &TapeReader<R>,
    last: Option<&SealedSegment>,
    key: Option<&TapeKey>,
) -> Result<Ending, TapeError> {
    let Some(segment) = last.filter(|segment| segment.is_end()) else {
        return Ok(Ending::Unfinished {
            torn_bytes: reader.torn_bytes(),
        });
    };
    if let Some(end) = segment.recovered_end()? {
        return Ok(Ending::Recovered(end));
    }
    let end = key.map(|key| segment.end(key)).transpose()?;
    Ok(Ending::Finished(end.flatten()))
}
