//! Rotation, so that no crash loses a key: the candidate is durable before the target is touched, and
//! what to do next follows from what the target accepts, never from what was done last.

use std::time::Duration;

use portcullis_model::{IdentityId, ResourceId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{SecretEvent, SecretState};
use crate::Meta;

/// The first wait after an attempt that failed; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// The longest wait, and the least after an attempt in which the target refused every credential it was shown:
/// longer than the locks that targets put on accounts by default.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// Why a secret is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum RotationCause {
    /// It was injected into a session, which is over.
    Used {
        /// Which session.
        session: SessionId,
    },
    /// Somebody who may asked for it.
    Asked {
        /// Who.
        by: IdentityId,
    },
}

/// A value that is to take a secret's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its version.
    pub version: u64,
    /// Its public half or fingerprint, if it has one.
    pub public: String,
    /// Where it is to be put in force.
    pub resource: ResourceId,
    /// For which account there.
    pub account: String,
    /// Why.
    #[serde(flatten)]
    pub cause: RotationCause,
}

/// A rotation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// What is to be done.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// When it began.
    pub begun_at: Timestamp,
    /// How many attempts failed.
    pub failures: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// What the last attempt saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// How a target stands to one credential, tried on a fresh connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It lets it in.
    Accepts,
    /// It does not.
    Refuses,
}

/// What to do next about a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Put the candidate in force, using the present value.
    Install,
    /// Take the present value out of force, using the candidate.
    Retire,
    /// Show that nothing else is accepted either, and that the candidate still is.
    Confirm,
    /// Neither opens the target: nothing can be done from here but to look again later.
    Lost,
}

impl Step {
    /// Total, and without memory: the same after a crash as before it.
    pub const fn after(candidate: Stand, present: Stand) -> Self {
        match (candidate, present) {
            (Stand::Refuses, Stand::Accepts) => Self::Install,
            (Stand::Accepts, Stand::Accepts) => Self::Retire,
            (Stand::Accepts, Stand::Refuses) => Self::Confirm,
            (Stand::Refuses, Stand::Refuses) => Self::Lost,
        }
    }
}

/// What was seen at the target at the end, each on a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The candidate was let in.
    pub candidate_accepted: bool,
    /// The value before it was not.
    pub former_refused: bool,
    /// A value drawn at random was not.
    pub random_refused: bool,
}

/// Why a rotation cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationRefusal {
    /// There is one already.
    #[error("the secret {0} is being rotated already; see secrets show {0}")]
    UnderWay(String),
    /// There is none, or it is about another candidate.
    #[error("no rotation of the secret {0} is under way")]
    None(String),
    /// The target was not seen to have changed over.
    #[error("a rotation is done only when the target refuses everything but the candidate")]
    Unproved,
    /// The target may know the candidate.
    #[error(
        "the rotation of {0} goes on: its target is not seen to accept the present value and to refuse the new one"
    )]
    MayBeInForce(String),
}

impl SecretState {
    /// Begins a rotation. The candidate has to be sealed in the same commit.
    pub fn begin_rotation(
        &self,
        public: String,
        resource: ResourceId,
        account: String,
        cause: RotationCause,
    ) -> Result<SecretEvent, RotationRefusal> {
        if self.rotation.is_some() {
            return Err(RotationRefusal::UnderWay(self.name.clone()));
        }
        Ok(SecretEvent::RotationBegun {
            rotation: Box::new(Candidate {
                version: self.next_version(),
                public,
                resource,
                account,
                cause,
            }),
        })
    }

    /// An attempt failed. `last` is how the target stood to candidate and present value, as far as it told.
    pub fn rotation_failed(
        &self,
        last: Option<(Stand, Stand)>,
        seen: String,
        now: Timestamp,
    ) -> Result<SecretEvent, RotationRefusal> {
        let rotation = self.under_way()?;
        let wait = match last.map(|(candidate, present)| Step::after(candidate, present)) {
            Some(Step::Lost) => LONGEST_WAIT,
            _ => wait_after(rotation.failures),
        };
        Ok(SecretEvent::RotationFailed {
            version: rotation.candidate.version,
            seen,
            retry_at: now.plus(wait),
        })
    }

    /// Somebody gives a rotation up, having seen how the target stands to candidate and present value.
    pub fn abandon_rotation(
        &self,
        by: IdentityId,
        candidate: Stand,
        present: Stand,
    ) -> Result<SecretEvent, RotationRefusal> {
        let version = self.under_way()?.candidate.version;
        match Step::after(candidate, present) {
            Step::Install => Ok(SecretEvent::RotationAbandoned { version, by }),
            _ => Err(RotationRefusal::MayBeInForce(self.name.clone())),
        }
    }

    /// The target changed over.
    pub fn rotated(&self, proof: Proof) -> Result<SecretEvent, RotationRefusal> {
        let version = self.under_way()?.candidate.version;
        if proof.candidate_accepted && proof.former_refused && proof.random_refused {
            return Ok(SecretEvent::Rotated { version, proof });
        }
        Err(RotationRefusal::Unproved)
    }

    fn under_way(&self) -> Result<&Rotation, RotationRefusal> {
        let none = || RotationRefusal::None(self.name.clone());
        self.rotation.as_ref().ok_or_else(none)
    }

    /// Applies what happens to a rotation.
    pub(super) fn rotate(&mut self, event: &SecretEvent, meta: &Meta) -> Option<()> {
        if let SecretEvent::RotationBegun { rotation } = event {
            return self.begun(rotation, meta);
        }
        let mut rotation = self.rotation.take()?;
        match event {
            SecretEvent::RotationFailed {
                version,
                seen,
                retry_at,
            } if *version == rotation.candidate.version => {
                rotation.failures += 1;
                rotation.next_at = *retry_at;
                rotation.seen = Some(seen.clone());
                self.rotation = Some(rotation);
            }
            SecretEvent::RotationAbandoned { version, .. }
                if *version == rotation.candidate.version => {}
            SecretEvent::Rotated { version, .. } if *version == rotation.candidate.version => {
                self.version = *version;
                self.public = rotation.candidate.public;
                self.rotated_at = Some(meta.at);
            }
            _ => return None,
        }
        Some(())
    }

    fn begun(&mut self, candidate: &Candidate, meta: &Meta) -> Option<()> {
        if self.rotation.is_some() || candidate.version != self.next_version() {
            return None;
        }
        self.newest = candidate.version;
        self.used_by.clear();
        self.rotation = Some(Rotation {
            candidate: candidate.clone(),
            begun_at: meta.at,
            failures: 0,
            next_at: meta.at,
            seen: None,
        });
        Some(())
    }
}

fn wait_after(failures: u32) -> Duration {
    FIRST_WAIT
        .saturating_mul(1 << failures.min(16))
        .min(LONGEST_WAIT)
}
