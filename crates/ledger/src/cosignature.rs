//! What a witness says of a checkpoint: that it saw the log grow to it, and when. Ed25519 form.
//! <https://c2sp.org/tlog-cosignature>

use std::fmt;

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::checkpoint::SignedCheckpoint;
use crate::named_key::{NamedKey, pair};
use crate::note::{Note, NoteError, NoteSignature};

/// Signature type byte of timestamped Ed25519 cosignatures.
const COSIGNATURE_TYPE: u8 = 0x04;
/// Bytes of the time before the signature.
const TIME_BYTES: usize = 8;

/// A witness's public key with its name, written `NAME+ID+KEY` (a "vkey").
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey(NamedKey);

/// A witness's private key with its name.
pub struct Cosigner {
    pair: Ed25519KeyPair,
    key: WitnessKey,
}

/// A witness's word for a checkpoint, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Name of the witness.
    pub witness: String,
    /// When it cosigned, by its own clock, in seconds since 1970.
    pub time: u64,
}

impl WitnessKey {
    /// Reads the text form, `NAME+ID+KEY`. A log's key is refused: it vouches for something else.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`] or [`NoteError::BadName`].
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        NamedKey::parse(COSIGNATURE_TYPE, vkey).map(Self)
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its word for a note, if the note bears it.
    fn word(&self, note: &Note) -> Result<Option<Cosignature>, NoteError> {
        let mut lines = note.signatures().iter();
        let Some(line) = lines.find(|line| line.claims(&self.0)) else {
            return Ok(None);
        };
        let said = line.bytes().split_first_chunk::<TIME_BYTES>();
        let time = said.and_then(|(time, signature)| {
            let time = u64::from_be_bytes(*time);
            let holds = self.0.signed(&message(time, note.text()), signature);
            holds.then_some(time)
        });
        let name = self.name().to_owned();
        match time {
            Some(time) => Ok(Some(Cosignature {
                witness: name,
                time,
            })),
            None => Err(NoteError::BadSignature { name }),
        }
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

impl Cosigner {
    /// A cosigner from a 32-byte Ed25519 seed (RFC 8032), which must sign nothing else: a cosignature does not
    /// cover the name it is made under.
    ///
    /// # Errors
    /// [`NoteError::BadName`], [`NoteError::BadSeed`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let (pair, key) = pair(seed)?;
        let key = WitnessKey(NamedKey::new(COSIGNATURE_TYPE, name, key)?);
        Ok(Self { pair, key })
    }

    /// The public half, to be given to those who shall trust this witness.
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The signature line for a checkpoint, its last newline included. `time` in seconds since 1970.
    ///
    /// It says that this is the largest tree the witness has seen of the log, grown from all it saw before:
    /// [`WitnessRequest::judge`](crate::WitnessRequest::judge) is what finds that.
    pub fn cosign(&self, checkpoint: &SignedCheckpoint, time: u64) -> String {
        let signed = self.pair.sign(&message(time, checkpoint.note().text()));
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend(signed.as_ref());
        NoteSignature::of(&self.key.0, bytes).to_string()
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({}, [redacted])", self.key.name())
    }
}

impl SignedCheckpoint {
    /// The words that these witnesses put on the checkpoint. Lines of others are not judged.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] if one of theirs is wrong, even when others hold.
    pub fn cosignatures(&self, witnesses: &[WitnessKey]) -> Result<Vec<Cosignature>, NoteError> {
        let words = witnesses.iter();
        words
            .filter_map(|key| key.word(self.note()).transpose())
            .collect()
    }

    /// The same checkpoint with a witness's word on it, from the lines that the witness answered with. Lines of
    /// unknown keys are left out.
    ///
    /// # Errors
    /// [`NoteError`] if the lines are none, or the witness's is missing or wrong.
    pub fn with_word(&self, lines: &[u8], witness: &WitnessKey) -> Result<Self, NoteError> {
        let answer = [self.note().text().as_bytes(), b"\n", lines].concat();
        let answer = Note::parse(&answer)?;
        // The first of theirs is the one that was verified.
        let mut lines = answer.signatures().iter();
        let theirs = lines.find(|line| line.claims(&witness.0));
        match (witness.word(&answer)?, theirs) {
            (Some(_), Some(line)) => Ok(self.with_line(line.clone())),
            _ => Err(NoteError::UnknownKey {
                signed_by: answer
                    .signatures()
                    .iter()
                    .map(|line| line.name().to_owned())
                    .collect(),
                trusted: 1,
            }),
        }
    }
}

/// What is signed: a header that nothing else begins with, the time, the checkpoint.
fn message(time: u64, checkpoint: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{checkpoint}").into_bytes()
}
