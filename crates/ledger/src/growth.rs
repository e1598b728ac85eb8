//! From an earlier checkpoint to a later one: rollback, fork and rewriting are told apart here.
//! A growth proof's text is the `add-checkpoint` body of <https://c2sp.org/tlog-witness>.

use std::fmt;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::hash::Hash;
use crate::lines::{Lines, decimal};
use crate::note::{Note, NoteError};
use crate::proof::{ProofError, verify_consistency};
use crate::prove::prove_consistency;
use crate::tile::{TileError, TileReader};
use crate::tlog_proof::MAX_PATH;

/// A consistency proof in a file: from a size somebody trusts to a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthProof {
    /// Size of the earlier tree.
    pub old_size: u64,
    /// The consistency proof.
    pub path: Vec<Hash>,
    /// The later checkpoint, not verified.
    pub checkpoint: Note,
}

/// Why a later checkpoint does not continue an earlier, trusted one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrowthError {
    /// They are of different logs.
    #[error(
        "the trusted checkpoint is of log {trusted:?}, this one of {found:?}: not the same log"
    )]
    OriginMismatch {
        /// Origin of the trusted checkpoint.
        trusted: String,
        /// Origin of the other one.
        found: String,
    },
    /// The log shrank.
    #[error(
        "rollback: the log went backwards from {trusted} entries to {found}; entries were taken away or an old copy was served"
    )]
    Rollback {
        /// Size already trusted.
        trusted: u64,
        /// Size found now.
        found: u64,
    },
    /// Two roots for one size.
    #[error(
        "fork: at {size} entries the root was {trusted} and now is {found}; the log showed two histories"
    )]
    Fork {
        /// Size of both.
        size: u64,
        /// Root already trusted.
        trusted: Hash,
        /// Root found now.
        found: Hash,
    },
    /// Growth was claimed and not proved.
    #[error(
        "no consistency proof from {old} to {new} entries was given: verify the ledger's folder instead, which needs none"
    )]
    ProofMissing {
        /// Size already trusted.
        old: u64,
        /// Size found now.
        new: u64,
    },
    /// The proof's form is wrong.
    #[error("the consistency proof is unusable: {0}")]
    Proof(ProofError),
    /// The proof has the right form and does not hold.
    #[error(
        "fork: the log at {new} entries does not begin with the trusted one of {old}; its history was rewritten, or the proof altered"
    )]
    Rewritten {
        /// Size already trusted.
        old: u64,
        /// Size found now.
        new: u64,
    },
    /// The proof's file cannot be read.
    #[error("line {line} of the consistency proof is malformed: the file was truncated or altered")]
    Malformed {
        /// Line, from 1.
        line: usize,
    },
    /// The checkpoint in the proof's file cannot be read.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Checks that `later` continues `earlier`; `path` may be left out when their sizes are equal.
///
/// # Errors
/// [`GrowthError`], telling rollback, fork and a missing or wrong proof apart.
pub fn verify_growth(
    earlier: &Checkpoint,
    later: &Checkpoint,
    path: Option<&[Hash]>,
) -> Result<(), GrowthError> {
    let (old, new) = (earlier.size(), later.size());
    if earlier.origin() != later.origin() {
        return Err(GrowthError::OriginMismatch {
            trusted: earlier.origin().to_owned(),
            found: later.origin().to_owned(),
        });
    }
    if new < old {
        return Err(GrowthError::Rollback {
            trusted: old,
            found: new,
        });
    }
    if new == old && earlier.root() != later.root() {
        return Err(GrowthError::Fork {
            size: old,
            trusted: *earlier.root(),
            found: *later.root(),
        });
    }
    if new == old && path.is_none() {
        return Ok(());
    }
    let path = path.ok_or(GrowthError::ProofMissing { old, new })?;
    verify_consistency(old, earlier.root(), new, later.root(), path).map_err(|error| match error {
        ProofError::RootMismatch { .. } => GrowthError::Rewritten { old, new },
        other => GrowthError::Proof(other),
    })
}

impl GrowthProof {
    /// The proof that a signed checkpoint continues the log's first `old_size` entries, from the stored log.
    ///
    /// # Errors
    /// [`TileError`] when `old_size` is larger than the checkpoint's or a tile is missing or malformed.
    pub fn gather(
        reader: &dyn TileReader,
        old_size: u64,
        signed: &SignedCheckpoint,
    ) -> Result<Self, TileError> {
        Ok(Self {
            old_size,
            path: prove_consistency(reader, old_size, signed.checkpoint().size())?,
            checkpoint: signed.note().clone(),
        })
    }

    /// Reads the text form; checks no proof and no signature.
    ///
    /// # Errors
    /// [`GrowthError::Malformed`] or [`GrowthError::Note`].
    pub fn parse(bytes: &[u8]) -> Result<Self, GrowthError> {
        let text = std::str::from_utf8(bytes).map_err(|_| GrowthError::Malformed { line: 1 })?;
        let mut lines = Lines::new(text);
        let old_size = lines.field("old").and_then(decimal);
        let old_size = old_size.ok_or(GrowthError::Malformed { line: 1 })?;
        let path = read_path(&mut lines).ok_or_else(|| GrowthError::Malformed {
            line: lines.upcoming(),
        })?;
        let checkpoint = Note::parse(lines.rest().as_bytes())?;
        Ok(Self {
            old_size,
            path,
            checkpoint,
        })
    }
}

impl fmt::Display for GrowthProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Hash lines up to and with the blank line behind them.
pub(crate) fn read_path(lines: &mut Lines<'_>) -> Option<Vec<Hash>> {
    let mut path = Vec::new();
    loop {
        let line = lines.peek()?;
        if !line.is_empty() {
            path.push(Hash::from_base64(line)?);
        }
        lines.next();
        if line.is_empty() {
            return Some(path);
        }
        if path.len() > MAX_PATH {
            return None;
        }
    }
}
