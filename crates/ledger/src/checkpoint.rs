//! Checkpoints: what a log says it is at one moment, and the signed form of it.
//! <https://c2sp.org/tlog-checkpoint>

use crate::hash::Hash;
use crate::lines::{Lines, decimal};
use crate::note::{Note, NoteError, NoteSignature, NoteSigner, NoteVerifier, Signers};

/// Origin, size and root of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

/// A checkpoint whose signature by the log's own key was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    signers: Signers,
}

/// Why a checkpoint was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is malformed or not signed by a trusted key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not a checkpoint.
    #[error("the checkpoint's {part} is malformed: it was altered or is another kind of note")]
    Malformed {
        /// Which of the three lines.
        part: &'static str,
    },
    /// A trusted key signed, but it is another log's.
    #[error(
        "the checkpoint is of log {origin:?}, but none of the keys that signed it bears that name"
    )]
    ForeignOrigin {
        /// Origin in the checkpoint.
        origin: String,
    },
}

impl Checkpoint {
    /// A checkpoint of a log. `origin` must be the name of the key that will sign it.
    pub fn new(origin: &str, size: u64, root: Hash) -> Self {
        Self {
            origin: origin.to_owned(),
            size,
            root,
        }
    }

    /// Name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree of these leaves.
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// The note text: three lines.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads a note text; extension lines are allowed and ignored, as the format asks.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let malformed = |part| CheckpointError::Malformed { part };
        let mut lines = Lines::new(body);
        let origin = lines.next().filter(|line| !line.is_empty());
        let origin = origin.ok_or(malformed("origin"))?;
        let size = lines.next().and_then(decimal).ok_or(malformed("size"))?;
        let root = lines.next().and_then(Hash::from_base64);
        let root = root.ok_or(malformed("root hash"))?;
        while let Some(line) = lines.next() {
            if line.is_empty() {
                return Err(malformed("extension"));
            }
        }
        Ok(Self::new(origin, size, root))
    }

    /// Signs the checkpoint. Signing two that contradict each other is what a log must never do.
    ///
    /// # Errors
    /// [`CheckpointError::ForeignOrigin`] if the signer is not named like the log;
    /// [`CheckpointError::Note`] if the origin cannot stand in a note.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedCheckpoint, CheckpointError> {
        let note = signer.note(&self.body())?;
        SignedCheckpoint::accept(note, std::slice::from_ref(signer.verifier()))
    }
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint and verifies it against the trusted keys.
    ///
    /// # Errors
    /// [`CheckpointError`] unless a trusted key named like the log's origin signed it.
    pub fn open(bytes: &[u8], keys: &[NoteVerifier]) -> Result<Self, CheckpointError> {
        Self::accept(Note::parse(bytes)?, keys)
    }

    pub(crate) fn accept(note: Note, keys: &[NoteVerifier]) -> Result<Self, CheckpointError> {
        let signers = note.verify(keys)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let prefix = format!("{}+", checkpoint.origin);
        if !signers.verified.iter().any(|key| key.starts_with(&prefix)) {
            return Err(CheckpointError::ForeignOrigin {
                origin: checkpoint.origin,
            });
        }
        Ok(Self {
            checkpoint,
            note,
            signers,
        })
    }

    /// The same with one more signature line, which the caller has verified.
    pub(crate) fn with_line(&self, line: NoteSignature) -> Self {
        let mut with = self.clone();
        with.note.add(line);
        with
    }

    /// The verified content.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note as published, all signatures included.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Who signed it.
    pub fn signers(&self) -> &Signers {
        &self.signers
    }
}
