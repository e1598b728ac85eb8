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

/// What an entitlement gives, and in which system. Actions with the same right are one and the same thing
/// there, whatever they are called and through whichever resource the system is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// The system: everything in which an account's name means one account.
    pub system: String,
    /// What is given, in the terms of [`Held::through`].
    pub name: String,
}

/// An entitlement assigned to an account, as remembered for its removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The entitlement, as asked for.
    pub action: Action,
    /// The person's own account at the target.
    pub account: String,
    /// Whether something other than our grants gave it to the account before: then it is not ours to take away.
    pub held_before: bool,
}

/// What an account still has of an entitlement, read back at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whether the account can use the entitlement, by whatever chain.
    pub effective: bool,
    /// What the account was given itself that leads there, as names of rights. Nothing, when it can use
    /// the entitlement by what it is (a superuser).
    pub through: BTreeSet<String>,
    /// Live sessions that still carry its rights, in the target's words.
    pub sessions: Vec<String>,
}

impl Held {
    /// Whether nothing is left.
    pub fn is_gone(&self) -> bool {
        self.is_gone_beside(&BTreeSet::new())
    }

    /// Whether nothing is left but what these rights of the account give it anyway.
    pub fn is_gone_beside(&self, rights: &BTreeSet<String>) -> bool {
        self.sessions.is_empty() && !self.by_other_than(rights)
    }

    /// Whether the account can use the entitlement by something else than these rights.
    pub fn by_other_than(&self, rights: &BTreeSet<String>) -> bool {
        self.effective && (self.through.is_empty() || !self.through.is_subset(rights))
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

    /// What an action gives and where. Total, since taking away must not fail by it: what the settings
    /// do not say is a right and a system of its own.
    fn right(&self, resource: &Resource, action: &Action) -> Right;

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
    /// `ours` are the rights that grants of ours gave the account: they are no reason not to give this one,
    /// and what the account can do by others only was held before and is left as it is.
    async fn assign(
        &self,
        permit: Permit<Ordinary, AssignEntitlement>,
        target: &Target<'_>,
        action: &Action,
        account: &str,
        approved: Digest,
        ours: &BTreeSet<String>,
    ) -> Result<Assignment, ConnectorError>;

    /// Takes away, ends sessions that still carry the rights, reads back. Safe to repeat.
    async fn remove(
        &self,
        duty: DutyPermit,
        target: &Target<'_>,
        assignment: &Assignment,
    ) -> Result<Removal, ConnectorError>;
}
