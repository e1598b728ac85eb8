//! Ed25519 keys with a name: what logs and witnesses sign with, told apart by the type of signature they make.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::hash::digest;
use crate::note::NoteError;

/// A public key with its name and the type of its signatures, which its ID covers.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NamedKey {
    kind: u8,
    name: String,
    id: u32,
    key: [u8; 32],
}

impl NamedKey {
    pub(crate) fn new(kind: u8, name: &str, key: [u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::BadName {
                name: name.to_owned(),
            });
        }
        let hash = digest(&[name.as_bytes(), b"\n", &[kind], &key]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        Ok(Self {
            kind,
            name: name.to_owned(),
            id: u32::from_be_bytes([a, b, c, d]),
            key,
        })
    }

    /// Reads `NAME+ID+KEY`; a key of another kind is refused.
    pub(crate) fn parse(kind: u8, vkey: &str) -> Result<Self, NoteError> {
        let malformed = |reason| NoteError::MalformedKey { reason };
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("it has fewer than three parts"));
        };
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| malformed("the key is not base64"))?;
        let (found, key) = bytes.split_first().ok_or(malformed("the key is empty"))?;
        if *found != kind {
            return Err(malformed("it is the key of another kind of signature"));
        }
        let key = key
            .try_into()
            .map_err(|_| malformed("the key is not 32 bytes long"))?;
        let named = Self::new(kind, name, key)?;
        if format!("{:08x}", named.id) != id {
            return Err(malformed("its ID does not match name and key"));
        }
        Ok(named)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind];
        bytes.extend(self.key);
        let encoded = STANDARD.encode(bytes);
        write!(f, "{}+{:08x}+{encoded}", self.name, self.id)
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    let forbidden = |c: char| c == '+' || c.is_whitespace() || c.is_control();
    !name.is_empty() && !name.contains(forbidden)
}

/// The key pair of a 32-byte seed (RFC 8032), and its public half.
pub(crate) fn pair(seed: &[u8; 32]) -> Result<(Ed25519KeyPair, [u8; 32]), NoteError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::BadSeed)?;
    let key = pair.public_key().as_ref();
    let key = key.try_into().map_err(|_| NoteError::BadSeed)?;
    Ok((pair, key))
}
