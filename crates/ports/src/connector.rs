//! Entitlements on real systems: what they are worth, assigning them, taking them away, proving both.

use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis_model::{
    Action, Classified, Digest, KindDescriptor, Resource, Secret, digest::CanonicalError,
};
use portcullis_policy::{AssignEntitlement, DutyPermit, Ordinary, Permit};
use serde::{Deserialize, Serialize};

/// A resource with the credential to administer it.
#[derive(Debug)]
pub struct Target<'a> {
    /// The resource, with its settings.
    pub resource: &'a Resource,
    /// What opens it: a password, a key, as the kind's settings say.
    pub credential: Secret<Vec<u8>>,
}

/// One right that somebody who holds the entitlement has at the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Privilege {
    /// What may be done, in the target's words: `SELECT`, `SUPERUSER`, `member of`.
    pub right: String,
    /// On what, in the target's words: `table public.orders`.
    pub on: String,
    /// Through which chain of roles or groups, nearest first; empty when direct.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// What an entitlement is worth at the target at this moment, everything it leads to included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effective {
    /// Every right, in order.
    pub privileges: BTreeSet<Privilege>,
    /// What holding it can do.
    pub classified: Classified,
}

impl Effective {
    /// What an approval binds: changes whenever any right does.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Digest::of(&self.privileges)
    }
}

/// An entitlement assigned to an account, as remembered for its removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The entitlement, as asked for.
    pub action: Action,
    /// The person's own account at the target.
    pub account: String,
    /// Whether the account held it before: then it is not ours to take away.
    pub held_before: bool,
}

/// What an account still has of an entitlement, read back at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whether the account can use the entitlement, by whatever chain.
    pub effective: bool,
    /// Live sessions that still carry its rights, in the target's words.
    pub sessions: Vec<String>,
}

impl Held {
    /// Whether nothing is left.
    pub fn is_gone(&self) -> bool {
        !self.effective && self.sessions.is_empty()
    }
}

/// What removing an entitlement came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Live sessions that were ended.
    pub ended: Vec<String>,
    /// What is left, read back afterwards.
    pub held: Held,
}

/// Why a connector failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The settings or the action make no sense to this kind.
    #[error("{0}")]
    Invalid(String),
    /// The target cannot be reached.
    #[error("{target} cannot be reached: {cause}")]
    Unreachable {
        /// The resource's name.
        target: String,
        /// What the network or the client said.
        cause: String,
    },
    /// The target refused what was asked of it.
    #[error("{target} refused to {what}: {cause}")]
    Refused {
        /// The resource's name.
        target: String,
        /// What was attempted.
        what: String,
        /// What the target said.
        cause: String,
    },
    /// What the target holds changed since it was approved.
    #[error("the effective privileges of {0} changed since they were approved: ask again")]
    Changed(String),
    /// The permit is for something else.
    #[error("the permit does not cover this: {0}")]
    Permit(String),
}

/// One kind of system that holds entitlements.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Its name, settings and actions.
    fn descriptor(&self) -> KindDescriptor;

    /// Reads a request's words as an action of this kind, canonical and complete: `["read"]`.
    fn parse(&self, resource: &Resource, words: &[String]) -> Result<Action, ConnectorError>;

    /// The entitlements a resource offers, to be listed in the catalog.
    fn offers(&self, resource: &Resource) -> Result<Vec<Action>, ConnectorError>;

    /// What an entitlement is worth, read from the target's catalog. What cannot be read is worst.
    async fn effective(
        &self,
        target: &Target<'_>,
        action: &Action,
    ) -> Result<Effective, ConnectorError>;

    /// What an account has of an entitlement now.
    async fn held(
        &self,
        target: &Target<'_>,
        action: &Action,
        account: &str,
    ) -> Result<Held, ConnectorError>;

    /// Assigns, after reading the effective privileges once more: `approved` is their digest as approved.
    async fn assign(
        &self,
        permit: Permit<Ordinary, AssignEntitlement>,
        target: &Target<'_>,
        action: &Action,
        account: &str,
        approved: Digest,
    ) -> Result<Assignment, ConnectorError>;

    /// Takes away, ends sessions that still carry the rights, reads back. Safe to repeat.
    async fn remove(
        &self,
        duty: DutyPermit,
        target: &Target<'_>,
        assignment: &Assignment,
    ) -> Result<Removal, ConnectorError>;
}
