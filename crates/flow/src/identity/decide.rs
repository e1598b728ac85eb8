//! What an identity may do about itself, and what its proofs are worth.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_model::{Authentication, Digest, Factor, IdentityId, Timestamp};

use super::{IdentityEvent, IdentityState, PutIn, StepUpTarget};

/// How long a sign-in of the command line or the console lasts.
pub const SIGN_IN_LASTS: Duration = Duration::from_mins(15);

/// How long a step-up made beforehand counts.
pub const STEP_UP_LASTS: Duration = Duration::from_mins(5);

/// How long an enrolment token can be used.
pub(super) const ENROLMENT_LASTS: Duration = Duration::from_hours(24);

/// Why an identity is not believed, or may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityRefusal {
    /// Its life ended.
    #[error(
        "the time of this identity is over: ask an owner of identities (identities edit NAME --for TIME)"
    )]
    Ended,
    /// It was suspended.
    #[error(
        "this identity is not active: ask an owner of identities (identities edit NAME --activate)"
    )]
    Inactive,
    /// The one-time password was spent before, or is older than one that was.
    #[error("this one-time code was used already: wait for the next one")]
    CodeSpent,
    /// The token is unknown, ended or was given back.
    #[error("you are not signed in, or your sign-in ended")]
    NoSignIn,
    /// The enrolment token is unknown, ended or spent.
    #[error("this enrolment token is not good any more: ask for a new one (identities enroll)")]
    NoEnrolment,
    /// The key is not the identity's.
    #[error("the key {0} is not registered for this identity")]
    NoKey(String),
}

impl IdentityState {
    /// Whether it may act at all.
    pub fn alive(&self, now: Timestamp) -> Result<(), IdentityRefusal> {
        if !self.identity.active {
            return Err(IdentityRefusal::Inactive);
        }
        if self.identity.ends_at.is_some_and(|end| now >= end) {
            return Err(IdentityRefusal::Ended);
        }
        Ok(())
    }

    /// Whether it has enrolled, though it may have to do so anew.
    pub fn has_enrolled(&self) -> bool {
        !self.methods.is_empty() || self.put_in == Some(PutIn::Again)
    }

    /// Whether whoever could let it enroll would take somebody's place by it: it has enrolled, or was put in
    /// with the offline slot and is to enroll with the token that came of that; and owners did not sign that it may again.
    pub fn enrolment_is_closed(&self, now: Timestamp) -> bool {
        (!self.methods.is_empty() || self.put_in.is_some())
            && self.enrolment_allowed.is_none_or(|until| now >= until)
    }

    /// Whether what was proved at a door still proves it: a key that was removed does not.
    pub fn upholds(&self, factors: &[Factor]) -> Result<(), IdentityRefusal> {
        for factor in factors {
            match factor {
                Factor::SshKey { fingerprint } if !self.keys.contains_key(fingerprint) => {
                    return Err(IdentityRefusal::NoKey(fingerprint.clone()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A fresh enrolment token replaces an older one.
    pub fn open_enrolment(
        &self,
        token: Digest,
        now: Timestamp,
    ) -> Result<IdentityEvent, IdentityRefusal> {
        self.alive(now)?;
        Ok(IdentityEvent::EnrolmentOpened {
            token,
            until: now.plus(ENROLMENT_LASTS),
        })
    }

    /// Sign-in methods are set with the token.
    pub fn enroll(
        &self,
        token: Digest,
        methods: BTreeSet<String>,
        now: Timestamp,
    ) -> Result<IdentityEvent, IdentityRefusal> {
        self.alive(now)?;
        match self.enrolment {
            Some((known, until)) if known == token && now < until => {
                Ok(IdentityEvent::Enrolled { token, methods })
            }
            _ => Err(IdentityRefusal::NoEnrolment),
        }
    }

    /// A key is registered.
    pub fn add_key(
        &self,
        fingerprint: String,
        public_key: String,
        now: Timestamp,
    ) -> Result<IdentityEvent, IdentityRefusal> {
        self.alive(now)?;
        Ok(IdentityEvent::KeyAdded {
            fingerprint,
            public_key,
        })
    }

    /// A key counts no longer.
    pub fn remove_key(&self, fingerprint: String) -> Result<IdentityEvent, IdentityRefusal> {
        if self.keys.contains_key(&fingerprint) {
            Ok(IdentityEvent::KeyRemoved { fingerprint })
        } else {
            Err(IdentityRefusal::NoKey(fingerprint))
        }
    }

    /// It signs in with what it proved.
    pub fn begin_sign_in(
        &self,
        token: Digest,
        factors: Vec<Factor>,
        now: Timestamp,
    ) -> Result<IdentityEvent, IdentityRefusal> {
        self.alive(now)?;
        for factor in &factors {
            if let Factor::Totp { step } = factor {
                self.unspent(*step)?;
            }
        }
        Ok(IdentityEvent::SignedIn {
            token,
            factors,
            until: now.plus(SIGN_IN_LASTS),
        })
    }

    /// A one-time password is spent at a door.
    pub fn spend_code(&self, step: u64, now: Timestamp) -> Result<IdentityEvent, IdentityRefusal> {
        self.alive(now)?;
        self.unspent(step)?;
        Ok(IdentityEvent::CodeSpent { step })
    }

    /// It steps up for a client that cannot ask.
    pub fn step_up(
        &self,
        step: u64,
        target: StepUpTarget,
        now: Timestamp,
    ) -> Result<IdentityEvent, IdentityRefusal> {
        self.alive(now)?;
        self.unspent(step)?;
        if !self.keys.contains_key(&target.key) {
            return Err(IdentityRefusal::NoKey(target.key));
        }
        Ok(IdentityEvent::SteppedUp {
            step,
            target,
            until: now.plus(STEP_UP_LASTS),
        })
    }

    /// What a token is worth now.
    pub fn signed_in(
        &self,
        id: IdentityId,
        token: Digest,
        now: Timestamp,
    ) -> Result<Authentication, IdentityRefusal> {
        self.alive(now)?;
        let sign_in = self.sign_ins.get(&token).ok_or(IdentityRefusal::NoSignIn)?;
        if now >= sign_in.until {
            return Err(IdentityRefusal::NoSignIn);
        }
        let factors = sign_in
            .factors
            .iter()
            .cloned()
            .chain([Factor::Token { token }])
            .collect();
        Ok(Authentication {
            identity: id,
            factors,
            at: sign_in.at,
        })
    }

    /// The newest step-up that counts for this target and key now, if there is one.
    pub fn stepped_up(&self, wanted: &StepUpTarget, now: Timestamp) -> Option<Factor> {
        let fits = self
            .step_ups
            .iter()
            .filter(|held| held.target == *wanted && now < held.until);
        let newest = fits.max_by_key(|held| held.at)?;
        Some(Factor::OutOfBand { at: newest.at })
    }

    fn unspent(&self, step: u64) -> Result<(), IdentityRefusal> {
        if step > self.last_step {
            Ok(())
        } else {
            Err(IdentityRefusal::CodeSpent)
        }
    }
}
