//! A grant: what an approved request became, until it is proved gone.

mod decide;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use portcullis_model::event::Claim;
use portcullis_model::{
    Controls, Digest, IdentityId, Intent, Path, RequestId, SessionId, StreamId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::Uses;
use crate::{Machine, Meta};

pub use decide::GrantRefusal;

/// Why a grant ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum EndCause {
    /// Its time is over.
    Expired,
    /// Its holder gave it back.
    Released,
    /// Its one use was made, or its session ended cleanly: the task is complete.
    Completed,
    /// Somebody took it back.
    Revoked {
        /// Who.
        by: IdentityId,
    },
    /// It could not be assigned at the target.
    Failed {
        /// What the target said.
        cause: String,
    },
    /// Policy, identity or resource changed so that it would not be given today.
    NoLongerAllowed {
        /// What changed.
        cause: String,
    },
}

impl EndCause {
    /// The word in output.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Completed => "completed",
            Self::Revoked { .. } => "revoked",
            Self::Failed { .. } => "failed",
            Self::NoLongerAllowed { .. } => "no longer allowed",
        }
    }

    /// That a grant is over, and why, for whom it concerns.
    pub fn told(&self) -> String {
        let word = self.as_str();
        match self {
            Self::Failed { cause } | Self::NoLongerAllowed { cause } => {
                format!("the grant is over: {word}: {cause}")
            }
            _ => format!("the grant is over: {word}"),
        }
    }
}

/// Everything fixed when a grant is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The request it came from.
    pub request: RequestId,
    /// Who, on what, doing which action.
    pub intent: Intent,
    /// What was approved: intent and effective privileges.
    pub digest: Digest,
    /// The digest of the effective privileges alone, for entitlements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Digest>,
    /// The path it counts on, and on no other.
    pub path: Path,
    /// The approvals it brings.
    pub controls: Controls,
    /// The policy bundle that decided.
    pub bundle: Digest,
    /// Who approved.
    pub approvers: BTreeSet<IdentityId>,
    /// When it begins, where that is later than its issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
    /// How often it may be used.
    pub uses: Uses,
}

impl Issue {
    /// Whether it has begun.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|starts| now >= starts)
    }

    /// Whether it is a right at the target, assigned and taken away there. Every other grant is used in sessions.
    pub const fn is_entitlement(&self) -> bool {
        self.effective.is_some()
    }
}

crate::events! {
    /// What can happen to a grant.
    pub enum GrantEvent {
        /// A request was granted.
        Issued "grant.issued" {
            /// What was given.
            issue: Box<Issue>,
        }
        /// The entitlement is about to be assigned at the target: from here on it may be there.
        Assigning "grant.assigning" {
            /// The person's own account.
            account: String,
            /// Whether the account had it before: then it is not ours to take away.
            held_before: bool,
            /// Where: the system as its connector tells systems apart. There it has to be proved gone.
            #[serde(default, skip_serializing_if = "String::is_empty")]
            system: String,
        }
        /// The entitlement is assigned and was read back.
        Assigned "grant.assigned" {
            /// What the connector needs for its removal.
            assignment: Value,
        }
        /// A use was made.
        Used "grant.used" {
            /// Which use, from 1.
            number: u64,
            /// The session it opened.
            session: SessionId,
        }
        /// The grant is over; removal begins.
        Ending "grant.ending" {
            /// Why.
            cause: EndCause,
        }
        /// A removal was attempted and something is left.
        RemovalIncomplete "grant.removal_incomplete" {
            /// What is left, or why nothing can be read.
            left: String,
        }
        /// Nothing is left: read back at the target, and no session lives.
        Removed "grant.removed" {
            /// What was read back.
            evidence: Value,
        }
    }
}

/// Where a grant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum GrantStatus {
    /// Not yet usable: its entitlement is still to be assigned.
    Assigning,
    /// Usable.
    Active,
    /// Over, its removal not yet proved.
    Revoking {
        /// Why it ends.
        cause: EndCause,
        /// What the last attempt left, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<String>,
    },
    /// Over, and proved gone.
    Revoked {
        /// Why it ended.
        cause: EndCause,
        /// When its removal was proved.
        at: Timestamp,
    },
}

impl GrantStatus {
    /// The word in output and lookups.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Assigning => "assigning",
            Self::Active => "active",
            Self::Revoking { .. } => "revoking",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// Why it ends or ended.
    pub const fn end_cause(&self) -> Option<&EndCause> {
        match self {
            Self::Assigning | Self::Active => None,
            Self::Revoking { cause, .. } | Self::Revoked { cause, .. } => Some(cause),
        }
    }
}

/// A grant as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What was given.
    #[serde(flatten)]
    pub issue: Issue,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// How often it was used.
    pub used: u64,
    /// The person's own account at the target, once an assignment was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether that account had the entitlement before.
    pub held_before: bool,
    /// The system it is assigned in, once an assignment was begun.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// What the connector needs for removal, once assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Value>,
    /// Where it stands.
    #[serde(flatten)]
    pub status: GrantStatus,
}

impl Machine for Grant {
    type Event = GrantEvent;

    const NOUN: &'static str = "grant";

    fn apply(state: Option<Self>, event: &GrantEvent, meta: &Meta) -> Option<Self> {
        match state {
            None => Self::issued(event, meta),
            Some(grant) => grant.after(event, meta),
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("status".to_owned(), self.status.as_str().to_owned()),
            (
                "holder".to_owned(),
                self.issue.intent.subject.identity.to_string(),
            ),
            (
                "resource".to_owned(),
                self.issue.intent.resource.to_string(),
            ),
            ("request".to_owned(), self.issue.request.to_string()),
        ])
    }

    fn claims(event: &GrantEvent, stream: &StreamId) -> Vec<Claim> {
        match event {
            GrantEvent::Used { number, .. } => {
                vec![Claim::take("grant-use", format!("{stream}/{number}"))]
            }
            GrantEvent::Issued { issue } => {
                vec![Claim::take("request-granted", issue.request.to_string())]
            }
            _ => Vec::new(),
        }
    }
}

impl Grant {
    fn issued(event: &GrantEvent, meta: &Meta) -> Option<Self> {
        let GrantEvent::Issued { issue } = event else {
            return None;
        };
        // What is used in a session is usable at once; an entitlement is first assigned.
        let status = if issue.is_entitlement() {
            GrantStatus::Assigning
        } else {
            GrantStatus::Active
        };
        Some(Self {
            issue: issue.as_ref().clone(),
            issued_at: meta.at,
            used: 0,
            account: None,
            held_before: false,
            system: String::new(),
            assignment: None,
            status,
        })
    }

    fn after(mut self, event: &GrantEvent, meta: &Meta) -> Option<Self> {
        match (event, &self.status) {
            (
                GrantEvent::Assigning {
                    account,
                    held_before,
                    system,
                },
                GrantStatus::Assigning,
            ) => {
                self.account = Some(account.clone());
                self.held_before = *held_before;
                self.system.clone_from(system);
            }
            (GrantEvent::Assigned { assignment }, GrantStatus::Assigning) => {
                self.assignment = Some(assignment.clone());
                self.status = GrantStatus::Active;
            }
            (GrantEvent::Used { number, .. }, GrantStatus::Active) if *number == self.used + 1 => {
                self.used = *number;
            }
            (GrantEvent::Ending { cause }, GrantStatus::Assigning | GrantStatus::Active) => {
                self.status = GrantStatus::Revoking {
                    cause: cause.clone(),
                    left: None,
                };
            }
            (GrantEvent::RemovalIncomplete { left }, GrantStatus::Revoking { cause, .. }) => {
                self.status = GrantStatus::Revoking {
                    cause: cause.clone(),
                    left: Some(left.clone()),
                };
            }
            (GrantEvent::Removed { .. }, GrantStatus::Revoking { cause, .. }) => {
                self.status = GrantStatus::Revoked {
                    cause: cause.clone(),
                    at: meta.at,
                };
            }
            _ => return None,
        }
        Some(self)
    }
}
