//! A vaulted secret: everything about it but its value. It is added by a signed change, used, and rotated.

mod rotation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use portcullis_model::event::Claim;
use portcullis_model::{ChangeId, IdentityId, SessionId, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

pub use rotation::{Candidate, Proof, Rotation, RotationCause, RotationRefusal, Stand, Step};

crate::events! {
    /// What can happen to a secret.
    pub enum SecretEvent {
        /// It may be used.
        Added "secret.added" {
            /// Its unique name.
            name: String,
            /// What it is: `password`, `ssh_key`.
            secret_kind: String,
            /// Its public half or fingerprint, if it has one.
            public: String,
            /// The change that signed it, unless it was made at the founding.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            change: Option<ChangeId>,
        }
        /// Another value took its place; older ones stay for what was sealed under them.
        VersionStored "secret.version_stored" {
            /// Which version.
            version: u64,
            /// Its public half or fingerprint, if it has one.
            public: String,
        }
        /// Its value left the vault, for a session or for the server's own work at a target.
        Released "secret.released" {
            /// Which version.
            version: u64,
            /// For which session; absent for the server's own work.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            session: Option<SessionId>,
            /// What for, in words.
            purpose: String,
        }
        /// A value to take its place was drawn and sealed; only now the target is touched.
        RotationBegun "secret.rotation_begun" {
            /// What is to be done, and why.
            rotation: Box<Candidate>,
        }
        /// An attempt did not come through; where the target stands is probed again later.
        RotationFailed "secret.rotation_failed" {
            /// The candidate's version.
            version: u64,
            /// What was seen.
            seen: String,
            /// When it is tried again.
            retry_at: Timestamp,
        }
        /// The candidate is void: the target was seen to refuse it and to accept the present value.
        RotationAbandoned "secret.rotation_abandoned" {
            /// The candidate's version.
            version: u64,
            /// Who gave it up.
            by: IdentityId,
        }
        /// It was used in a session and nothing can rotate it: it stays in force, for people to see.
        LeftInForce "secret.left_in_force" {
            /// What stands in the way.
            why: String,
        }
        /// The candidate took its place, as seen at the target.
        Rotated "secret.rotated" {
            /// The candidate's version.
            version: u64,
            /// What was seen, each on a connection of its own.
            proof: Proof,
        }
    }
}

/// A secret as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretState {
    /// Its unique name.
    pub name: String,
    /// What it is.
    pub secret_kind: String,
    /// Its public half or fingerprint, if it has one.
    pub public: String,
    /// The version in force.
    pub version: u64,
    /// The highest version there ever was; a candidate that was abandoned keeps its number.
    pub newest: u64,
    /// When it was added.
    pub added_at: Timestamp,
    /// How often it left the vault.
    pub released: u64,
    /// When it last did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// The sessions it was injected into since a value to take its place was last drawn.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub used_by: BTreeSet<SessionId>,
    /// When it was last rotated, as proved at the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Timestamp>,
    /// The rotation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

impl Machine for SecretState {
    type Event = SecretEvent;

    const NOUN: &'static str = "secret";

    fn apply(state: Option<Self>, event: &SecretEvent, meta: &Meta) -> Option<Self> {
        let Some(mut state) = state else {
            return Self::added(event, meta);
        };
        match event {
            SecretEvent::Added { .. } => return None,
            SecretEvent::VersionStored { version, public } => {
                if *version != state.next_version() || state.rotation.is_some() {
                    return None;
                }
                state.newest = *version;
                state.version = *version;
                state.public.clone_from(public);
            }
            SecretEvent::Released { session, .. } => {
                state.used_by.extend(*session);
                state.released += 1;
                state.released_at = Some(meta.at);
            }
            SecretEvent::LeftInForce { .. } => state.used_by.clear(),
            event => state.rotate(event, meta)?,
        }
        Some(state)
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let mut keys = BTreeMap::from([
            ("name".to_owned(), self.name.clone()),
            ("kind".to_owned(), self.secret_kind.clone()),
        ]);
        let rotation = match &self.rotation {
            Some(_) => "under_way",
            None if !self.used_by.is_empty() => "wanted",
            None => return keys,
        };
        keys.insert("rotation".to_owned(), rotation.to_owned());
        keys
    }

    fn claims(event: &SecretEvent, _stream: &StreamId) -> Vec<Claim> {
        match event {
            SecretEvent::Added { name, .. } => vec![Claim::take("name", format!("secret/{name}"))],
            _ => Vec::new(),
        }
    }
}

impl SecretState {
    /// The number that the next value gets.
    pub const fn next_version(&self) -> u64 {
        self.newest + 1
    }

    fn added(event: &SecretEvent, meta: &Meta) -> Option<Self> {
        let SecretEvent::Added {
            name,
            secret_kind,
            public,
            ..
        } = event
        else {
            return None;
        };
        Some(Self {
            name: name.clone(),
            secret_kind: secret_kind.clone(),
            public: public.clone(),
            version: 1,
            newest: 1,
            added_at: meta.at,
            released: 0,
            released_at: None,
            used_by: BTreeSet::new(),
            rotated_at: None,
            rotation: None,
        })
    }
}
