//! A vaulted secret's record: everything about it but its value.

use std::collections::BTreeMap;

use portcullis_model::event::Claim;
use portcullis_model::{ChangeId, SessionId, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Machine, Meta};

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
    /// The newest version.
    pub version: u64,
    /// When it was added.
    pub added_at: Timestamp,
    /// How often it left the vault.
    pub released: u64,
    /// When it last did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
}

impl Machine for SecretState {
    type Event = SecretEvent;

    const NOUN: &'static str = "secret";

    fn apply(state: Option<Self>, event: &SecretEvent, meta: &Meta) -> Option<Self> {
        match (state, event) {
            (
                None,
                SecretEvent::Added {
                    name,
                    secret_kind,
                    public,
                    ..
                },
            ) => Some(Self {
                name: name.clone(),
                secret_kind: secret_kind.clone(),
                public: public.clone(),
                version: 1,
                added_at: meta.at,
                released: 0,
                released_at: None,
            }),
            (Some(state), SecretEvent::VersionStored { version, public })
                if *version == state.version + 1 =>
            {
                Some(Self {
                    version: *version,
                    public: public.clone(),
                    ..state
                })
            }
            (Some(mut state), SecretEvent::Released { .. }) => {
                state.released += 1;
                state.released_at = Some(meta.at);
                Some(state)
            }
            _ => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("name".to_owned(), self.name.clone()),
            ("kind".to_owned(), self.secret_kind.clone()),
        ])
    }

    fn claims(event: &SecretEvent, _stream: &StreamId) -> Vec<Claim> {
        match event {
            SecretEvent::Added { name, .. } => vec![Claim::take("name", format!("secret/{name}"))],
            SecretEvent::VersionStored { .. } | SecretEvent::Released { .. } => Vec::new(),
        }
    }
}
