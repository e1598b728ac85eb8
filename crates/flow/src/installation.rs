//! The installation itself: its founding, and which policy bundle is active.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use portcullis_model::{ChangeId, Digest, IdentityId, InstallationId, OwnerRole, Timestamp};
use serde::{Deserialize, Serialize};

use crate::retention::Retention;
use crate::{Machine, Meta};

/// How long one administrator may found an installation.
pub const FOUNDING_LASTS: Duration = Duration::from_hours(7 * 24);

crate::events! {
    /// What can happen to an installation.
    pub enum InstallationEvent {
        /// It was made.
        Founded "installation.founded" {
            /// Which.
            installation: InstallationId,
            /// Whether it has demo identities and is not to be trusted with anything.
            evaluation: bool,
            /// The one administrator who may enroll owners, unless it is for evaluation.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            founder: Option<IdentityId>,
            /// Until when at the latest.
            until: Timestamp,
            /// What verifies the ledger's checkpoints, in signed-note notation.
            ledger_key: String,
            /// What target hosts trust, as an OpenSSH public key.
            ssh_authority: String,
            /// The policy bundle it starts with.
            bundle: Digest,
        }
        /// Three owners exist: the founder may do nothing more.
        FoundingEnded "installation.founding_ended" {
            /// Why.
            why: String,
        }
        /// Another policy bundle is active.
        PolicyActivated "installation.policy_activated" {
            /// Which.
            bundle: Digest,
            /// The one before.
            replaced: Digest,
            /// The change that signed it.
            change: ChangeId,
        }
        /// It was restored from a backup. Whatever was open ends, and nothing opens until its owners thaw it.
        Restored "installation.restored" {
            /// From when it is: the time of its last event, for nothing vouches for it being of any later one.
            taken_at: Timestamp,
            /// How many events it held: those that followed are lost.
            events: u64,
        }
        /// Somebody was put in as an owner with the offline slot. Nothing opens until three owners thaw it.
        Succeeded "installation.succeeded" {
            /// Who: somebody new, or an owner who enrolls again.
            identity: IdentityId,
            /// What they may sign for the installation.
            roles: BTreeSet<OwnerRole>,
            /// Whether they had enrolled before, and may sign nothing more by it.
            again: bool,
        }
        /// Its owners saw what was found at the targets, and let it open again.
        Thawed "installation.thawed" {
            /// The change that signed it.
            change: ChangeId,
        }
        /// Tapes are kept for another time.
        RetentionSet "installation.retention_set" {
            /// For how long.
            retention: Retention,
            /// The change that signed it.
            change: ChangeId,
        }
        /// Evidence could not be written: sessions end, and nothing privileged begins.
        EvidenceFailed "installation.evidence_failed" {
            /// What could not be written, and what was said.
            what: String,
        }
        /// Evidence can be written again, and the reserve is whole.
        EvidenceRestored "installation.evidence_restored" {}
        /// The server's clock had been ahead and was set right; everything that was open has ended.
        ClockCorrected "installation.clock_corrected" {
            /// By how much it was ahead, in milliseconds.
            back_ms: u64,
        }
    }
}

/// An installation as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Which.
    pub installation: InstallationId,
    /// Whether it is for evaluation.
    pub evaluation: bool,
    /// Who founds it and until when, while it is being founded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founding: Option<(IdentityId, Timestamp)>,
    /// What verifies the ledger's checkpoints.
    pub ledger_key: String,
    /// What target hosts trust.
    pub ssh_authority: String,
    /// The active policy bundle.
    pub bundle: Digest,
    /// How long tapes are kept.
    #[serde(default, skip_serializing_if = "Retention::is_for_ever")]
    pub retention: Retention,
    /// What evidence cannot be written, while that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
    /// Why nothing opens, until its owners thaw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
}

/// Why an installation is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// When it was frozen last. Another freeze is another thaw's.
    pub since: Timestamp,
    /// Everything that froze it since it was thawed last.
    pub causes: Vec<FreezeCause>,
}

/// What an installation was frozen by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum FreezeCause {
    /// It was restored from a backup.
    Restored {
        /// From when the backup is: the time of its last event.
        taken_at: Timestamp,
    },
    /// Somebody was put in as an owner with the offline slot.
    Succeeded {
        /// Who.
        identity: IdentityId,
        /// What they may sign for the installation.
        roles: BTreeSet<OwnerRole>,
        /// Whether they had enrolled before, and may sign nothing more by it.
        again: bool,
    },
}

/// One more cause beside those there are.
fn frozen_by(before: Option<Frozen>, cause: FreezeCause, since: Timestamp) -> Frozen {
    let mut causes = before.map_or_else(Vec::new, |frozen| frozen.causes);
    causes.push(cause);
    Frozen { since, causes }
}

impl Installation {
    /// Whether somebody may act as the founder now.
    pub fn is_founder(&self, who: IdentityId, now: Timestamp) -> bool {
        self.founding
            .is_some_and(|(founder, until)| founder == who && now < until)
    }
}

impl Machine for Installation {
    type Event = InstallationEvent;

    const NOUN: &'static str = "installation";

    fn apply(state: Option<Self>, event: &InstallationEvent, meta: &Meta) -> Option<Self> {
        match (state, event) {
            (
                None,
                InstallationEvent::Founded {
                    installation,
                    evaluation,
                    founder,
                    until,
                    ledger_key,
                    ssh_authority,
                    bundle,
                },
            ) => Some(Self {
                installation: *installation,
                evaluation: *evaluation,
                founding: founder.map(|who| (who, *until)),
                ledger_key: ledger_key.clone(),
                ssh_authority: ssh_authority.clone(),
                bundle: *bundle,
                retention: Retention::default(),
                failing: None,
                frozen: None,
            }),
            (Some(state), InstallationEvent::Restored { taken_at, .. }) => {
                let cause = FreezeCause::Restored {
                    taken_at: *taken_at,
                };
                Some(Self {
                    frozen: Some(frozen_by(state.frozen, cause, meta.at)),
                    ..state
                })
            }
            (
                Some(state),
                InstallationEvent::Succeeded {
                    identity,
                    roles,
                    again,
                },
            ) => {
                let cause = FreezeCause::Succeeded {
                    identity: *identity,
                    roles: roles.clone(),
                    again: *again,
                };
                Some(Self {
                    frozen: Some(frozen_by(state.frozen, cause, meta.at)),
                    ..state
                })
            }
            (Some(state), InstallationEvent::Thawed { .. }) if state.frozen.is_some() => {
                Some(Self {
                    frozen: None,
                    ..state
                })
            }
            (Some(state), InstallationEvent::RetentionSet { retention, .. }) => Some(Self {
                retention: retention.clone(),
                ..state
            }),
            (Some(state), InstallationEvent::EvidenceFailed { what }) => Some(Self {
                failing: Some(what.clone()),
                ..state
            }),
            (Some(state), InstallationEvent::EvidenceRestored {}) => Some(Self {
                failing: None,
                ..state
            }),
            (Some(state), InstallationEvent::ClockCorrected { back_ms }) => Some(Self {
                // Whichever clock said until when: no longer than it lasts from now on.
                founding: state.founding.map(|(who, until)| {
                    let now = meta.at.minus(Duration::from_millis(*back_ms));
                    (who, until.min(now.plus(FOUNDING_LASTS)))
                }),
                ..state
            }),
            (Some(state), InstallationEvent::FoundingEnded { .. }) => Some(Self {
                founding: None,
                ..state
            }),
            (
                Some(state),
                InstallationEvent::PolicyActivated {
                    bundle, replaced, ..
                },
            ) if state.bundle == *replaced => Some(Self {
                bundle: *bundle,
                ..state
            }),
            _ => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
