//! An identity's life: added, enrolled, signed in and out, stepped up, changed.

mod decide;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use portcullis_model::event::Claim;
use portcullis_model::{ChangeId, Digest, Factor, Identity, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

use decide::ENROLMENT_LASTS;
pub use decide::{IdentityRefusal, SIGN_IN_LASTS, STEP_UP_LASTS};

/// What an out-of-band step-up is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepUpTarget {
    /// The account at the target.
    pub account: String,
    /// The resource's name.
    pub target: String,
    /// The SSH key it is bound to.
    pub key: String,
}

crate::events! {
    /// What can happen to an identity.
    pub enum IdentityEvent {
        /// It was added.
        Added "identity.added" {
            /// The record.
            identity: Identity,
            /// The change that signed it, unless it was made at the founding.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// Its record was replaced.
        Set "identity.set" {
            /// The record.
            identity: Identity,
            /// The change that signed it.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// Owners signed that it may enroll again.
        EnrolmentAllowed "identity.enrolment_allowed" {
            /// What they signed.
            change: ChangeId,
        }
        /// A one-time token to enroll was issued.
        EnrolmentOpened "identity.enrolment_opened" {
            /// SHA-256 of the token.
            token: Digest,
            /// Until when it can be used.
            until: Timestamp,
        }
        /// Sign-in methods were set with that token, which is spent.
        Enrolled "identity.enrolled" {
            /// SHA-256 of the token.
            token: Digest,
            /// The methods by name.
            methods: BTreeSet<String>,
        }
        /// An SSH key was registered.
        KeyAdded "identity.key_added" {
            /// Its `SHA256:` fingerprint.
            fingerprint: String,
            /// The key, as OpenSSH text without a comment.
            public_key: String,
        }
        /// An SSH key counts no longer.
        KeyRemoved "identity.key_removed" {
            /// Its fingerprint.
            fingerprint: String,
        }
        /// It signed in and holds a token.
        SignedIn "identity.signed_in" {
            /// SHA-256 of the token.
            token: Digest,
            /// What was proved.
            factors: Vec<Factor>,
            /// When the token ends.
            until: Timestamp,
        }
        /// A token was given back, or taken away.
        SignedOut "identity.signed_out" {
            /// SHA-256 of the token.
            token: Digest,
        }
        /// A one-time password was spent at a door.
        CodeSpent "identity.code_spent" {
            /// Its time step.
            step: u64,
        }
        /// The server's clock had been ahead and was set right: what it proved before counts for nothing.
        ClockCorrected "identity.clock_corrected" {}
        /// The installation was restored from a backup: what it proved before counts for nothing.
        Restored "identity.restored" {}
        /// It was put in by whoever holds the offline slot, and is to enroll with the token that comes of that: nothing that it
        /// had proves anything any more.
        Recovered "identity.recovered" {}
        /// A door refused it something by name: a forward, a subsystem, an agent.
        Refused "identity.refused" {
            /// Where: `ACCOUNT@TARGET`.
            at: String,
            /// What.
            what: String,
        }
        /// It stepped up for a client that cannot ask.
        SteppedUp "identity.stepped_up" {
            /// The time step that was spent.
            step: u64,
            /// What for.
            target: StepUpTarget,
            /// Until when it counts.
            until: Timestamp,
        }
    }
}

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// What was proved.
    pub factors: Vec<Factor>,
    /// When.
    pub at: Timestamp,
    /// When the token ends.
    pub until: Timestamp,
}

/// A step-up that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUp {
    /// What for.
    pub target: StepUpTarget,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it counts.
    pub until: Timestamp,
}

/// What somebody had who was put in with the offline slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutIn {
    /// They never enrolled.
    New,
    /// They had enrolled, and are to do so again.
    Again,
}

/// An identity as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityState {
    /// The record.
    pub identity: Identity,
    /// The enrolment token that can be used, if one was issued: SHA-256 and end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<(Digest, Timestamp)>,
    /// Until when it may be let enroll again, if owners signed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment_allowed: Option<Timestamp>,
    /// Whether it was put in with the offline slot, and has not enrolled since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_in: Option<PutIn>,
    /// The sign-in methods it has.
    pub methods: BTreeSet<String>,
    /// Its SSH keys, by fingerprint.
    pub keys: BTreeMap<String, String>,
    /// Its tokens, by SHA-256.
    pub sign_ins: BTreeMap<Digest, SignIn>,
    /// Its step-ups.
    pub step_ups: Vec<StepUp>,
    /// The newest one-time password step that was spent.
    pub last_step: u64,
}

impl IdentityState {
    fn spend(&mut self, step: u64) {
        self.last_step = self.last_step.max(step);
    }

    /// A code of the time that was not so stays spent by its claim; those of the time that is are good.
    fn forget_proofs(&mut self) {
        self.sign_ins.clear();
        self.step_ups.clear();
        self.enrolment = None;
        self.enrolment_allowed = None;
    }

    fn drop_stale(&mut self, now: Timestamp) {
        self.sign_ins.retain(|_, sign_in| sign_in.until > now);
        self.step_ups.retain(|step_up| step_up.until > now);
    }

    fn sign_in(&mut self, token: Digest, factors: &[Factor], at: Timestamp, until: Timestamp) {
        for factor in factors {
            if let Factor::Totp { step } = factor {
                self.spend(*step);
            }
        }
        self.sign_ins.insert(
            token,
            SignIn {
                factors: factors.to_vec(),
                at,
                until,
            },
        );
    }
}

impl Machine for IdentityState {
    type Event = IdentityEvent;

    const NOUN: &'static str = "identity";

    fn apply(state: Option<Self>, event: &IdentityEvent, meta: &Meta) -> Option<Self> {
        let Some(mut state) = state else {
            let IdentityEvent::Added { identity, .. } = event else {
                return None;
            };
            return Some(Self {
                identity: identity.clone(),
                enrolment: None,
                enrolment_allowed: None,
                put_in: None,
                methods: BTreeSet::new(),
                keys: BTreeMap::new(),
                sign_ins: BTreeMap::new(),
                step_ups: Vec::new(),
                last_step: 0,
            });
        };
        state.drop_stale(meta.at);
        match event {
            IdentityEvent::Added { .. } => return None,
            IdentityEvent::Set { identity, .. } => {
                // Nothing that was proved, or allowed, before somebody could not act counts when they can again.
                if !identity.active || state.alive(meta.at).is_err() {
                    state.forget_proofs();
                }
                state.identity = identity.clone();
            }
            IdentityEvent::EnrolmentAllowed { .. } => {
                state.enrolment_allowed = Some(meta.at.plus(ENROLMENT_LASTS));
            }
            IdentityEvent::EnrolmentOpened { token, until } => {
                state.enrolment = Some((*token, *until));
            }
            IdentityEvent::Enrolled { methods, .. } => {
                state.enrolment = None;
                state.enrolment_allowed = None;
                state.put_in = None;
                // What was proved before may be in other hands: that is why somebody enrolls again.
                state.keys.clear();
                state.step_ups.clear();
                state.methods.extend(methods.iter().cloned());
                state.sign_ins.clear();
            }
            IdentityEvent::KeyAdded {
                fingerprint,
                public_key,
            } => {
                state.keys.insert(fingerprint.clone(), public_key.clone());
            }
            IdentityEvent::KeyRemoved { fingerprint } => {
                state.keys.remove(fingerprint);
                let other = |made: &StepUp| made.target.key != *fingerprint;
                state.step_ups.retain(other);
            }
            IdentityEvent::SignedIn {
                token,
                factors,
                until,
            } => {
                state.sign_in(*token, factors, meta.at, *until);
            }
            IdentityEvent::SignedOut { token } => {
                state.sign_ins.remove(token);
            }
            IdentityEvent::CodeSpent { step } => state.spend(*step),
            IdentityEvent::ClockCorrected {} => {
                state.forget_proofs();
                state.last_step = 0;
            }
            IdentityEvent::Restored {} => state.forget_proofs(),
            IdentityEvent::Recovered {} => {
                state.forget_proofs();
                state.put_in = Some(if state.has_enrolled() {
                    PutIn::Again
                } else {
                    PutIn::New
                });
                state.methods.clear();
                state.keys.clear();
            }
            IdentityEvent::Refused { .. } => {}
            IdentityEvent::SteppedUp {
                step,
                target,
                until,
            } => {
                state.spend(*step);
                state.step_ups.push(StepUp {
                    target: target.clone(),
                    at: meta.at,
                    until: *until,
                });
            }
        }
        Some(state)
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let mut keys = BTreeMap::from([("name".to_owned(), self.identity.name.clone())]);
        keys.extend(
            self.identity
                .roles
                .iter()
                .map(|role| (format!("role/{}", role.as_str()), String::new())),
        );
        keys.extend(
            self.keys
                .keys()
                .map(|key| (format!("ssh-key/{key}"), String::new())),
        );
        keys
    }

    fn claims(event: &IdentityEvent, stream: &StreamId) -> Vec<Claim> {
        let spent = |step: &u64| Claim::take("totp-step", format!("{stream}/{step}"));
        match event {
            IdentityEvent::Added { identity, .. } => {
                vec![Claim::take("name", format!("identity/{}", identity.name))]
            }
            IdentityEvent::KeyAdded { fingerprint, .. } => {
                vec![Claim::take("ssh-key", fingerprint)]
            }
            IdentityEvent::KeyRemoved { fingerprint } => {
                vec![Claim::give_back("ssh-key", fingerprint)]
            }
            IdentityEvent::SignedIn { factors, .. } => factors
                .iter()
                .filter_map(|factor| match factor {
                    Factor::Totp { step } => Some(spent(step)),
                    _ => None,
                })
                .collect(),
            IdentityEvent::CodeSpent { step } | IdentityEvent::SteppedUp { step, .. } => {
                vec![spent(step)]
            }
            IdentityEvent::Enrolled { token, .. } => {
                vec![Claim::take("enrolment", token.to_string())]
            }
            _ => Vec::new(),
        }
    }
}
