//! The rule a witness goes by: it puts its name only to a checkpoint that continues the last one it put its name to.
//! <https://c2sp.org/tlog-witness>

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use crate::growth::{GrowthError, GrowthProof, verify_growth};
use crate::hash::empty_root;
use crate::note::NoteVerifier;

/// What a log asks a witness to put its name to, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRequest {
    proof: GrowthProof,
    shown: Checkpoint,
}

/// Why a witness does not put its name to a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read, or contradicts itself.
    #[error("the request is malformed: {0}")]
    Malformed(String),
    /// The witness was not given the key of such a log.
    #[error("log {origin:?} is none of those this witness was given the key of")]
    UnknownLog {
        /// Origin in the request.
        origin: String,
    },
    /// The log's own key did not sign.
    #[error("the checkpoint is not signed by its log: {0}")]
    Unsigned(CheckpointError),
    /// The request starts from another size than the witness knows, or has another root for the one it knows.
    #[error("the last checkpoint this witness saw of the log has {size} entries")]
    Elsewhere {
        /// The size it knows.
        size: u64,
    },
    /// The proof does not hold: the log that is shown does not begin with the one that was seen.
    #[error(transparent)]
    Inconsistent(GrowthError),
}

impl WitnessRequest {
    /// Reads a request; checks no proof and no signature.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let proof = GrowthProof::parse(bytes).map_err(|error| malformed(&error))?;
        let shown =
            Checkpoint::parse(proof.checkpoint.text()).map_err(|error| malformed(&error))?;
        Ok(Self { proof, shown })
    }

    /// Name of the log it is about, as it says: whose key and whose last checkpoint [`Self::judge`] is to be given.
    pub fn origin(&self) -> &str {
        self.shown.origin()
    }

    /// The checkpoint, found to be its log's and to continue `latest`, the last one that the witness put its name
    /// to; without one, the log begins for it here.
    ///
    /// The caller keeps it for good before anything is signed, and judges no other request of the log in between.
    ///
    /// # Errors
    /// [`Refusal`], in the order in which the protocol has them looked for.
    pub fn judge(
        self,
        key: &NoteVerifier,
        latest: Option<&Checkpoint>,
    ) -> Result<SignedCheckpoint, Refusal> {
        let Self { proof, shown } = self;
        if shown.origin() != key.name() {
            return Err(Refusal::UnknownLog {
                origin: shown.origin().to_owned(),
            });
        }
        let signed = SignedCheckpoint::accept(proof.checkpoint, std::slice::from_ref(key))
            .map_err(Refusal::Unsigned)?;
        if proof.old_size > shown.size() {
            return Err(malformed(&GrowthError::Rollback {
                trusted: proof.old_size,
                found: shown.size(),
            }));
        }
        let nothing = Checkpoint::new(shown.origin(), 0, empty_root());
        let latest = latest.unwrap_or(&nothing);
        let size = latest.size();
        if proof.old_size != size {
            return Err(Refusal::Elsewhere { size });
        }
        match verify_growth(latest, &shown, Some(&proof.path)) {
            Ok(()) => Ok(signed),
            Err(GrowthError::Fork { .. }) => Err(Refusal::Elsewhere { size }),
            Err(other) => Err(Refusal::Inconsistent(other)),
        }
    }
}

fn malformed(error: &dyn std::error::Error) -> Refusal {
    Refusal::Malformed(error.to_string())
}
