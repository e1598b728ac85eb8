//! The offline verifier: an evidence file, keys trusted from elsewhere, and a verdict.
//! Every refusal names the first thing that is wrong.

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use crate::evidence::{EvidenceError, EvidenceFile, EvidenceLeaf};
use crate::growth::{GrowthError, verify_growth};
use crate::hash::{Hash, leaf_hash};
use crate::note::{NoteError, NoteVerifier};
use crate::proof::{ProofError, root_from_inclusion};

/// What the verifier already believes. None of it may come out of the file being verified.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// Keys of logs.
    pub keys: &'a [NoteVerifier],
    /// An earlier checkpoint of the log, already verified.
    pub earlier: Option<&'a Checkpoint>,
    /// Proof that the file's checkpoint continues the earlier one.
    pub growth: Option<&'a [Hash]>,
}

/// An evidence file that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The checkpoint everything leads to.
    pub checkpoint: SignedCheckpoint,
    /// The leaves, each proved to be in the log at its index, ascending; all that the log listed.
    pub leaves: Vec<EvidenceLeaf>,
    /// Size of the earlier checkpoint this log was shown to continue.
    pub continues: Option<u64>,
}

/// Why evidence is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] EvidenceError),
    /// The checkpoint is not one of a trusted log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file shows another key than the one that signed.
    #[error("the file shows key {shown}, which did not sign its checkpoint: the file was altered")]
    ShownKey {
        /// The key shown.
        shown: String,
    },
    /// The log is not a continuation of the one known before.
    #[error(transparent)]
    Growth(#[from] GrowthError),
    /// Index or proof do not fit the tree.
    #[error("leaf {index}: {source}")]
    Shape {
        /// Index of the leaf.
        index: u64,
        /// What does not fit.
        source: ProofError,
    },
    /// The leaf's bytes are not those that were logged.
    #[error("leaf altered at index {index}: its bytes do not hash to the logged leaf hash")]
    LeafAltered {
        /// Index of the leaf.
        index: u64,
    },
    /// The leaf's proof is not what the log gave out.
    #[error(
        "proof altered at index {index}: it does not lead to the checkpoint's root as the others do"
    )]
    ProofAltered {
        /// Index of the leaf.
        index: u64,
    },
    /// The list of leaves is not what the log signed.
    #[error(
        "entries dropped or added: the list of leaves at the head is not the one the log signed for this checkpoint ({source}); get the whole file again"
    )]
    ListAltered {
        /// What is wrong with its signature.
        source: NoteError,
    },
    /// No leaf leads to the checkpoint.
    #[error(
        "root mismatch: the leaves lead to {found}, the checkpoint says {expected}; leaves and checkpoint are of different trees, or were altered"
    )]
    RootMismatch {
        /// Root in the checkpoint.
        expected: Hash,
        /// Root the first leaf leads to.
        found: Hash,
    },
}

/// Verifies an evidence file offline.
///
/// Signatures of keys not in `trust` (witnesses, for instance) are carried along and not judged.
///
/// # Errors
/// [`VerifyError`], naming the first thing that does not hold.
pub fn verify_evidence(bytes: &[u8], trust: &Trust<'_>) -> Result<Verdict, VerifyError> {
    let file = EvidenceFile::parse(bytes)?;
    let signed = SignedCheckpoint::accept(file.checkpoint.clone(), trust.keys)?;
    let shown = file.key.to_string();
    if !signed.signers().verified.contains(&shown) {
        return Err(VerifyError::ShownKey { shown });
    }
    if let Some(earlier) = trust.earlier {
        verify_growth(earlier, signed.checkpoint(), trust.growth)?;
    }
    verify_leaves(signed.checkpoint(), &file.leaves)?;
    file.verify_list(signed.checkpoint())
        .map_err(|source| VerifyError::ListAltered { source })?;
    Ok(Verdict {
        checkpoint: signed,
        leaves: file.leaves,
        continues: trust.earlier.map(Checkpoint::size),
    })
}

fn verify_leaves(checkpoint: &Checkpoint, leaves: &[EvidenceLeaf]) -> Result<(), VerifyError> {
    let expected = *checkpoint.root();
    let roots = leaves
        .iter()
        .map(|leaf| stated_root(checkpoint.size(), leaf))
        .collect::<Result<Vec<_>, _>>()?;
    // One leaf that leads elsewhere was tampered with; if all do, the checkpoint is another tree's.
    if let Some(found) = roots.first()
        && roots.iter().all(|root| *root != expected)
    {
        return Err(VerifyError::RootMismatch {
            expected,
            found: *found,
        });
    }
    for (leaf, root) in leaves.iter().zip(roots) {
        let index = leaf.index;
        if root != expected {
            return Err(VerifyError::ProofAltered { index });
        }
        if leaf_hash(&leaf.data) != leaf.hash {
            return Err(VerifyError::LeafAltered { index });
        }
    }
    Ok(())
}

fn stated_root(size: u64, leaf: &EvidenceLeaf) -> Result<Hash, VerifyError> {
    root_from_inclusion(leaf.index, size, &leaf.hash, &leaf.path).map_err(|source| {
        VerifyError::Shape {
            index: leaf.index,
            source,
        }
    })
}
