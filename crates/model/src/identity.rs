//! Who acts: people, workloads, CI jobs, vendors, agents, and what the installation trusts them with.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{GroupId, IdentityId, Path, Timestamp};

/// What kind of thing an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// A person.
    Human,
    /// A service.
    Workload,
    /// A job of a build system.
    Ci,
    /// A person or system of another organisation.
    Vendor,
    /// A program that decides by itself.
    Agent,
}

impl IdentityKind {
    /// The word used in policies, output and leaves.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Workload => "workload",
            Self::Ci => "ci",
            Self::Vendor => "vendor",
            Self::Agent => "agent",
        }
    }
}

/// What an identity may sign for the installation as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerRole {
    /// Owns identities and policy.
    Iam,
    /// Owns privileged sessions.
    Pam,
    /// Owns resources; which ones, each resource says.
    Resource,
}

impl OwnerRole {
    /// The word used in policies, output and leaves.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Pam => "pam",
            Self::Resource => "resource",
        }
    }
}

/// An identity as the record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its identifier.
    pub id: IdentityId,
    /// Its unique name, lower case.
    pub name: String,
    /// What it is.
    pub kind: IdentityKind,
    /// Who answers for it; required for everything that is no person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<IdentityId>,
    /// What it may sign for the installation.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<OwnerRole>,
    /// The end of its life; required for everything that is no person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Whether it may act at all.
    pub active: bool,
}

/// A group of identities that counts on one path only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its identifier.
    pub id: GroupId,
    /// Its unique name, lower case.
    pub name: String,
    /// The path on which it counts.
    pub path: Path,
    /// Its direct members.
    pub members: BTreeSet<IdentityId>,
}

/// Who acts, with everybody on whose behalf: the last one is the caller itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The one who acts.
    pub identity: IdentityId,
    /// On whose behalf, nearest first; empty when acting for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_behalf_of: Vec<IdentityId>,
}

impl Subject {
    /// Somebody acting for itself.
    pub const fn oneself(identity: IdentityId) -> Self {
        Self {
            identity,
            on_behalf_of: Vec::new(),
        }
    }

    /// Whether an identity is this subject or anybody it acts for.
    pub fn involves(&self, identity: IdentityId) -> bool {
        self.identity == identity || self.on_behalf_of.contains(&identity)
    }
}
