//! A change to Portcullis itself: proposed, signed by different owners, applied.

mod body;
mod finding;
mod needed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use portcullis_model::{
    Authentication, Digest, IdentityId, OwnerRole, Timestamp, digest::CanonicalError,
};
use serde::{Deserialize, Serialize};

use crate::approval::unfilled;
use crate::{Machine, Meta};

pub use body::ChangeBody;
pub use finding::{Finding, Standing};
pub use needed::Needed;

/// How long a change waits for its signatures.
const PATIENCE: Duration = Duration::from_hours(30 * 24);

/// Which roles people hold at this moment: those of who signed, at least.
pub type Holders = BTreeMap<IdentityId, BTreeSet<OwnerRole>>;

crate::events! {
    /// What can happen to a change.
    pub enum ChangeEvent {
        /// Somebody proposed it.
        Proposed "change.proposed" {
            /// What would change.
            body: Box<ChangeBody>,
            /// What signatures bind.
            digest: Digest,
            /// Whose are needed.
            needed: Needed,
            /// When it lapses unsigned.
            expires_at: Timestamp,
        }
        /// An owner confirmed it.
        Signed "change.signed" {
            /// Who.
            by: IdentityId,
            /// Which roles the signer held at that moment.
            roles: BTreeSet<OwnerRole>,
            /// What exactly.
            digest: Digest,
        }
        /// All signatures are there and it took effect.
        Applied "change.applied" {}
        /// An owner refused it.
        Refused "change.refused" {
            /// Who.
            by: IdentityId,
        }
        /// It lapsed, or what it was compared with is no longer so.
        Lapsed "change.lapsed" {
            /// Why.
            why: String,
        }
    }
}

/// Where a change stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ChangeStatus {
    /// Waits for signatures.
    Pending,
    /// Took effect.
    Applied,
    /// An owner refused it.
    Refused {
        /// Who.
        by: IdentityId,
    },
    /// It lapsed.
    Lapsed {
        /// Why.
        why: String,
    },
}

impl ChangeStatus {
    /// The word in output and lookups.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Refused { .. } => "refused",
            Self::Lapsed { .. } => "lapsed",
        }
    }
}

/// A change as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What would change.
    pub body: ChangeBody,
    /// What signatures bind.
    pub digest: Digest,
    /// Whose are needed.
    pub needed: Needed,
    /// Who proposed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposer: Option<IdentityId>,
    /// Who signed, and with which roles.
    pub signatures: Vec<Signature>,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// When it lapses unsigned.
    pub expires_at: Timestamp,
    /// Where it stands.
    #[serde(flatten)]
    pub status: ChangeStatus,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Who.
    pub by: IdentityId,
    /// Which roles the signer held at that moment.
    pub roles: BTreeSet<OwnerRole>,
    /// When.
    pub at: Timestamp,
}

impl Signature {
    /// Whether it counts for any.
    pub fn counts(&self, now: &Holders) -> bool {
        self.counting(now).next().is_some()
    }

    /// The roles it counts for: held when it was given, and held now.
    fn counting<'a>(&'a self, now: &'a Holders) -> impl Iterator<Item = OwnerRole> + 'a {
        let held = now.get(&self.by);
        let roles = self.roles.iter().copied();
        roles.filter(move |role| held.is_some_and(|held| held.contains(role)))
    }
}

/// Why a command on a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    /// It has ended.
    #[error("the change is {0} and cannot be signed any more")]
    Closed(&'static str),
    /// The signer holds none of the roles.
    #[error("your signature is not asked for: the change needs {0}")]
    NotEligible(String),
    /// The signer has signed.
    #[error("you have signed this change already: another owner is needed")]
    Again,
    /// What was signed is not what would take effect.
    #[error("the change is not the one you looked at: show it again before you sign")]
    OtherDigest,
    /// Signing needs a second factor.
    #[error("signing needs a second factor: log in again with your one-time code")]
    SecondFactor,
    /// Signatures are missing.
    #[error("the change still needs {0}")]
    Unsigned(String),
}

impl Change {
    /// Somebody proposes a change.
    pub fn propose(
        body: ChangeBody,
        needed: Needed,
        now: Timestamp,
    ) -> Result<ChangeEvent, CanonicalError> {
        let digest = body.digest()?;
        Ok(ChangeEvent::Proposed {
            body: Box::new(body),
            digest,
            needed,
            expires_at: now.plus(PATIENCE),
        })
    }

    /// An owner confirms exactly `seen`, holding `roles` at this moment.
    pub fn sign(
        &self,
        signer: &Authentication,
        roles: BTreeSet<OwnerRole>,
        seen: Digest,
        now: Timestamp,
    ) -> Result<ChangeEvent, ChangeRefusal> {
        self.pending(now)?;
        if seen != self.digest {
            return Err(ChangeRefusal::OtherDigest);
        }
        if self
            .signatures
            .iter()
            .any(|signature| signature.by == signer.identity)
        {
            return Err(ChangeRefusal::Again);
        }
        if !self.asks_for(&roles) {
            return Err(ChangeRefusal::NotEligible(self.needed.to_string()));
        }
        if !signer.has_second_factor() {
            return Err(ChangeRefusal::SecondFactor);
        }
        Ok(ChangeEvent::Signed {
            by: signer.identity,
            roles,
            digest: seen,
        })
    }

    /// Whether somebody with these roles could sign.
    pub fn asks_for(&self, roles: &BTreeSet<OwnerRole>) -> bool {
        match &self.needed {
            Needed::Nobody => false,
            Needed::AnyOwner => !roles.is_empty(),
            Needed::Each { roles: wanted } => wanted.iter().any(|role| roles.contains(role)),
        }
    }

    /// Whether all signatures are there: each role by a different person, who holds it still.
    pub fn is_signed(&self, now: &Holders) -> bool {
        match &self.needed {
            Needed::Nobody => true,
            Needed::AnyOwner => self
                .signatures
                .iter()
                .any(|signature| signature.counting(now).next().is_some()),
            Needed::Each { .. } => self.missing(now).is_empty(),
        }
    }

    /// The roles whose signatures are not there yet: of those that are needed of different people, when each who signed
    /// counts where it helps most.
    pub fn missing(&self, now: &Holders) -> Vec<OwnerRole> {
        let Needed::Each { roles } = &self.needed else {
            return Vec::new();
        };
        let seats = roles.iter().map(|role| self.signers(*role, now));
        let empty = unfilled(seats).into_iter();
        empty
            .filter_map(|place| roles.get(place).copied())
            .collect()
    }

    /// It takes effect.
    pub fn apply_now(
        &self,
        holders: &Holders,
        now: Timestamp,
    ) -> Result<ChangeEvent, ChangeRefusal> {
        self.pending(now)?;
        if self.is_signed(holders) {
            Ok(ChangeEvent::Applied {})
        } else {
            Err(ChangeRefusal::Unsigned(self.needed.to_string()))
        }
    }

    /// An owner, or the proposer, says no.
    pub fn refuse(
        &self,
        by: IdentityId,
        roles: &BTreeSet<OwnerRole>,
        now: Timestamp,
    ) -> Result<ChangeEvent, ChangeRefusal> {
        self.pending(now)?;
        if self.asks_for(roles) || self.proposer == Some(by) {
            Ok(ChangeEvent::Refused { by })
        } else {
            Err(ChangeRefusal::NotEligible(self.needed.to_string()))
        }
    }

    /// It lapses.
    pub fn lapse(&self, why: String) -> Result<ChangeEvent, ChangeRefusal> {
        match self.status {
            ChangeStatus::Pending => Ok(ChangeEvent::Lapsed { why }),
            _ => Err(ChangeRefusal::Closed(self.status.as_str())),
        }
    }

    fn signers(&self, role: OwnerRole, now: &Holders) -> Vec<IdentityId> {
        let signed = self.signatures.iter();
        signed
            .filter(|signature| signature.counting(now).any(|held| held == role))
            .map(|signature| signature.by)
            .collect()
    }

    fn pending(&self, now: Timestamp) -> Result<(), ChangeRefusal> {
        match self.status {
            ChangeStatus::Pending if now < self.expires_at => Ok(()),
            ChangeStatus::Pending => Err(ChangeRefusal::Closed("lapsed")),
            _ => Err(ChangeRefusal::Closed(self.status.as_str())),
        }
    }
}

impl Machine for Change {
    type Event = ChangeEvent;

    const NOUN: &'static str = "change";

    fn apply(state: Option<Self>, event: &ChangeEvent, meta: &Meta) -> Option<Self> {
        match (state, event) {
            (
                None,
                ChangeEvent::Proposed {
                    body,
                    digest,
                    needed,
                    expires_at,
                },
            ) => Some(Self {
                body: body.as_ref().clone(),
                digest: *digest,
                needed: needed.clone(),
                proposer: meta.actor,
                signatures: Vec::new(),
                proposed_at: meta.at,
                expires_at: *expires_at,
                status: ChangeStatus::Pending,
            }),
            (Some(mut change), event) if change.status == ChangeStatus::Pending => {
                match event {
                    ChangeEvent::Proposed { .. } => return None,
                    ChangeEvent::Signed { by, roles, .. } => {
                        change.signatures.push(Signature {
                            by: *by,
                            roles: roles.clone(),
                            at: meta.at,
                        });
                    }
                    ChangeEvent::Applied {} => change.status = ChangeStatus::Applied,
                    ChangeEvent::Refused { by } => {
                        change.status = ChangeStatus::Refused { by: *by }
                    }
                    ChangeEvent::Lapsed { why } => {
                        change.status = ChangeStatus::Lapsed { why: why.clone() };
                    }
                }
                Some(change)
            }
            _ => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("status".to_owned(), self.status.as_str().to_owned())])
    }
}
