//! Holding a tape, letting go of it, having it erased, and for how long all are kept. One owner is enough to keep what there
//! is; for what may go, three sign.

use std::collections::BTreeSet;

use portcullis_flow::change::ChangeBody;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_flow::retention::Retention;
use portcullis_flow::session::{KeepingRefusal, Session, SessionEvent, SessionStatus};
use portcullis_model::{Authentication, ChangeId, SessionId};
use serde::Serialize;

use crate::Engine;
use crate::changes::ChangeView;
use crate::failure::Failure;
use crate::journal::{Command, patiently};
use crate::sessions::SessionView;

/// How long tapes are kept, and the room they take.
#[derive(Debug, Clone, Serialize)]
pub struct RetentionView {
    /// By action, for how many days; for ever what is not named.
    pub days: Retention,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many they may take, where that is limited.
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
        let of = self.tape_of(who, session).await?;
        self.propose(who, ChangeBody::LetGo { session, of }).await
    }

    /// Proposes that a tape is erased before its time.
    pub async fn propose_erasure(
        &self,
        who: &Authentication,
        session: SessionId,
    ) -> Result<ChangeView, Failure> {
        let of = self.tape_of(who, session).await?;
        self.propose(who, ChangeBody::EraseTape { session, of })
            .await
    }

    /// What a tape is of, for who signs: they may be owners who cannot see the session.
    async fn tape_of(&self, who: &Authentication, id: SessionId) -> Result<String, Failure> {
        let session = self.visible(who.identity, id).await?;
        let census = self.census().await?;
        let opening = &session.opening;
        let ended = match &session.status {
            SessionStatus::Ended { at, .. } => format!(", ended {at}"),
            SessionStatus::Live | SessionStatus::Ending { .. } => String::new(),
        };
        Ok(format!(
            "{} on {} by {}{ended}",
            opening.action.name,
            census.resource_name(opening.resource),
            census.name(opening.identity)
        ))
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

    /// How long tapes are kept, to everybody whose sessions they are of.
    pub async fn show_retention(&self) -> Result<RetentionView, Failure> {
        Ok(RetentionView {
            days: self.retention().await?,
            bytes: self.room.bytes(),
            quota: self.options.tape_quota,
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
            ChangeBody::LetGo { session, .. } => {
                let loaded = self.journal.load::<Session>(*session).await?;
                loaded.get()?.let_go(self.journal.fresh_id::<ChangeId>())?;
            }
            ChangeBody::EraseTape { session, .. } => {
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
