//! How long a session's tape is kept: held, let go of, erased. Its heads and the story stay in any case.

use portcullis_model::{ChangeId, IdentityId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Session, SessionEvent, SessionStatus};
use crate::retention::{Erasure, Retention};

/// What became of a tape beside being kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tape", rename_all = "snake_case")]
pub enum Keeping {
    /// It is kept whatever its time: a legal hold.
    Held {
        /// Who holds it.
        by: IdentityId,
        /// Since when.
        since: Timestamp,
    },
    /// It is gone, and its key with it.
    Erased {
        /// Why.
        cause: Erasure,
        /// When.
        at: Timestamp,
    },
}

/// Why a tape is not held, let go of or erased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepingRefusal {
    /// It is still being written.
    #[error("the session is not over, so its tape is kept")]
    Lives,
    /// It is held.
    #[error("the tape is held since {0}: owners let go of it first")]
    Held(Timestamp),
    /// It is not held.
    #[error("the tape is not held")]
    NotHeld,
    /// It is gone.
    #[error("the tape was erased at {0}")]
    Erased(Timestamp),
}

impl Session {
    /// Somebody wants its tape kept, whatever its time.
    pub fn hold(&self, by: IdentityId) -> Result<SessionEvent, KeepingRefusal> {
        self.unheld()?;
        Ok(SessionEvent::Held { by })
    }

    /// Its owners let go of it: from here on its time counts again.
    pub fn let_go(&self, change: ChangeId) -> Result<SessionEvent, KeepingRefusal> {
        match &self.keeping {
            Some(Keeping::Held { .. }) => Ok(SessionEvent::HoldLifted { change }),
            Some(Keeping::Erased { at, .. }) => Err(KeepingRefusal::Erased(*at)),
            None => Err(KeepingRefusal::NotHeld),
        }
    }

    /// Its tape is erased. From here on there is none, though its bytes may be there for a moment still.
    pub fn erase(&self, cause: Erasure) -> Result<SessionEvent, KeepingRefusal> {
        self.erasable()?;
        Ok(SessionEvent::Erased { cause })
    }

    /// Whether its tape could be erased now.
    pub fn erasable(&self) -> Result<(), KeepingRefusal> {
        self.unheld()?;
        if self.is_live() {
            return Err(KeepingRefusal::Lives);
        }
        Ok(())
    }

    /// When its tape was erased, if it was.
    pub fn erased_at(&self) -> Option<Timestamp> {
        match &self.keeping {
            Some(Keeping::Erased { at, .. }) => Some(*at),
            Some(Keeping::Held { .. }) | None => None,
        }
    }

    /// Why its tape is to go by now, if its time is over and nobody holds it.
    pub fn outlived(&self, retention: &Retention, now: Timestamp) -> Option<Erasure> {
        let SessionStatus::Ended { at, .. } = &self.status else {
            return None;
        };
        let (days, kept) = retention.of(&self.opening.action)?;
        let over = self.keeping.is_none() && now >= at.plus(kept);
        over.then_some(Erasure::Kept { days })
    }

    fn unheld(&self) -> Result<(), KeepingRefusal> {
        match &self.keeping {
            Some(Keeping::Held { since, .. }) => Err(KeepingRefusal::Held(*since)),
            Some(Keeping::Erased { at, .. }) => Err(KeepingRefusal::Erased(*at)),
            None => Ok(()),
        }
    }

    /// What an event about its tape makes of it.
    pub(super) fn kept(mut self, event: &SessionEvent, at: Timestamp) -> Option<Self> {
        self.keeping = match event {
            SessionEvent::Held { by } => {
                self.unheld().ok()?;
                Some(Keeping::Held { by: *by, since: at })
            }
            SessionEvent::HoldLifted { change } => {
                self.let_go(*change).ok()?;
                None
            }
            SessionEvent::Erased { cause } => {
                self.erasable().ok()?;
                Some(Keeping::Erased {
                    cause: cause.clone(),
                    at,
                })
            }
            _ => return None,
        };
        Some(self)
    }
}
