//! Holding a tape, letting go of it, having it erased, and for how long all are kept. One owner is enough to keep what there
//! is; for what may go, three sign.

use std::collections::BTreeSet;

use portcullis_flow::change::ChangeBody;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_flow::retention::Retention;
use portcullis_flow::session::{Keeping, KeepingRefusal, Session, SessionEvent, SessionStatus};
use portcullis_model::{Authentication, ChangeId, IdentityId, SessionId};
use serde::Serialize;

use crate::Engine;
use crate::changes::ChangeView;
use crate::evidence::Word;
use crate::failure::Failure;
use crate::journal::{Command, patiently};
use crate::sessions::SessionView;

/// How long tapes are kept, and the room they take.
#[derive(Debug, Clone, Serialize)]
pub struct RetentionView {
    /// By action, for how many days; for ever what is not named.
    pub days: Retention,
    /// How many bytes they take; told to owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How many they may take, where that is limited; told to owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<u64>,
}

impl Engine {
    /// Keeps a session's tape whatever its time: the resource's owners and owners of the installation.
    pub async fn hold_tape(
        &self,
        who: &Authentication,
        id: SessionId,
        reason: &str,
    ) -> Result<SessionView, Failure> {
        Self::need_second_factor(who)?;
        if reason.trim().is_empty() {
            return Err(Failure::Invalid("say why: --reason TEXT".to_owned()));
        }
        let session = self.visible(who.identity, id).await?;
        let resource = session.opening.resource;
        if !self.census().await?.may_find(who.identity, resource) {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only the resource's owners and owners of the installation hold a tape"
                    .to_owned(),
                next: None,
            });
        }
        patiently(|| self.try_hold(who, id, reason)).await?;
        self.show_session(who.identity, id).await
    }

    async fn try_hold(
        &self,
        who: &Authentication,
        id: SessionId,
        reason: &str,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Session>(id).await?;
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.hold(who.identity)?;
        let bodies = vec![self.journal.body("reason", reason)];
        command.push_with(&mut loaded, &event, bodies)?;
        command.commit().await
    }

    /// Proposes that a tape is held no longer.
    pub async fn propose_letting_go(
        &self,
        who: &Authentication,
        session: SessionId,
    ) -> Result<ChangeView, Failure> {
        self.may_propose_about(who, session).await?;
        self.propose(who, ChangeBody::LetGo { session }).await
    }

    /// Proposes that a tape is erased before its time.
    pub async fn propose_erasure(
        &self,
        who: &Authentication,
        session: SessionId,
    ) -> Result<ChangeView, Failure> {
        self.may_propose_about(who, session).await?;
        self.propose(who, ChangeBody::EraseTape { session }).await
    }

    /// Refuses whoever owns nothing, before they are told whether a tape is held.
    async fn may_propose_about(
        &self,
        who: &Authentication,
        session: SessionId,
    ) -> Result<(), Failure> {
        self.visible(who.identity, session).await?;
        if self.roles(who).await?.is_empty() {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only an owner can propose this".to_owned(),
                next: None,
            });
        }
        Ok(())
    }

    /// What a change about a tape is about, to owners, who sign it and need not see the session otherwise. It is no part of the
    /// change, which everybody sees.
    pub(crate) async fn tape_of(
        &self,
        who: IdentityId,
        body: &ChangeBody,
    ) -> Result<Option<String>, Failure> {
        let (ChangeBody::LetGo { session: id } | ChangeBody::EraseTape { session: id }) = body
        else {
            return Ok(None);
        };
        let census = self.census().await?;
        if !census.is_owner(who) {
            return Ok(None);
        }
        let loaded = self.journal.load::<Session>(*id).await?;
        let session = loaded.get()?;
        let opening = &session.opening;
        let ended = match &session.status {
            SessionStatus::Ended { at, .. } => format!(", ended {at}"),
            SessionStatus::Live | SessionStatus::Ending { .. } => String::new(),
        };
        let held = self.held_by(*id, session).await?;
        let held = held.map_or_else(String::new, |word| {
            let reason = word.reason.unwrap_or_default();
            format!("; held by {}: {reason:?}", word.by)
        });
        Ok(Some(format!(
            "{} on {} by {}{ended}{held}",
            opening.action.name,
            census.resource_name(opening.resource),
            census.name(opening.identity)
        )))
    }

    /// Who holds a tape, and why.
    pub(crate) async fn held_by(
        &self,
        id: SessionId,
        session: &Session,
    ) -> Result<Option<Word>, Failure> {
        let Some(Keeping::Held { by, .. }) = &session.keeping else {
            return Ok(None);
        };
        let by = self.census().await?.name(*by);
        let said = self.reasons_of(&id.into(), "session.held").await?;
        Ok(Some(Word {
            by,
            reason: said.into_iter().next_back().flatten(),
        }))
    }

    /// Proposes for how long the tapes of these actions are kept; for ever without a number of days.
    pub async fn propose_retention(
        &self,
        who: &Authentication,
        wanted: &[(String, Option<u32>)],
    ) -> Result<ChangeView, Failure> {
        let replaces = self.retention().await?;
        let mut retention = replaces.clone();
        for (action, days) in wanted {
            retention.set(action, *days);
        }
        if retention == replaces {
            return Err(Failure::Invalid(format!(
                "tapes are kept like that already: {retention}"
            )));
        }
        let body = ChangeBody::SetRetention {
            retention,
            replaces,
        };
        self.propose(who, body).await
    }

    /// How long tapes are kept, to everybody whose sessions they are of; the room they take, to owners.
    pub async fn show_retention(&self, who: IdentityId) -> Result<RetentionView, Failure> {
        let owner = self.census().await?.is_owner(who);
        Ok(RetentionView {
            days: self.retention().await?,
            bytes: owner.then(|| self.room.bytes()),
            quota: self.options.tape_quota.filter(|_| owner),
        })
    }

    /// Refuses a time for tapes that there are none of, or that is none.
    pub(crate) fn check_retention(&self, retention: &Retention) -> Result<(), Failure> {
        let kinds = self.ports.kinds();
        let actions = kinds.iter().flat_map(|kind| &kind.actions);
        let recorded = actions.filter(|action| action.brokered);
        let recorded: BTreeSet<_> = recorded.map(|action| action.name).collect();
        for (action, days) in retention.days() {
            if !recorded.contains(action) {
                let known: Vec<_> = recorded.into_iter().collect();
                return Err(Failure::Invalid(format!(
                    "{action:?} leaves no tape; these do: {}",
                    known.join(", ")
                )));
            }
            if !(1..=Retention::LONGEST).contains(&days) {
                return Err(Failure::Invalid(format!(
                    "tapes are kept for 1 to {} days, or for ever",
                    Retention::LONGEST
                )));
            }
        }
        Ok(())
    }

    /// Refuses a change about a tape that could not be applied as it stands.
    pub(crate) async fn check_tape(&self, body: &ChangeBody) -> Result<(), Failure> {
        match body {
            ChangeBody::LetGo { session } => {
                let loaded = self.journal.load::<Session>(*session).await?;
                loaded.get()?.let_go(self.journal.fresh_id::<ChangeId>())?;
            }
            ChangeBody::EraseTape { session } => {
                let loaded = self.journal.load::<Session>(*session).await?;
                loaded.get()?.erasable()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes what a change makes of a tape. One that is erased goes once that is committed.
    pub(crate) async fn change_tape(
        &self,
        command: &mut Command<'_>,
        session: SessionId,
        decide: impl FnOnce(&Session) -> Result<SessionEvent, KeepingRefusal>,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Session>(session).await?;
        let event = decide(loaded.get()?)?;
        command.push(&mut loaded, &event)
    }

    /// Writes for how long tapes are kept.
    pub(crate) async fn record_retention(
        &self,
        command: &mut Command<'_>,
        change: ChangeId,
        retention: Retention,
        replaces: &Retention,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        if loaded.get()?.retention != *replaces {
            return Err(Failure::Conflict(
                "tapes are kept for another time since this was proposed: propose it again"
                    .to_owned(),
            ));
        }
        command.push(
            &mut loaded,
            &InstallationEvent::RetentionSet { retention, change },
        )
    }
}
