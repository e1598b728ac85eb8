//! What a tape says about itself in clear: whose session, when, and for whom its key is wrapped.
//! Also the tape key and the head that goes to the ledger.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::frame::TrackKind;

/// The clear part of a tape. Its hash is link zero of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Id of the tape.
    pub tape: String,
    /// Tenant it belongs to.
    pub tenant: String,
    /// Session it records.
    pub session: String,
    /// Start of the session, milliseconds since the Unix epoch; frames count from here.
    pub started_at_ms: u64,
    /// Kind of the broker that writes it.
    pub broker: String,
    /// Digest of the policy bundle in force at the start.
    pub bundle_digest: String,
    /// Tracks known at the start; others begin with [`crate::Event::TrackOpened`].
    pub tracks: Vec<Track>,
    /// The tape key, wrapped for each who may open the tape.
    pub key_wraps: Vec<KeyWrap>,
}

/// One recorded channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Number its frames carry.
    pub number: u32,
    /// What it records.
    pub kind: TrackKind,
}

/// The tape key, wrapped for one recipient by whoever created the tape. Opaque here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyWrap {
    /// Who can unwrap it, such as an age recipient.
    pub recipient: String,
    /// The wrapped key.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub wrapped: Vec<u8>,
}

/// How far a tape has come: what the ledger keeps of it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whole segments written.
    pub segments: u64,
    /// Bytes written, header included.
    pub bytes: u64,
    /// The chain's last link; of a tape without segments, the header's hash.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub hash: [u8; 32],
}

/// The key that seals one tape; wiped when dropped, printed never.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct TapeKey([u8; 32]);

impl TapeKey {
    /// Takes 32 bytes fresh from a secure random source; a key is used for one tape only.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret bytes, for wrapping them to recipients.
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TapeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapeKey([redacted])")
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (segments, bytes) = (self.segments, self.bytes);
        write!(
            f,
            "Head({segments} segments, {bytes} bytes, {})",
            hex(&self.hash)
        )
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

pub(crate) fn to_hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

pub(crate) fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    unhex(&text).ok_or_else(|| serde::de::Error::custom("expected 64 lower-case hex digits"))
}

fn hex(bytes: &[u8; 32]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 0xf)];
    bytes.iter().flat_map(pair).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.saturating_sub(b'0')),
        b'a'..=b'f' => Some(byte.saturating_sub(b'a').saturating_add(10)),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    bytes?.try_into().ok()
}
