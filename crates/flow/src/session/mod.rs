//! A brokered session: opened under a grant, its tape's heads, its end.

mod keeping;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use portcullis_model::event::Claim;
use portcullis_model::{
    Action, ChangeId, Controls, Digest, Factor, GrantId, IdentityId, RequestId, ResourceId,
    StreamId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::retention::Erasure;
use crate::{Machine, Meta};

pub use keeping::{Keeping, KeepingRefusal};

/// Everything fixed when a session opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The grant that was used.
    pub grant: GrantId,
    /// The request it came from.
    pub request: RequestId,
    /// Who.
    pub identity: IdentityId,
    /// What was proved at the door.
    pub factors: Vec<Factor>,
    /// On what.
    pub resource: ResourceId,
    /// As which account there.
    pub account: String,
    /// Doing what.
    pub action: Action,
    /// The digest of what was approved.
    pub digest: Digest,
    /// The controls in force.
    pub controls: Controls,
    /// The policy bundle that decided.
    pub bundle: Digest,
    /// The policies that allowed it.
    pub policies: Vec<String>,
    /// Where the client came from.
    pub source: String,
    /// Shared by the sessions of one connection.
    pub connection: String,
    /// What opens the target, without the secret: `certificate serial 7`, `vaulted secret web-2-key`.
    pub credential: String,
    /// The name of the vaulted secret that is injected; absent where a certificate is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The SHA-256 of the tape's header.
    pub tape: Digest,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
    /// What stands for the key its holder gave it, under which nothing is run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
}

/// What a session's key is spent as.
pub const RUN_KEY: &str = "run-key";

/// How far a tape had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeHead {
    /// How many segments it has.
    pub segments: u64,
    /// How many bytes, the header included.
    pub bytes: u64,
    /// The chain's value.
    pub hash: Digest,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why, as the gate or the recovery saw it.
    pub cause: String,
    /// Whether the program at the target ended by itself: then the task is complete.
    pub completed: bool,
    /// The exit status, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u32>,
    /// Bytes from the client to the target.
    pub bytes_in: u64,
    /// Bytes from the target to the client.
    pub bytes_out: u64,
    /// The tape's last head.
    pub tape: TapeHead,
}

crate::events! {
    /// What can happen to a session.
    pub enum SessionEvent {
        /// It was decided and recorded; only now the target is reached.
        Opened "session.opened" {
            /// Everything fixed.
            opening: Box<Opening>,
        }
        /// The tape went on.
        Head "session.head" {
            /// How far.
            head: TapeHead,
        }
        /// Somebody began to watch live.
        Watched "session.watched" {
            /// Who.
            by: IdentityId,
        }
        /// Somebody read the tape through the product.
        Replayed "session.replayed" {
            /// Who.
            by: IdentityId,
            /// Under which grant.
            grant: GrantId,
        }
        /// An order to end it was given.
        KillOrdered "session.kill_ordered" {
            /// Who gave it; absent when re-evaluation did.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            by: Option<IdentityId>,
            /// Why.
            reason: String,
        }
        /// It is over and its tape is closed.
        Ended "session.ended" {
            /// How.
            ending: Ending,
        }
        /// Its tape is kept, whatever its time.
        Held "session.held" {
            /// Who wants that.
            by: IdentityId,
        }
        /// Its tape is not held any more.
        HoldLifted "session.hold_lifted" {
            /// The change that signed it.
            change: ChangeId,
        }
        /// Its tape is gone, and the key that opened it. Its heads stay.
        Erased "session.erased" {
            /// Why.
            cause: Erasure,
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SessionStatus {
    /// It lives.
    Live,
    /// It was told to end.
    Ending {
        /// Why.
        reason: String,
    },
    /// It is over.
    Ended {
        /// How.
        ending: Ending,
        /// When.
        at: Timestamp,
    },
}

impl SessionStatus {
    /// The word in output and lookups.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
        }
    }
}

/// A session as its events amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Everything fixed when it opened.
    pub opening: Opening,
    /// When it opened.
    pub opened_at: Timestamp,
    /// The tape's last recorded head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<TapeHead>,
    /// What became of its tape, beside being kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeping: Option<Keeping>,
    /// Where it stands.
    #[serde(flatten)]
    pub status: SessionStatus,
}

/// Why a command on a session is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// It is over.
    #[error("the session has ended")]
    Ended,
    /// It was told to end: nobody joins it any more.
    #[error("the session was told to end")]
    Ending,
    /// A head that does not go on from the last one.
    #[error("the tape's head goes backwards: {last} segments were recorded, {given} are reported")]
    Backwards {
        /// How many segments the ledger has.
        last: u64,
        /// How many were reported.
        given: u64,
    },
}

impl Session {
    /// Whether it may still be doing something at the target.
    pub fn is_live(&self) -> bool {
        !matches!(self.status, SessionStatus::Ended { .. })
    }

    /// The tape went on; `None` when nothing new was recorded.
    pub fn head(&self, head: TapeHead) -> Result<Option<SessionEvent>, SessionRefusal> {
        self.live()?;
        match &self.head {
            Some(last) if head.segments < last.segments => Err(SessionRefusal::Backwards {
                last: last.segments,
                given: head.segments,
            }),
            Some(last) if head.segments == last.segments => Ok(None),
            _ => Ok(Some(SessionEvent::Head { head })),
        }
    }

    /// Somebody begins to watch. Not what was told to end: its record is for its end.
    pub fn watch(&self, by: IdentityId) -> Result<SessionEvent, SessionRefusal> {
        match self.status {
            SessionStatus::Live => Ok(SessionEvent::Watched { by }),
            SessionStatus::Ending { .. } => Err(SessionRefusal::Ending),
            SessionStatus::Ended { .. } => Err(SessionRefusal::Ended),
        }
    }

    /// An order to end it. Repeating it is allowed: the second order is recorded too.
    pub fn kill(
        &self,
        by: Option<IdentityId>,
        reason: String,
    ) -> Result<SessionEvent, SessionRefusal> {
        self.live()?;
        Ok(SessionEvent::KillOrdered { by, reason })
    }

    /// It is over.
    pub fn end(&self, ending: Ending) -> Result<SessionEvent, SessionRefusal> {
        self.live()?;
        Ok(SessionEvent::Ended { ending })
    }

    fn live(&self) -> Result<(), SessionRefusal> {
        if self.is_live() {
            Ok(())
        } else {
            Err(SessionRefusal::Ended)
        }
    }
}

impl Machine for Session {
    type Event = SessionEvent;

    const NOUN: &'static str = "session";

    fn apply(state: Option<Self>, event: &SessionEvent, meta: &Meta) -> Option<Self> {
        match (state, event) {
            (None, SessionEvent::Opened { opening }) => Some(Self {
                opening: opening.as_ref().clone(),
                opened_at: meta.at,
                head: None,
                keeping: None,
                status: SessionStatus::Live,
            }),
            (Some(session), SessionEvent::Replayed { .. }) => Some(session),
            (
                Some(session),
                SessionEvent::Held { .. }
                | SessionEvent::HoldLifted { .. }
                | SessionEvent::Erased { .. },
            ) => session.kept(event, meta.at),
            (Some(session), _) if !session.is_live() => None,
            (Some(mut session), SessionEvent::Head { head }) => {
                session.head = Some(*head);
                Some(session)
            }
            (Some(session), SessionEvent::Watched { .. }) => Some(session),
            (Some(mut session), SessionEvent::KillOrdered { reason, .. }) => {
                session.status = SessionStatus::Ending {
                    reason: reason.clone(),
                };
                Some(session)
            }
            (Some(mut session), SessionEvent::Ended { ending }) => {
                session.head = Some(ending.tape);
                session.status = SessionStatus::Ended {
                    ending: ending.clone(),
                    at: meta.at,
                };
                Some(session)
            }
            (None, _) | (Some(_), SessionEvent::Opened { .. }) => None,
        }
    }

    fn claims(event: &SessionEvent, _: &StreamId) -> Vec<Claim> {
        let key = match event {
            SessionEvent::Opened { opening } => opening.key,
            _ => None,
        };
        key.map(|key| Claim::take(RUN_KEY, key.to_string()))
            .into_iter()
            .collect()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        let live = if self.is_live() { "live" } else { "ended" };
        BTreeMap::from([
            ("status".to_owned(), live.to_owned()),
            ("grant".to_owned(), self.opening.grant.to_string()),
            ("identity".to_owned(), self.opening.identity.to_string()),
            ("resource".to_owned(), self.opening.resource.to_string()),
        ])
    }
}
