//! One leaf's offline proof in the standard form, `c2sp.org/tlog-proof@v1`.
//! <https://c2sp.org/tlog-proof>

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::checkpoint::{CheckpointError, SignedCheckpoint};
use crate::growth::read_path;
use crate::hash::{Hash, leaf_hash};
use crate::lines::{Lines, decimal};
use crate::note::{Note, NoteError, NoteVerifier};
use crate::proof::{ProofError, verify_inclusion};

const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// Longest proof read, in hashes: a consistency proof of a tree of 2^64 leaves has 65.
pub(crate) const MAX_PATH: usize = 65;

/// A proof that some leaf, kept elsewhere, is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Context for the application. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// Index of the leaf.
    pub index: u64,
    /// The inclusion proof.
    pub path: Vec<Hash>,
    /// The checkpoint it leads to, not verified.
    pub checkpoint: Note,
}

/// Why a proof in standard form was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The text cannot be read.
    #[error("line {line} of the proof is malformed: the file was truncated or altered")]
    Malformed {
        /// Line, from 1.
        line: usize,
    },
    /// The checkpoint in it cannot be read.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint in it is not trusted.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The leaf is not what was logged, or the proof is not its proof.
    #[error("the leaf is not entry {index} of the log: {source}")]
    Proof {
        /// Index the proof claims.
        index: u64,
        /// What does not fit.
        source: ProofError,
    },
}

impl TlogProof {
    /// Reads the text form; checks no proof and no signature.
    ///
    /// # Errors
    /// [`TlogProofError::Malformed`] or [`TlogProofError::Note`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        let malformed = |line| TlogProofError::Malformed { line };
        let text = std::str::from_utf8(bytes).map_err(|_| malformed(1))?;
        let mut lines = Lines::new(text);
        if lines.next() != Some(MAGIC) {
            return Err(malformed(1));
        }
        let extra = match lines.field("extra") {
            Some(encoded) => Some(STANDARD.decode(encoded).map_err(|_| malformed(2))?),
            None => None,
        };
        let line = lines.upcoming();
        let index = lines.field("index").and_then(decimal);
        let index = index.ok_or(malformed(line))?;
        let path = read_path(&mut lines).ok_or_else(|| malformed(lines.upcoming()))?;
        let checkpoint = Note::parse(lines.rest().as_bytes())?;
        Ok(Self {
            extra,
            index,
            path,
            checkpoint,
        })
    }

    /// Checks that `leaf` is in the log whose key is among `keys`.
    ///
    /// # Errors
    /// [`TlogProofError`] when the checkpoint is not trusted or the proof does not hold.
    pub fn verify(
        &self,
        leaf: &[u8],
        keys: &[NoteVerifier],
    ) -> Result<SignedCheckpoint, TlogProofError> {
        let signed = SignedCheckpoint::accept(self.checkpoint.clone(), keys)?;
        let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
        verify_inclusion(self.index, size, &leaf_hash(leaf), &self.path, root).map_err(
            |source| TlogProofError::Proof {
                index: self.index,
                source,
            },
        )?;
        Ok(signed)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
