//! A policy bundle: the line, the two path sets with their flows, guardrails and invariants, read from
//! bytes, checked strictly against the schema and compiled once.

mod change;
mod compile;
mod error;
mod flows;
mod layout;
pub mod limits;
mod shipped;
mod tokens;

use std::collections::BTreeMap;
use std::fmt;

use cedar_policy::{Policy, PolicySet, Schema};
use portcullis_model::{ApprovalFlow, Digest, Path};

use crate::vocabulary::Vocabulary;

pub use change::{ChangeKind, change_kind};
pub use error::{BundleError, Cause, Place, Problem};
pub use shipped::{Preset, shipped};

/// A valid bundle. What it decides depends on its files, the question and nothing else.
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
    digest: Digest,
    line_digest: Digest,
    policies: BTreeMap<String, Vec<Policy>>,
    pub(crate) schema: Schema,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) line: PolicySet,
    ordinary: PathSet,
    privileged: PathSet,
}

/// What one path is decided by: its own policies with the guardrails, and its own flows.
pub(crate) struct PathSet {
    pub(crate) policies: PolicySet,
    flows: Vec<ApprovalFlow>,
}

impl Bundle {
    /// Reads a bundle from the paths (with `/`, relative to its folder) and contents of its files.
    /// The error lists everything that is wrong, with file, line and column.
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        compile::compile(files)
    }

    /// What owners sign: the SHA-256 over the paths and contents of all files.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The same over the files of `line/` alone: what decides which path an action takes.
    pub const fn line_digest(&self) -> Digest {
        self.line_digest
    }

    /// The files, as they were handed in.
    pub const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The flows of a path, lowest level first: exactly one for each level from 0 (nobody) to
    /// [`portcullis_model::Controls::MOST_APPROVALS`].
    pub fn flows(&self, path: Path) -> &[ApprovalFlow] {
        &self.path_set(path).flows
    }

    /// The flow that meets an approval level; nothing when no policy can ask for that level.
    pub fn flow_for(&self, path: Path, level: u8) -> Option<&ApprovalFlow> {
        self.flows(path).iter().find(|flow| flow.level == level)
    }

    pub(crate) const fn path_set(&self, path: Path) -> &PathSet {
        match path {
            Path::Ordinary => &self.ordinary,
            Path::Privileged => &self.privileged,
        }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("digest", &self.digest)
            .field("files", &self.files.keys())
            .finish_non_exhaustive()
    }
}
