//! Signed notes with Ed25519 keys: a text, and the signatures of whoever vouches for it.
//! <https://c2sp.org/signed-note>

use std::fmt;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::named_key::{NamedKey, is_name, pair};

/// Signature type byte of plain Ed25519 note signatures.
const ED25519_TYPE: u8 = 0x01;
/// Longest note accepted, in bytes; a note is read whole before its signature is known.
const MAX_NOTE_BYTES: usize = 1_000_000;
/// Most signatures accepted on one note.
const MAX_SIGNATURES: usize = 100;

/// A text with its signature lines, not verified by itself: see [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line, possibly of a key or a type unknown here (a witness, for instance).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: u32,
    signature: Vec<u8>,
}

/// Who signed a note, as far as the given keys tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers {
    /// Verifier keys (as text) whose signatures hold; at least one.
    pub verified: Vec<String>,
    /// Names on signatures that no given key could check.
    pub ignored: Vec<String>,
}

/// A log's public key with its name, written `NAME+ID+KEY` (a "vkey").
#[derive(Clone, PartialEq, Eq)]
pub struct NoteVerifier(NamedKey);

/// A private key with its name.
pub struct NoteSigner {
    pair: Ed25519KeyPair,
    verifier: NoteVerifier,
}

/// Why a note or a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The bytes are not text without control characters.
    #[error("the note is not plain UTF-8 text: it was altered or is another kind of file")]
    NotText,
    /// Beyond what is read before a signature is known to hold.
    #[error("the note has {bytes} bytes, at most {MAX_NOTE_BYTES} are accepted")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The end of the note, where signatures are, is missing.
    #[error("the note has no complete signature block: it was truncated or never signed")]
    Unsigned,
    /// A signature line cannot be read.
    #[error("signature line {position} of the note is malformed: it was altered")]
    MalformedSignature {
        /// Which signature line, from 1.
        position: usize,
    },
    /// More signature lines than accepted.
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// None of the trusted keys signed.
    #[error("signed by unknown key: {} signed, none of the {trusted} trusted keys did", signed_by.join(", "))]
    UnknownKey {
        /// Names on the signature lines.
        signed_by: Vec<String>,
        /// How many keys were trusted.
        trusted: usize,
    },
    /// A trusted key's signature is wrong.
    #[error("the signature of {name} does not match the note: text or signature was altered")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// A key's text form cannot be read.
    #[error("not a verifier key ({reason}); expected NAME+ID+KEY as `ledger key` prints it")]
    MalformedKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key name the format does not allow.
    #[error(
        "{name:?} cannot name a key: it must be non-empty, without spaces, plus signs or control characters"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// The private key was refused.
    #[error("the signing seed was refused by the cryptographic library")]
    BadSeed,
}

impl Note {
    /// Reads a note; checks form only.
    ///
    /// # Errors
    /// [`NoteError`] for anything that is not a well-formed signed note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge { bytes: bytes.len() });
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if whole.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::NotText);
        }
        let (text, block) = whole.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        let block = block.strip_suffix('\n').ok_or(NoteError::Unsigned)?;
        let mut signatures = Vec::new();
        for (position, line) in (1..).zip(block.split('\n')) {
            if position > MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature = NoteSignature::parse(line);
            signatures.push(signature.ok_or(NoteError::MalformedSignature { position })?);
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// A text and the signature that was kept away from it.
    pub(crate) fn detached(text: String, signature: NoteSignature) -> Self {
        Self {
            text,
            signatures: vec![signature],
        }
    }

    /// The signed text, its last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, known or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature; every other one, such as those of witnesses, is kept.
    pub fn sign(&mut self, signer: &NoteSigner) {
        self.add(signer.sign_text(&self.text));
    }

    /// Adds a signature line in place of an earlier one by the same key.
    pub(crate) fn add(&mut self, signature: NoteSignature) {
        self.signatures
            .retain(|old| old.name != signature.name || old.key_id != signature.key_id);
        self.signatures.push(signature);
    }

    /// Checks every signature made by one of `keys`; ignores the others.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] if one of them is wrong, even when another holds;
    /// [`NoteError::UnknownKey`] if there is none.
    pub fn verify(&self, keys: &[NoteVerifier]) -> Result<Signers, NoteError> {
        let mut signers = Signers {
            verified: Vec::new(),
            ignored: Vec::new(),
        };
        for signature in &self.signatures {
            let matches = |key: &&NoteVerifier| signature.claims(&key.0);
            let mut known = keys.iter().filter(matches).peekable();
            if known.peek().is_none() {
                signers.ignored.push(signature.name.clone());
                continue;
            }
            let key = known
                .find(|key| key.0.signed(self.text.as_bytes(), &signature.signature))
                .ok_or_else(|| NoteError::BadSignature {
                    name: signature.name.clone(),
                })?;
            signers.verified.push(key.to_string());
        }
        if signers.verified.is_empty() {
            return Err(NoteError::UnknownKey {
                signed_by: signers.ignored,
                trusted: keys.len(),
            });
        }
        Ok(signers)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

impl NoteSignature {
    /// The name of the key that signed, as the line claims.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn of(key: &NamedKey, signature: Vec<u8>) -> Self {
        Self {
            name: key.name().to_owned(),
            key_id: key.id(),
            signature,
        }
    }

    /// Whether the line says that this key made it.
    pub(crate) fn claims(&self, key: &NamedKey) -> bool {
        key.name() == self.name && key.id() == self.key_id
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = bytes.split_first_chunk::<4>()?;
        if !is_name(name) || signature.is_empty() {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            key_id: u32::from_be_bytes(*key_id),
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_be_bytes().to_vec();
        bytes.extend(&self.signature);
        writeln!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl NoteVerifier {
    /// A verifier for a raw Ed25519 public key.
    ///
    /// # Errors
    /// [`NoteError::BadName`].
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, NoteError> {
        NamedKey::new(ED25519_TYPE, name, key).map(Self)
    }

    /// Reads the text form, `NAME+ID+KEY`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`] or [`NoteError::BadName`].
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        NamedKey::parse(ED25519_TYPE, vkey).map(Self)
    }

    /// The key's name; for a log, its origin.
    pub fn name(&self) -> &str {
        self.0.name()
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteVerifier({self})")
    }
}

impl NoteSigner {
    /// A signer from a 32-byte Ed25519 seed (RFC 8032).
    ///
    /// # Errors
    /// [`NoteError::BadName`], [`NoteError::BadSeed`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let (pair, key) = pair(seed)?;
        let verifier = NoteVerifier::new(name, key)?;
        Ok(Self { pair, verifier })
    }

    /// The public half, to be given to those who shall trust this log.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// Makes a note of `text` with this one signature. A missing last newline is added.
    ///
    /// # Errors
    /// [`NoteError::NotText`] if the text has control characters besides newlines.
    pub fn note(&self, text: &str) -> Result<Note, NoteError> {
        if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::NotText);
        }
        let text = format!("{}\n", text.strip_suffix('\n').unwrap_or(text));
        let signatures = vec![self.sign_text(&text)];
        Ok(Note { text, signatures })
    }

    pub(crate) fn sign_text(&self, text: &str) -> NoteSignature {
        let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        NoteSignature::of(&self.verifier.0, signature)
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({}, [redacted])", self.verifier.name())
    }
}
