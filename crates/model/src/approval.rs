//! Who meets the `approvals` control: the flows a bundle's `flows.toml` declares for a path.

use serde::{Deserialize, Serialize};

/// Whose approval a stage asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eligible {
    /// The owners of the resource that is asked for.
    ResourceOwners,
    /// The installation's owners of identities and policy.
    IamOwners,
    /// The installation's owners of privileged sessions.
    PamOwners,
    /// The members of a group of the same path, by name.
    Group(String),
}

/// One stage of an approval flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What to call it to people.
    pub name: String,
    /// Who may approve here: any of these.
    pub eligible: Vec<Eligible>,
    /// How many different people must, at least 1.
    pub quorum: u8,
}

/// An approval flow: its stages in order. Nobody counts twice in one flow, and nobody counts who is,
/// or acts for, the requester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalFlow {
    /// Its name within the path.
    pub name: String,
    /// The approval level it meets, see [`crate::Controls::approvals`].
    pub level: u8,
    /// Its stages; empty only at level 0.
    #[serde(default)]
    pub stages: Vec<Stage>,
}
