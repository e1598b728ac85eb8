//! Secrets at the target: another value put in force, the one before it taken out, and what is accepted now.
//!
//! A rotator remembers nothing. Which of its calls comes next follows from what the target accepts, so
//! each call may be repeated, and none is ever assumed to have worked.

use async_trait::async_trait;
use portcullis_model::{Resource, Secret};
use portcullis_policy::DutyPermit;

use crate::{Endpoint, Entropy};

/// What a rotator is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotatorDescriptor {
    /// Its name in records: `ssh_key`.
    pub name: &'static str,
    /// For people: `SSH key of an account`.
    pub title: &'static str,
    /// The kind of resources at which it works.
    pub resource_kind: &'static str,
    /// The kind of secrets it rotates, as the vault calls it.
    pub secret_kind: &'static str,
}

/// An account at a target whose secret is rotated.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Where it listens.
    pub endpoint: &'a Endpoint,
    /// The account.
    pub account: &'a str,
}

/// A value drawn to take another's place.
#[derive(Debug)]
pub struct Drawn {
    /// The value, as the vault keeps it.
    pub value: Secret<Vec<u8>>,
    /// Its public half or fingerprint; empty when it has none.
    pub public: String,
}

/// Why a rotator failed. Never holds any part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum RotatorError {
    /// The secret or the resource makes no sense to this rotator.
    #[error("{0}")]
    Invalid(String),
    /// The target did not say whether it accepts a credential, or could not be asked.
    #[error("{target} cannot be reached: {cause}")]
    Unreachable {
        /// The resource's name.
        target: String,
        /// What the network or the client said.
        cause: String,
    },
    /// The target would not do what was asked of it.
    #[error("{target} did not {what}: {cause}")]
    Refused {
        /// The resource's name.
        target: String,
        /// What was attempted.
        what: &'static str,
        /// What the target said.
        cause: String,
    },
    /// The permit is for another resource.
    #[error("the permit does not cover {0}")]
    Permit(String),
}

/// One way of rotating one kind of secret.
#[async_trait]
pub trait Rotator: Send + Sync {
    /// What it is for.
    fn descriptor(&self) -> RotatorDescriptor;

    /// A fresh value, unlike any other.
    fn draw(&self, entropy: &dyn Entropy) -> Result<Drawn, RotatorError>;

    /// Whether the target lets a value in, tried once, on a fresh connection.
    async fn accepts(&self, site: &Site<'_>, value: &Secret<Vec<u8>>)
    -> Result<bool, RotatorError>;

    /// Puts `candidate` in force, let in by the `present` value. Where the target holds two values at once,
    /// the present one stays. When it fails, either may be in force. `entropy` is for salts.
    async fn install(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        present: &Secret<Vec<u8>>,
        candidate: &Secret<Vec<u8>>,
        entropy: &dyn Entropy,
    ) -> Result<(), RotatorError>;

    /// Takes the `former` value out of force, let in by the `candidate`.
    async fn retire(
        &self,
        duty: DutyPermit,
        site: &Site<'_>,
        candidate: &Secret<Vec<u8>>,
        former: &Secret<Vec<u8>>,
    ) -> Result<(), RotatorError>;
}
