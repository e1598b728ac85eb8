//! Recording: frames go in, sealed segments come out, in order.
//! The caller stores the bytes and decides when time alone makes a flush due.

use serde::Serialize;

use super::chain::{Chain, sha256};
use super::segment::{Draft, End, MAX_PLAINTEXT, key_check};
use super::{FLUSH_BYTES, MAGIC, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, codec};
use crate::error::TapeError;
use crate::frame::Frame;
use crate::header::{Head, Header, TapeKey};

/// zstd's fastest regular level: terminals shrink well at any.
const LEVEL: i32 = 1;
/// Plaintexts shorter than this are not worth compressing.
const WORTH_COMPRESSING: usize = 128;
/// Segments stored as they are after one that did not shrink, before the next attempt.
const REST: u8 = 15;

/// Whether a segment should be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Due {
    /// There is room; flush when time says so.
    Later,
    /// [`FLUSH_BYTES`] are reached: flush.
    Now,
}

/// Writes one tape. Dropping it loses what was not flushed, and leaves the tape unfinished.
#[derive(Debug)]
pub struct TapeWriter {
    key: TapeKey,
    nonce_prefix: [u8; 16],
    chain: Chain,
    buffer: Vec<u8>,
    first_event_ms: u64,
    probe: CompressionProbe,
}

/// The header as stored: with what tells a wrong key from a broken tape.
#[derive(Serialize)]
struct StoredHeader<'a> {
    #[serde(flatten)]
    header: &'a Header,
    #[serde(serialize_with = "crate::header::to_hex")]
    key_check: [u8; 32],
}

impl TapeWriter {
    /// Begins a tape; the bytes returned are its first and must be stored before any segment.
    ///
    /// `key` and `nonce_prefix` must be fresh random values: both are used for this tape only.
    ///
    /// # Errors
    /// [`TapeError::HeaderTooLarge`], [`TapeError::HeaderMalformed`].
    pub fn begin(
        header: &Header,
        key: TapeKey,
        nonce_prefix: [u8; 16],
    ) -> Result<(Self, Vec<u8>), TapeError> {
        let stored = StoredHeader {
            header,
            key_check: key_check(&key),
        };
        let json = serde_json::to_vec(&stored)
            .map_err(|error| TapeError::HeaderMalformed(error.to_string()))?;
        let too_large = TapeError::HeaderTooLarge {
            bytes: json.len(),
            limit: MAX_HEADER_BYTES,
        };
        let length = u32::try_from(json.len()).map_err(|_| too_large.clone())?;
        if json.len() > MAX_HEADER_BYTES {
            return Err(too_large);
        }
        let mut bytes = [MAGIC, &length.to_be_bytes(), &json].concat();
        let link = sha256(&[&bytes]);
        bytes.extend(link);
        let writer = Self {
            key,
            nonce_prefix,
            chain: Chain::begin(link, bytes.len()),
            buffer: Vec::new(),
            first_event_ms: 0,
            probe: CompressionProbe { rest: 0 },
        };
        Ok((writer, bytes))
    }

    /// Buffers a frame.
    ///
    /// # Errors
    /// [`TapeError::FrameTooLarge`] above [`MAX_PAYLOAD_BYTES`]; [`TapeError::SegmentFull`] if
    /// [`Due::Now`] was ignored for too long. The frame is not recorded then.
    pub fn push(&mut self, frame: &Frame) -> Result<Due, TapeError> {
        let (kind, payload) = codec::payload(&frame.event);
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(TapeError::FrameTooLarge {
                bytes: payload.len(),
                limit: MAX_PAYLOAD_BYTES,
            });
        }
        let before = self.buffer.len();
        codec::encode(frame.track, frame.at_ms, kind, &payload, &mut self.buffer);
        if self.buffer.len() > MAX_PLAINTEXT {
            self.buffer.truncate(before);
            return Err(TapeError::SegmentFull);
        }
        if before == 0 {
            self.first_event_ms = frame.at_ms;
        }
        Ok(if self.buffer.len() >= FLUSH_BYTES {
            Due::Now
        } else {
            Due::Later
        })
    }

    /// Bytes waiting for a flush.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Seals what is buffered into the next segment; `None` if there is nothing.
    ///
    /// [`Self::head`] counts the segment from now on: store it before the head is told to anybody.
    ///
    /// # Errors
    /// [`TapeError::Sealing`]; the frames stay buffered.
    pub fn flush(&mut self) -> Result<Option<Vec<u8>>, TapeError> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let packed = self.probe.compress(&self.buffer);
        let plaintext = packed.as_deref().unwrap_or(&self.buffer);
        let draft = self.draft(self.first_event_ms);
        let bytes = draft.seal_frames(&self.key, plaintext, packed.is_some())?;
        self.buffer.clear();
        self.advance(&bytes);
        Ok(Some(bytes))
    }

    /// How far the tape has come, as of the last flush.
    pub fn head(&self) -> Head {
        self.chain.head()
    }

    /// Ends the tape: what was buffered, then the sealed end marker, and the final head.
    ///
    /// # Errors
    /// [`TapeError::Sealing`].
    pub fn finish(mut self, end: &End) -> Result<(Vec<u8>, Head), TapeError> {
        let mut bytes = self.flush()?.unwrap_or_default();
        let marker = self.draft(end.at_ms).seal_end(&self.key, end)?;
        self.advance(&marker);
        bytes.extend(marker);
        Ok((bytes, self.head()))
    }

    fn draft(&self, first_event_ms: u64) -> Draft<'_> {
        Draft {
            chain: &self.chain,
            first_event_ms,
            nonce_prefix: &self.nonce_prefix,
        }
    }

    fn advance(&mut self, segment: &[u8]) {
        if let Some(link) = segment.last_chunk::<32>() {
            self.chain.advance(*link, segment.len());
        }
    }
}

/// Decides whether compressing is worth the time: after content that does not shrink (a binary, a
/// download) it lets some segments pass before it tries again.
#[derive(Debug)]
struct CompressionProbe {
    rest: u8,
}

impl CompressionProbe {
    fn compress(&mut self, plaintext: &[u8]) -> Option<Vec<u8>> {
        if plaintext.len() < WORTH_COMPRESSING {
            return None;
        }
        if self.rest > 0 {
            self.rest = self.rest.saturating_sub(1);
            return None;
        }
        let packed = zstd::bulk::compress(plaintext, LEVEL).ok()?;
        let gain = plaintext.len().saturating_sub(packed.len());
        if gain < plaintext.len() / 16 {
            self.rest = REST;
            return None;
        }
        Some(packed)
    }
}
