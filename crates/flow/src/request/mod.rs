//! An access request: submitted, approved stage by stage, then granted, or ended without.

mod decide;
#[cfg(test)]
mod tests;
mod uses;

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_model::{
    ApprovalFlow, Classified, Controls, Digest, GrantId, IdentityId, Intent, Path, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::approval::{Approval, Electorate, open_stage};
use crate::{Machine, Meta};

pub use decide::{ApproveFacts, RequestRefusal, Submission};
pub use uses::Uses;

/// What an entitlement is worth at the target, as shown to approvers and bound by their approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveView {
    /// The digest of all effective privileges.
    pub digest: Digest,
    /// The privileges in words, the first ones when there are many.
    pub listed: Vec<String>,
    /// How many more there are than are listed.
    pub more: u64,
}

/// Everything an approver sees and an approval binds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Who, on what, doing which action.
    pub intent: Intent,
    /// The digest that approvals bind: intent and effective privileges.
    pub digest: Digest,
    /// The path the line drew.
    pub path: Path,
    /// What the action can do, and why that is so.
    pub classified: Classified,
    /// What it is worth at the target, for entitlements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveView>,
    /// The weakest profile of controls policy allows.
    pub profile: Controls,
    /// The approval flow, pinned as it was at submission.
    pub flow: ApprovalFlow,
    /// The policy bundle that decided.
    pub bundle: Digest,
    /// When access is to begin, if not when it is granted: a window that is approved ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// How long access is asked for, in seconds, from its start, or from the moment it is granted.
    pub span_secs: u64,
    /// How often.
    pub uses: Uses,
}

impl Terms {
    /// When access begins, and when it ends, if it is granted now. A window that was asked for ends when it was to end,
    /// however late it is granted.
    pub fn lasts(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let starts = self.starts_at.unwrap_or(now);
        let ends = starts.plus(Duration::from_secs(self.span_secs));
        (starts.max(now), ends)
    }
}

crate::events! {
    /// What can happen to a request.
    pub enum RequestEvent {
        /// Somebody asked.
        Submitted "request.submitted" {
            /// What for.
            terms: Box<Terms>,
            /// Who may approve, as of now.
            electorate: Electorate,
            /// When it expires without an answer.
            expires_at: Timestamp,
        }
        /// Somebody approved at a stage.
        Approved "request.approved" {
            /// Which stage, from 0.
            stage: usize,
            /// Who.
            by: IdentityId,
            /// What exactly: equal to the terms' digest.
            digest: Digest,
        }
        /// All stages are met: a grant was issued.
        Granted "request.granted" {
            /// Which.
            grant: GrantId,
        }
        /// An approver said no.
        Denied "request.denied" {
            /// Who.
            by: IdentityId,
        }
        /// The requester took it back.
        Cancelled "request.cancelled" {}
        /// Nobody answered in time.
        Expired "request.expired" {}
        /// What was asked for is no longer what it was, or no longer allowed.
        Voided "request.voided" {
            /// What changed.
            why: String,
        }
    }
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for approvals.
    Pending,
    /// Became a grant.
    Granted {
        /// Which.
        grant: GrantId,
    },
    /// An approver said no.
    Denied {
        /// Who.
        by: IdentityId,
    },
    /// The requester took it back.
    Cancelled,
    /// Nobody answered in time.
    Expired,
    /// What was asked for changed, or is no longer allowed.
    Voided {
        /// What changed.
        why: String,
    },
}

impl RequestStatus {
    /// The word in output and lookups.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted { .. } => "granted",
            Self::Denied { .. } => "denied",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Voided { .. } => "voided",
        }
    }
}

/// A request as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What was asked for.
    pub terms: Terms,
    /// Who may approve, as of submission.
    pub electorate: Electorate,
    /// The approvals there are.
    pub approvals: Vec<Approval>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it expires without an answer.
    pub expires_at: Timestamp,
    /// Where it stands.
    #[serde(flatten)]
    pub status: RequestStatus,
}

impl Request {
    /// The approvals that count: whoever gave them could give them now as well.
    pub fn counting(&self, electorate: &Electorate) -> Vec<Approval> {
        let given = self.approvals.iter();
        given
            .filter(|approval| electorate.admits(approval.stage, approval.by))
            .cloned()
            .collect()
    }

    /// The stage that waits for approvals.
    pub fn open_stage(&self, electorate: &Electorate) -> Option<usize> {
        open_stage(&self.terms.flow, &self.counting(electorate))
    }

    /// Whether it still waits.
    pub fn is_pending(&self) -> bool {
        self.status == RequestStatus::Pending
    }

    fn close(mut self, status: RequestStatus) -> Self {
        self.status = status;
        self
    }
}

impl Machine for Request {
    type Event = RequestEvent;

    const NOUN: &'static str = "request";

    fn apply(state: Option<Self>, event: &RequestEvent, meta: &Meta) -> Option<Self> {
        match (state, event) {
            (
                None,
                RequestEvent::Submitted {
                    terms,
                    electorate,
                    expires_at,
                },
            ) => Some(Self {
                terms: terms.as_ref().clone(),
                electorate: electorate.clone(),
                approvals: Vec::new(),
                submitted_at: meta.at,
                expires_at: *expires_at,
                status: RequestStatus::Pending,
            }),
            (Some(request), _) if !request.is_pending() => None,
            (Some(mut request), RequestEvent::Approved { stage, by, .. }) => {
                request.approvals.push(Approval {
                    stage: *stage,
                    by: *by,
                    at: meta.at,
                });
                Some(request)
            }
            (Some(request), RequestEvent::Granted { grant }) => {
                Some(request.close(RequestStatus::Granted { grant: *grant }))
            }
            (Some(request), RequestEvent::Denied { by }) => {
                Some(request.close(RequestStatus::Denied { by: *by }))
            }
            (Some(request), RequestEvent::Cancelled {}) => {
                Some(request.close(RequestStatus::Cancelled))
            }
            (Some(request), RequestEvent::Expired {}) => {
                Some(request.close(RequestStatus::Expired))
            }
            (Some(request), RequestEvent::Voided { why }) => {
                Some(request.close(RequestStatus::Voided { why: why.clone() }))
            }
            (None, _) | (Some(_), RequestEvent::Submitted { .. }) => None,
        }
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("status".to_owned(), self.status.as_str().to_owned()),
            (
                "requester".to_owned(),
                self.terms.intent.subject.identity.to_string(),
            ),
            (
                "resource".to_owned(),
                self.terms.intent.resource.to_string(),
            ),
        ])
    }
}
