//! What may be done to a request, and when.

use std::time::Duration;

use portcullis_model::{ApprovalFlow, Authentication, Digest, GrantId, IdentityId, Timestamp};

use super::{Request, RequestEvent, Terms};
use crate::approval::{Electorate, open_stage};

/// How long a request waits for an answer.
const PATIENCE: Duration = Duration::from_hours(30 * 24);

/// Why a command on a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// A stage has nobody left who could approve, so the request could never be met.
    #[error(
        "nobody can approve stage {stage} ({name}): no eligible person is left who is not involved; ask an owner to add one"
    )]
    NoApprover {
        /// Which stage, from 1.
        stage: usize,
        /// The stage's name.
        name: String,
    },
    /// The request has ended.
    #[error("the request is {0} and cannot change any more")]
    Closed(&'static str),
    /// Nobody decides on what they asked for themselves.
    #[error("this is your own request, or one made for you: somebody else has to decide")]
    OwnRequest,
    /// The caller is not among those who may decide now.
    #[error("you are not among those who may decide at this stage ({0})")]
    NotEligible(String),
    /// The caller has decided already.
    #[error("you have approved this request already: another person is needed")]
    Again,
    /// What the approver saw is not what would be granted.
    #[error(
        "what was asked for is worth something else now than what you saw: look at it again (requests show) before you approve"
    )]
    Changed,
    /// Approving needs a second factor.
    #[error("approving needs a second factor: log in again with your one-time code")]
    SecondFactor,
    /// Only the requester may take it back.
    #[error("only the requester can cancel a request")]
    NotYours,
    /// It has not waited long enough.
    #[error("the request has not expired yet")]
    NotYet,
}

/// What is asked for, and by whom it may be approved.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The terms.
    pub terms: Terms,
    /// Who may approve.
    pub electorate: Electorate,
}

/// What an approval is judged against at the moment it is given.
#[derive(Debug, Clone)]
pub struct ApproveFacts {
    /// Who may approve now.
    pub electorate: Electorate,
    /// The digest of intent and effective privileges as read at the target now.
    pub digest_now: Digest,
    /// The identifier the grant gets if this was the last approval.
    pub grant: GrantId,
}

impl RequestRefusal {
    /// Why a request in this flow could never be met, if so.
    pub fn unfillable(flow: &ApprovalFlow, electorate: &Electorate) -> Option<Self> {
        let stage = electorate.first_unfillable(flow, &[])?;
        let name = flow.stages.get(stage);
        Some(Self::NoApprover {
            stage: stage + 1,
            name: name.map_or_else(String::new, |found| found.name.clone()),
        })
    }
}

impl Request {
    /// Somebody asks. A flow without stages grants at once.
    pub fn submit(
        submission: Submission,
        grant: GrantId,
        now: Timestamp,
    ) -> Result<Vec<RequestEvent>, RequestRefusal> {
        let Submission { terms, electorate } = submission;
        if let Some(refusal) = RequestRefusal::unfillable(&terms.flow, &electorate) {
            return Err(refusal);
        }
        let at_once = open_stage(&terms.flow, &[]).is_none();
        // A window that is over is not decided about any more.
        let (_, over) = terms.lasts(now);
        let patience = now.plus(PATIENCE);
        let expires_at = terms.starts_at.map_or(patience, |_| patience.min(over));
        let submitted = RequestEvent::Submitted {
            terms: Box::new(terms),
            electorate,
            expires_at,
        };
        let granted = at_once.then_some(RequestEvent::Granted { grant });
        Ok(std::iter::once(submitted).chain(granted).collect())
    }

    /// Somebody approves exactly `seen`.
    pub fn approve(
        &self,
        approver: &Authentication,
        seen: Digest,
        facts: &ApproveFacts,
        now: Timestamp,
    ) -> Result<Vec<RequestEvent>, RequestRefusal> {
        let stage = self.decidable_by(approver.identity, &facts.electorate, now)?;
        if !approver.has_second_factor() {
            return Err(RequestRefusal::SecondFactor);
        }
        if seen != self.terms.digest || facts.digest_now != self.terms.digest {
            return Err(RequestRefusal::Changed);
        }
        let given_now = RequestEvent::Approved {
            stage,
            by: approver.identity,
            digest: seen,
        };
        let mut given = self.counting(&facts.electorate);
        given.push(crate::approval::Approval {
            stage,
            by: approver.identity,
            at: now,
        });
        let complete = open_stage(&self.terms.flow, &given).is_none();
        let granted = complete.then_some(RequestEvent::Granted { grant: facts.grant });
        Ok(std::iter::once(given_now).chain(granted).collect())
    }

    /// An approver says no.
    pub fn deny(
        &self,
        by: IdentityId,
        electorate: &Electorate,
        now: Timestamp,
    ) -> Result<RequestEvent, RequestRefusal> {
        self.pending(now)?;
        if self.terms.intent.subject.involves(by) {
            return Err(RequestRefusal::OwnRequest);
        }
        if !electorate.everybody().contains(&by) {
            return Err(RequestRefusal::NotEligible("any stage".to_owned()));
        }
        Ok(RequestEvent::Denied { by })
    }

    /// The requester takes it back.
    pub fn cancel(&self, by: IdentityId, now: Timestamp) -> Result<RequestEvent, RequestRefusal> {
        self.pending(now)?;
        if self.terms.intent.subject.involves(by) {
            Ok(RequestEvent::Cancelled {})
        } else {
            Err(RequestRefusal::NotYours)
        }
    }

    /// Time passed without an answer.
    pub fn expire(&self, now: Timestamp) -> Result<RequestEvent, RequestRefusal> {
        if !self.is_pending() {
            return Err(RequestRefusal::Closed(self.status.as_str()));
        }
        if now < self.expires_at {
            return Err(RequestRefusal::NotYet);
        }
        Ok(RequestEvent::Expired {})
    }

    /// What was asked for changed, or policy no longer allows it.
    pub fn void(&self, why: String) -> Result<RequestEvent, RequestRefusal> {
        if self.is_pending() {
            Ok(RequestEvent::Voided { why })
        } else {
            Err(RequestRefusal::Closed(self.status.as_str()))
        }
    }

    fn pending(&self, now: Timestamp) -> Result<(), RequestRefusal> {
        if !self.is_pending() {
            return Err(RequestRefusal::Closed(self.status.as_str()));
        }
        if now >= self.expires_at {
            return Err(RequestRefusal::Closed("expired"));
        }
        Ok(())
    }

    fn decidable_by(
        &self,
        who: IdentityId,
        electorate: &Electorate,
        now: Timestamp,
    ) -> Result<usize, RequestRefusal> {
        self.pending(now)?;
        if self.terms.intent.subject.involves(who) {
            return Err(RequestRefusal::OwnRequest);
        }
        if self.approvals.iter().any(|approval| approval.by == who) {
            return Err(RequestRefusal::Again);
        }
        let stage = self
            .open_stage(electorate)
            .ok_or(RequestRefusal::Closed("complete"))?;
        if electorate.admits(stage, who) {
            return Ok(stage);
        }
        let name = self
            .terms
            .flow
            .stages
            .get(stage)
            .map_or_else(String::new, |found| found.name.clone());
        Err(RequestRefusal::NotEligible(name))
    }
}
