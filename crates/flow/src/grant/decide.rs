//! What may be done with a grant, and when.

use std::collections::BTreeSet;

use portcullis_model::{Controls, IdentityId, Path, RequestId, SessionId, Timestamp};
use serde_json::Value;

use super::{EndCause, Grant, GrantEvent, GrantStatus, Issue};
use crate::request::{Request, Uses};

/// Why a command on a grant is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// It cannot be used in this state.
    #[error("the grant is {0}, not active")]
    NotActive(&'static str),
    /// Its time is over.
    #[error("the grant ended at its time")]
    Over,
    /// Its time has not come.
    #[error("the grant begins at {0}")]
    NotYet(Timestamp),
    /// Its uses were made.
    #[error("{}", spent(*.most))]
    Spent {
        /// How many there were.
        most: u64,
    },
    /// It counts on the other path.
    #[error("the grant is for the {held} path; this action takes the {needed} path")]
    WrongPath {
        /// The grant's path.
        held: Path,
        /// The action's path.
        needed: Path,
    },
    /// It ended already.
    #[error("the grant is {0} already")]
    Ended(&'static str),
    /// The caller may not end it.
    #[error("only the holder can release a grant")]
    NotHolder,
    /// The caller may not take it back.
    #[error(
        "only an owner of the resource, an owner of privileged sessions, or one of its approvers can revoke a grant"
    )]
    NotRevoker,
}

fn spent(most: u64) -> String {
    match most {
        1 => "the approval was for one use, and that use was made".to_owned(),
        most => format!("the approval was for {most} uses, and all of them were made"),
    }
}

impl Grant {
    /// A granted request becomes a grant; its time begins now. `approvers` is everybody who
    /// approved, the last one included.
    pub fn issue(
        id: RequestId,
        request: &Request,
        approvers: BTreeSet<IdentityId>,
        now: Timestamp,
    ) -> GrantEvent {
        let terms = &request.terms;
        let (starts, ends_at) = terms.lasts(now);
        GrantEvent::Issued {
            issue: Box::new(Issue {
                request: id,
                intent: terms.intent.clone(),
                digest: terms.digest,
                effective: terms.effective.as_ref().map(|view| view.digest),
                path: terms.path,
                controls: Controls {
                    approvals: terms.flow.level,
                    ..Controls::NONE
                },
                bundle: terms.bundle,
                approvers,
                starts_at: (starts > now).then_some(starts),
                ends_at,
                uses: terms.uses,
            }),
        }
    }

    /// Whether the grant can be used on a path now.
    pub fn usable(&self, path: Path, now: Timestamp) -> Result<(), GrantRefusal> {
        if self.issue.path != path {
            return Err(GrantRefusal::WrongPath {
                held: self.issue.path,
                needed: path,
            });
        }
        if let Some(most) = self.issue.uses.most().filter(|most| self.used >= *most) {
            return Err(GrantRefusal::Spent { most });
        }
        if self.status != GrantStatus::Active {
            return Err(GrantRefusal::NotActive(self.status.as_str()));
        }
        if now >= self.issue.ends_at {
            return Err(GrantRefusal::Over);
        }
        self.begun(now)
    }

    fn begun(&self, now: Timestamp) -> Result<(), GrantRefusal> {
        match self.issue.starts_at {
            Some(starts) if now < starts => Err(GrantRefusal::NotYet(starts)),
            _ => Ok(()),
        }
    }

    /// A session on a path uses the grant.
    pub fn use_for(
        &self,
        session: SessionId,
        path: Path,
        now: Timestamp,
    ) -> Result<GrantEvent, GrantRefusal> {
        self.usable(path, now)?;
        Ok(GrantEvent::Used {
            number: self.used + 1,
            session,
        })
    }

    /// The entitlement is about to be assigned.
    pub fn begin_assignment(
        &self,
        account: String,
        held_before: bool,
        system: String,
        now: Timestamp,
    ) -> Result<GrantEvent, GrantRefusal> {
        self.begun(now)?;
        match self.status {
            GrantStatus::Assigning if now < self.issue.ends_at => Ok(GrantEvent::Assigning {
                account,
                held_before,
                system,
            }),
            GrantStatus::Assigning => Err(GrantRefusal::Over),
            _ => Err(GrantRefusal::NotActive(self.status.as_str())),
        }
    }

    /// The entitlement is assigned.
    pub fn assigned(&self, assignment: Value) -> Result<GrantEvent, GrantRefusal> {
        match self.status {
            GrantStatus::Assigning => Ok(GrantEvent::Assigned { assignment }),
            _ => Err(GrantRefusal::NotActive(self.status.as_str())),
        }
    }

    /// Whether the end of one of its sessions ends the grant too: a use that was the last one does, however it ended; so
    /// does logging out of a privileged session that might be opened again.
    pub fn ends_with_session(&self, completed: bool, others_live: bool) -> bool {
        match self.issue.uses {
            Uses::One => true,
            Uses::UpTo(_) => self.issue.uses.are_spent(self.used) && !others_live,
            Uses::Window => completed && self.issue.path == Path::Privileged,
            Uses::Any => false,
        }
    }

    /// The grant ends by the server's own doing: time, completion, failure, re-evaluation.
    pub fn end(&self, cause: EndCause) -> Result<GrantEvent, GrantRefusal> {
        match self.status {
            GrantStatus::Assigning | GrantStatus::Active => Ok(GrantEvent::Ending { cause }),
            _ => Err(GrantRefusal::Ended(self.status.as_str())),
        }
    }

    /// The holder gives it back.
    pub fn release(&self, by: IdentityId) -> Result<GrantEvent, GrantRefusal> {
        if self.issue.intent.subject.involves(by) {
            self.end(EndCause::Released)
        } else {
            Err(GrantRefusal::NotHolder)
        }
    }

    /// An owner, or an approver who withdraws, takes it back. `owners` are the resource's owners and
    /// the owners of privileged sessions.
    pub fn revoke(
        &self,
        by: IdentityId,
        owners: &BTreeSet<IdentityId>,
    ) -> Result<GrantEvent, GrantRefusal> {
        if owners.contains(&by) || self.issue.approvers.contains(&by) {
            self.end(EndCause::Revoked { by })
        } else {
            Err(GrantRefusal::NotRevoker)
        }
    }

    /// A removal left something behind; the same finding is not written twice in a row.
    pub fn removal_incomplete(&self, found: String) -> Result<Option<GrantEvent>, GrantRefusal> {
        match &self.status {
            GrantStatus::Revoking {
                left: Some(known), ..
            } if *known == found => Ok(None),
            GrantStatus::Revoking { .. } => Ok(Some(GrantEvent::RemovalIncomplete { left: found })),
            _ => Err(GrantRefusal::Ended(self.status.as_str())),
        }
    }

    /// Nothing is left.
    pub fn removed(&self, evidence: Value) -> Result<GrantEvent, GrantRefusal> {
        match self.status {
            GrantStatus::Revoking { .. } => Ok(GrantEvent::Removed { evidence }),
            _ => Err(GrantRefusal::Ended(self.status.as_str())),
        }
    }
}
