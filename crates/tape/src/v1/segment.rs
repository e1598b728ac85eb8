//! One segment: its layout, its seal and its place in the chain.

use aws_lc_rs::hmac;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};

use super::chain::{Chain, sha256};
use super::{MAX_SEGMENT_BYTES, codec};
use crate::error::TapeError;
use crate::frame::Frame;
use crate::header::TapeKey;

const FRAMES: u8 = 1;
const END: u8 = 2;
const RECOVERED: u8 = 3;
const COMPRESSED: u8 = 1;

/// Bytes of a segment before its body, its length field not counted.
const FIELDS: usize = 1 + 1 + 8 + 8 + NONCE;
const NONCE: usize = 24;
const TAG: usize = 16;
const LINK: usize = 32;
/// Shortest segment, its length field not counted.
const MIN_BYTES: usize = FIELDS + LINK;
/// Largest plaintext: it must fit a segment uncompressed.
pub(crate) const MAX_PLAINTEXT: usize = MAX_SEGMENT_BYTES - MIN_BYTES - TAG;

/// How and when a recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Milliseconds since the session's start.
    pub at_ms: u64,
    /// Why, in words.
    pub reason: String,
}

/// A segment whose place in the chain was checked and whose body is still sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    seq: u64,
    first_event_ms: u64,
    kind: u8,
    flags: u8,
    nonce: [u8; NONCE],
    body: Vec<u8>,
    aad: Vec<u8>,
    key_check: [u8; 32],
}

/// What a segment is made of before it is sealed.
pub(crate) struct Draft<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) first_event_ms: u64,
    pub(crate) nonce_prefix: &'a [u8; 16],
}

impl Draft<'_> {
    /// Seals frames; `compressed` tells whether `plaintext` is a zstd frame already.
    pub(crate) fn seal_frames(
        &self,
        key: &TapeKey,
        plaintext: &[u8],
        compressed: bool,
    ) -> Result<Vec<u8>, TapeError> {
        let flags = if compressed { COMPRESSED } else { 0 };
        self.seal(key, FRAMES, flags, plaintext)
    }

    pub(crate) fn seal_end(&self, key: &TapeKey, end: &End) -> Result<Vec<u8>, TapeError> {
        self.seal(key, END, 0, &end_body(end))
    }

    /// An end marker in clear, by somebody who has no key.
    pub(crate) fn recovered_end(&self, end: &End) -> Vec<u8> {
        let body = end_body(end);
        let fields = self.fields(RECOVERED, 0, &[0; NONCE], body.len());
        link_up(self.chain, fields, &body)
    }

    fn seal(
        &self,
        key: &TapeKey,
        kind: u8,
        flags: u8,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, TapeError> {
        let mut nonce = [0; NONCE];
        let counter = self.chain.next().to_be_bytes();
        for (slot, byte) in nonce
            .iter_mut()
            .zip(self.nonce_prefix.iter().chain(&counter))
        {
            *slot = *byte;
        }
        let length = plaintext.len().saturating_add(TAG);
        let fields = self.fields(kind, flags, &nonce, length);
        let aad = [self.chain.link().as_slice(), &fields].concat();
        let payload = Payload {
            msg: plaintext,
            aad: &aad,
        };
        let body = cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| TapeError::Sealing("the cipher refused the plaintext"))?;
        Ok(link_up(self.chain, fields, &body))
    }

    fn fields(&self, kind: u8, flags: u8, nonce: &[u8; NONCE], body: usize) -> Vec<u8> {
        let length = body.saturating_add(MIN_BYTES);
        let mut fields = u32::try_from(length)
            .unwrap_or(u32::MAX)
            .to_be_bytes()
            .to_vec();
        fields.extend([kind, flags]);
        fields.extend(self.chain.next().to_be_bytes());
        fields.extend(self.first_event_ms.to_be_bytes());
        fields.extend(nonce);
        fields
    }
}

impl SealedSegment {
    /// Whether a length field can be that of a segment.
    pub(crate) fn check_length(segment: u64, bytes: usize) -> Result<(), TapeError> {
        if (MIN_BYTES..=MAX_SEGMENT_BYTES).contains(&bytes) {
            return Ok(());
        }
        Err(TapeError::SegmentLength {
            segment,
            bytes,
            limit: MAX_SEGMENT_BYTES,
        })
    }

    /// Sequence number in a segment's bytes (its length field included), before it is believed.
    pub(crate) fn claimed_seq(bytes: &[u8]) -> Option<u64> {
        let (seq, _) = bytes.get(6..)?.split_first_chunk::<8>()?;
        Some(u64::from_be_bytes(*seq))
    }

    /// Checks a segment's bytes (its length field included) against the chain and takes it apart.
    pub(crate) fn parse(
        bytes: &[u8],
        chain: &mut Chain,
        key_check: [u8; 32],
    ) -> Result<Self, TapeError> {
        let segment = chain.next();
        let before = *chain.link();
        let parts = split(bytes).ok_or(TapeError::Altered { segment })?;
        if sha256(&[&before, parts.hashed]) != parts.link || parts.seq != segment {
            return Err(TapeError::Altered { segment });
        }
        if !matches!(parts.kind, FRAMES | END | RECOVERED) {
            return Err(TapeError::SegmentMalformed {
                segment,
                reason: "its kind is not known",
            });
        }
        chain.advance(parts.link, bytes.len());
        Ok(Self {
            seq: parts.seq,
            first_event_ms: parts.first_event_ms,
            kind: parts.kind,
            flags: parts.flags,
            nonce: parts.nonce,
            body: parts.body.to_vec(),
            aad: [before.as_slice(), parts.fields].concat(),
            key_check,
        })
    }

    /// Number of the segment, from 0.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Time of its first event, milliseconds since the session's start.
    pub fn first_event_ms(&self) -> u64 {
        self.first_event_ms
    }

    /// Whether this is an end marker, sealed or recovered.
    pub fn is_end(&self) -> bool {
        matches!(self.kind, END | RECOVERED)
    }

    /// Opens the frames; an end marker has none.
    ///
    /// # Errors
    /// [`TapeError::WrongKey`], [`TapeError::SealBroken`], [`TapeError::SegmentMalformed`].
    pub fn frames(&self, key: &TapeKey) -> Result<Vec<Frame>, TapeError> {
        if self.kind != FRAMES {
            return Ok(Vec::new());
        }
        let mut plaintext = self.unseal(key)?;
        if self.flags & COMPRESSED != 0 {
            plaintext = zstd::bulk::decompress(&plaintext, MAX_PLAINTEXT)
                .map_err(|_| self.malformed("its compressed content is damaged or too large"))?;
        }
        codec::decode(&plaintext).ok_or_else(|| self.malformed("a frame in it is incomplete"))
    }

    /// Opens an end marker; `None` if this is not one.
    ///
    /// # Errors
    /// As [`Self::frames`]; a recovered end needs no key and ignores it.
    pub fn end(&self, key: &TapeKey) -> Result<Option<End>, TapeError> {
        match self.kind {
            END => self.read_end(&self.unseal(key)?).map(Some),
            RECOVERED => self.recovered_end(),
            _ => Ok(None),
        }
    }

    /// The content of an end marker written by recovery; `None` for any other segment.
    ///
    /// # Errors
    /// [`TapeError::SegmentMalformed`].
    pub fn recovered_end(&self) -> Result<Option<End>, TapeError> {
        match self.kind {
            RECOVERED => self.read_end(&self.body).map(Some),
            _ => Ok(None),
        }
    }

    fn read_end(&self, body: &[u8]) -> Result<End, TapeError> {
        serde_json::from_slice(body).map_err(|_| self.malformed("its end marker is not readable"))
    }

    fn unseal(&self, key: &TapeKey) -> Result<Vec<u8>, TapeError> {
        if key_check(key) != self.key_check {
            return Err(TapeError::WrongKey);
        }
        let payload = Payload {
            msg: &self.body,
            aad: &self.aad,
        };
        cipher(key)
            .decrypt(&XNonce::from(self.nonce), payload)
            .map_err(|_| TapeError::SealBroken { segment: self.seq })
    }

    fn malformed(&self, reason: &'static str) -> TapeError {
        TapeError::SegmentMalformed {
            segment: self.seq,
            reason,
        }
    }
}

/// Tells a wrong key from a broken seal; says nothing about a random 256-bit key otherwise.
pub(crate) fn key_check(key: &TapeKey) -> [u8; 32] {
    let mac = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
    let tag = hmac::sign(&mac, b"portcullis tape 1 key check");
    let mut check = [0; 32];
    check.copy_from_slice(tag.as_ref());
    check
}

struct Parts<'a> {
    hashed: &'a [u8],
    fields: &'a [u8],
    kind: u8,
    flags: u8,
    seq: u64,
    first_event_ms: u64,
    nonce: [u8; NONCE],
    body: &'a [u8],
    link: [u8; LINK],
}

fn split(bytes: &[u8]) -> Option<Parts<'_>> {
    let (hashed, link) = bytes.split_last_chunk::<LINK>()?;
    let (fields, body) = hashed.split_at_checked(FIELDS.saturating_add(4))?;
    let (head, rest) = fields.split_first_chunk::<6>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let [_, _, _, _, kind, flags] = *head;
    Some(Parts {
        hashed,
        fields,
        kind,
        flags,
        seq: u64::from_be_bytes(*seq),
        first_event_ms: u64::from_be_bytes(*first),
        nonce: rest.try_into().ok()?,
        body,
        link: *link,
    })
}

fn link_up(chain: &Chain, fields: Vec<u8>, body: &[u8]) -> Vec<u8> {
    let mut bytes = fields;
    bytes.extend(body);
    let link = sha256(&[chain.link(), &bytes]);
    bytes.extend(link);
    bytes
}

fn end_body(end: &End) -> Vec<u8> {
    // A number and a string: serialising them cannot fail.
    serde_json::to_vec(end).unwrap_or_default()
}

fn cipher(key: &TapeKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.expose_secret()).into())
}
