//! Reading a tape segment by segment, checking the chain on the way.
//! Never holds more than one segment; length fields are capped before anything is allocated.

use std::io::Read;

use serde::Deserialize;

use super::chain::{Chain, sha256};
use super::segment::SealedSegment;
use super::{MAGIC, MAX_HEADER_BYTES, fill, fill_vec};
use crate::error::TapeError;
use crate::header::{Head, Header};

/// Reads one tape from a byte source.
#[derive(Debug)]
pub struct TapeReader<R> {
    source: R,
    header: Header,
    key_check: [u8; 32],
    chain: Chain,
    ended: bool,
    torn_bytes: u64,
}

#[derive(Deserialize)]
struct StoredHeader {
    #[serde(flatten)]
    header: Header,
    #[serde(deserialize_with = "crate::header::from_hex")]
    key_check: [u8; 32],
}

impl<R: Read> TapeReader<R> {
    /// Reads the header of a tape whose magic line was read and is this version's.
    pub(crate) fn after_magic(mut source: R) -> Result<Self, TapeError> {
        let mut length = [0; 4];
        if fill(&mut source, &mut length)? < length.len() {
            return Err(TapeError::HeaderTruncated);
        }
        let bytes = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if bytes > MAX_HEADER_BYTES {
            return Err(TapeError::HeaderTooLarge {
                bytes,
                limit: MAX_HEADER_BYTES,
            });
        }
        let json = fill_vec(&mut source, bytes)?;
        let mut link = [0; 32];
        if fill(&mut source, &mut link)? < link.len() {
            return Err(TapeError::HeaderTruncated);
        }
        if sha256(&[MAGIC, &length, &json]) != link {
            return Err(TapeError::HeaderAltered);
        }
        let stored: StoredHeader = serde_json::from_slice(&json)
            .map_err(|error| TapeError::HeaderMalformed(error.to_string()))?;
        let total = MAGIC.len().saturating_add(36).saturating_add(bytes);
        Ok(Self {
            source,
            header: stored.header,
            key_check: stored.key_check,
            chain: Chain::begin(link, total),
            ended: false,
            torn_bytes: 0,
        })
    }

    /// What the tape says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How far has been read and found whole.
    pub fn head(&self) -> Head {
        self.chain.head()
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the end marker was read.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes behind the last whole segment: what a killed writer left half done.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// The next segment, checked against the chain; `None` where the tape ends, with or without
    /// an end marker (see [`Self::ended`]).
    ///
    /// # Errors
    /// [`TapeError`], naming the segment and what happened to it.
    pub fn next_segment(&mut self) -> Result<Option<SealedSegment>, TapeError> {
        let Some(bytes) = self.next_bytes()? else {
            return Ok(None);
        };
        if self.ended {
            return Err(TapeError::AfterEnd);
        }
        let claimed = SealedSegment::claimed_seq(&bytes);
        if let Some(found) = claimed
            && found != self.chain.next()
        {
            return Err(self.misplaced(found));
        }
        let segment = SealedSegment::parse(&bytes, &mut self.chain, self.key_check)?;
        self.ended = segment.is_end();
        Ok(Some(segment))
    }

    /// The next segment's bytes, its length field included; `None` at the end or at a torn one.
    fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, TapeError> {
        let mut length = [0; 4];
        let got = fill(&mut self.source, &mut length)?;
        if self.ended && got > 0 {
            return Err(TapeError::AfterEnd);
        }
        if got < length.len() {
            self.tear(got);
            return Ok(None);
        }
        let bytes = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        SealedSegment::check_length(self.chain.next(), bytes)?;
        let rest = fill_vec(&mut self.source, bytes)?;
        if rest.len() < bytes {
            self.tear(rest.len().saturating_add(length.len()));
            return Ok(None);
        }
        Ok(Some([&length[..], &rest].concat()))
    }

    /// Says what happened when a segment bears another number than its place asks for, by looking
    /// at the numbers that follow.
    fn misplaced(&mut self, found: u64) -> TapeError {
        let segment = self.chain.next();
        let mut following = None;
        while let Ok(Some(bytes)) = self.next_bytes() {
            let seq = SealedSegment::claimed_seq(&bytes);
            following = following.or(seq);
            if seq == Some(segment) {
                return TapeError::Reordered { segment, found };
            }
        }
        let number_itself_changed = following == segment.checked_add(1);
        if number_itself_changed || found < segment {
            TapeError::Altered { segment }
        } else {
            TapeError::Dropped { segment, found }
        }
    }

    fn tear(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.torn_bytes = self.torn_bytes.saturating_add(bytes);
    }
}
