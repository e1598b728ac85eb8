//! The append-only Merkle log: tiles, checkpoints, proofs and their verifier.
//!
//! Knows no file, clock, socket or key store: tiles come from a [`TileReader`] and leave as
//! [`TileWrite`]s, keys are handed in. Formats: RFC 6962 hashing, C2SP `tlog-tiles`, `signed-note`,
//! `tlog-checkpoint`, `tlog-proof`, `tlog-cosignature` and `tlog-witness`; the evidence file ties several leaves to one checkpoint.

mod audit;
mod checkpoint;
mod cosignature;
mod evidence;
mod growth;
mod hash;
mod lines;
mod named_key;
mod note;
mod proof;
mod prove;
mod tile;
mod tlog_proof;
mod tree;
mod verify;
mod witness;

pub use audit::{Audit, AuditError, audit_log};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use cosignature::{Cosignature, Cosigner, WitnessKey};
pub use evidence::{EvidenceError, EvidenceFile, EvidenceLeaf, GatherError};
pub use growth::{GrowthError, GrowthProof, verify_growth};
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use note::{Note, NoteError, NoteSignature, NoteSigner, NoteVerifier, Signers};
pub use proof::{ProofError, root_from_inclusion, verify_consistency, verify_inclusion};
pub use prove::{Prover, prove_consistency, prove_inclusion};
pub use tile::{
    MAX_LEAF_BYTES, TILE_WIDTH, TileError, TileReader, TileWrite, entries_path, hash_tile_path,
    read_bundle, read_leaf,
};
pub use tlog_proof::{TlogProof, TlogProofError};
pub use tree::{Growth, Tree, TreeError};
pub use verify::{Trust, Verdict, VerifyError, verify_evidence};
pub use witness::{Refusal, WitnessRequest};
