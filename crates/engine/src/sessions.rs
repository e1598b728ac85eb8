//! Sessions for people: listing, watching, ending, replaying, checking and taking tapes away.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use portcullis_flow::session::{Keeping, Session, SessionEvent, SessionStatus};
use portcullis_model::event::Payload;
use portcullis_model::{
    Action, Authentication, Controls, IdentityId, Resource, SessionId, Subject,
};
use portcullis_policy::{Act, PathKind, Permit, Privileged, WatchSession};
use portcullis_ports::control::Order as GateOrder;
use portcullis_tape::{Ending, Frame};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::Engine;
use crate::assessment::Assessment;
use crate::census::Census;
use crate::evidence::Word;
use crate::failure::Failure;
use crate::journal::patiently;
use crate::lists::{Order, Page, Part};
use crate::supervision::contained;
use crate::tapes::SealedTape;

/// How long the order to end a session waits for its record.
const RECORDED_FIRST: Duration = Duration::from_millis(250);

/// A session for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// Where it stands, and everything about it.
    #[serde(flatten)]
    pub session: Session,
    /// Whose it is.
    pub identity_name: String,
    /// The resource's name.
    pub resource_name: String,
    /// Who ordered its end, and why; told of one session, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub killed: Option<Word>,
    /// Who holds its tape and why; told of one session, not in lists, and not to whose it is unless they answer for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Word>,
    /// The words that would declare what it ran as a task, when it ran plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_task: Option<String>,
}

/// What checking a tape found.
#[derive(Debug, Clone, Serialize)]
pub struct TapeReport {
    /// Which session's.
    pub session: SessionId,
    /// How many segments it has.
    pub segments: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The chain's value, hexadecimal.
    pub hash: String,
    /// How it ends, in words.
    pub ending: String,
    /// How many heads in the ledger it was held against.
    pub heads: usize,
}

/// A live session as a watcher sees it: what was, and what comes.
pub struct Watch {
    /// How many frames at the beginning of the tape were too many to be kept for this.
    pub missed: u64,
    /// What the tape held from then on when the watcher came.
    pub so_far: Vec<Frame>,
    /// What comes from then on.
    pub live: broadcast::Receiver<Arc<Frame>>,
}

impl Engine {
    /// The sessions somebody may see, newest first.
    pub async fn list_sessions(
        &self,
        who: IdentityId,
        page: &Page,
    ) -> Result<Part<SessionView>, Failure> {
        let census = self.census().await?;
        let shown = |session: &Session| census.may_see_session(who, session);
        let part = self.part(page, Order::NewestFirst, shown).await?;
        part.try_map(|(stream, session)| {
            let id = stream
                .parse()
                .map_err(|_| Failure::missing("session", &stream))?;
            Ok(seen(who, id, session, &census))
        })
    }

    /// One session.
    pub async fn show_session(
        &self,
        who: IdentityId,
        id: SessionId,
    ) -> Result<SessionView, Failure> {
        let session = self.visible(who, id).await?;
        let census = self.census().await?;
        let killed = match session.status {
            SessionStatus::Live => None,
            _ => self.order_to_end(id, &census).await?,
        };
        let held = self.held_by(id, &session).await?;
        let view = seen(who, id, session, &census);
        Ok(SessionView {
            killed,
            held: held.filter(|_| view.session.keeping.is_some()),
            ..view
        })
    }

    /// The first order to end a session: whose it was, and why.
    async fn order_to_end(&self, id: SessionId, census: &Census) -> Result<Option<Word>, Failure> {
        for event in self.events_of(&id.into()).await? {
            if let SessionEvent::KillOrdered { by, reason } = SessionEvent::from_event(&event)? {
                let server = || "the server".to_owned();
                return Ok(Some(Word {
                    by: by.map_or_else(server, |who| census.name(who)),
                    reason: Some(reason),
                }));
            }
        }
        Ok(None)
    }

    /// Whether somebody may watch a session, decided as when they begin to.
    pub async fn may_watch(&self, who: &Authentication, id: SessionId) -> Result<(), Failure> {
        let loaded = self.journal.load::<Session>(id).await?;
        let resource = self.resource(loaded.get()?.opening.resource).await?;
        self.permit_look::<WatchSession>(who, resource, "watch")
            .await
            .map(drop)
    }

    /// Begins to watch a live session: decided and recorded.
    pub async fn watch(&self, who: &Authentication, id: SessionId) -> Result<Watch, Failure> {
        self.journal.custody.sound()?;
        let mut loaded = self.journal.load::<Session>(id).await?;
        let resource = self.resource(loaded.get()?.opening.resource).await?;
        let permit = self
            .permit_look::<WatchSession>(who, resource, "watch")
            .await?;
        let live = self.live.get(id);
        let live = live
            .ok_or_else(|| Failure::Conflict(format!("{id} does not live: sessions play {id}")))?;
        let mut command = self.journal.command(Some(who.identity));
        let event = loaded.get()?.watch(who.identity)?;
        command.push(&mut loaded, &event)?;
        command.commit().await?;
        drop(permit);
        live.watch(self.tape(id)).await
    }

    /// Makes a permit to look into or behind sessions of a resource.
    pub(crate) async fn permit_look<A>(
        &self,
        who: &Authentication,
        resource: Resource,
        verb: &str,
    ) -> Result<Permit<Privileged, A>, Failure>
    where
        A: Act<Privileged>,
        Privileged: PathKind,
    {
        let intent = portcullis_model::Intent {
            subject: Subject::oneself(who.identity),
            resource: resource.id,
            action: Action::named(verb),
        };
        let classified = portcullis_classify::classify(&Action::named("replay"));
        let assessment = Assessment::looking(resource, intent, A::ACTION, classified)?;
        let met = Controls {
            mfa: who.has_second_factor(),
            ..Controls::NONE
        };
        let asked = self.asked(&assessment, met).await?;
        Ok(self.bundle().authorize::<Privileged, A>(&asked.query())?)
    }

    /// Ends a live session: the resource's owners, the owners of privileged sessions, and whose it is.
    pub async fn kill(
        &self,
        who: &Authentication,
        id: SessionId,
        reason: &str,
    ) -> Result<SessionView, Failure> {
        let session = self.visible(who.identity, id).await?;
        let census = self.census().await?;
        if !census.may_end_session(who.identity, &session) {
            return Err(Failure::Denied {
                code: "not_eligible",
                message: "only the resource's owners, owners of privileged sessions, and whose it is may end a session".to_owned(),
                next: None,
            });
        }
        self.order_kill(id, Some(who.identity), reason).await?;
        self.show_session(who.identity, id).await
    }

    /// Writes the order, then gives it to whoever has the session, whatever becomes of its record: a session is no longer
    /// lived in because somebody keeps its record busy, or because it cannot be written or takes its time.
    pub(crate) async fn order_kill(
        &self,
        id: SessionId,
        by: Option<IdentityId>,
        reason: &str,
    ) -> Result<(), Failure> {
        let mut recording = pin!(contained(async {
            // The end waits for it: who ordered it is recorded although the gate was told before.
            let _turn = self.ending.take(id).await;
            self.record_kill(id, by, reason).await
        }));
        let recorded = tokio::time::timeout(RECORDED_FIRST, &mut recording).await;
        if self.live.get(id).is_some() {
            self.orders.give(GateOrder::Kill {
                session: id,
                reason: reason.to_owned(),
            });
        }
        match recorded {
            Ok(recorded) => recorded,
            Err(_late) => recording.await,
        }
    }

    async fn record_kill(
        &self,
        id: SessionId,
        by: Option<IdentityId>,
        reason: &str,
    ) -> Result<(), Failure> {
        patiently(|| self.try_record_kill(id, by, reason)).await
    }

    /// The server itself needs no event for what is over or ending already: who wrote the order may have been stopped
    /// before giving it.
    async fn try_record_kill(
        &self,
        id: SessionId,
        by: Option<IdentityId>,
        reason: &str,
    ) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Session>(id).await?;
        if by.is_none() && loaded.get()?.status != SessionStatus::Live {
            return Ok(());
        }
        let mut command = self.journal.command(by);
        let event = loaded.get()?.kill(by, reason.to_owned())?;
        command.push(&mut loaded, &event)?;
        command.commit().await
    }

    /// Checks a tape against its chain and against every head the ledger has of it.
    pub async fn verify_tape(&self, who: IdentityId, id: SessionId) -> Result<TapeReport, Failure> {
        self.visible(who, id).await?;
        let known = self.known_heads(id).await?;
        let verified = self.read_through(id, &known, None).await?;
        let ending = match verified.ending {
            Ending::Finished(_) => "finished by its writer".to_owned(),
            Ending::Recovered(end) => format!("finished by recovery: {}", end.reason),
            Ending::Unfinished { torn_bytes } => format!("unfinished, {torn_bytes} torn bytes"),
        };
        Ok(TapeReport {
            session: id,
            segments: verified.head.segments,
            bytes: verified.head.bytes,
            hash: hex::encode(verified.head.hash),
            ending,
            heads: known.len(),
        })
    }

    /// The sealed tape, to be verified and, with an auditor's key, replayed elsewhere.
    pub async fn export_tape(&self, who: IdentityId, id: SessionId) -> Result<SealedTape, Failure> {
        self.visible(who, id).await?;
        self.sealed_tape(id).await
    }

    pub(crate) async fn visible(&self, who: IdentityId, id: SessionId) -> Result<Session, Failure> {
        let loaded = self.journal.load::<Session>(id).await?;
        let session = loaded.get()?;
        if self.census().await?.may_see_session(who, session) {
            Ok(session.clone())
        } else {
            Err(Failure::missing("session", id))
        }
    }
}

/// A session as people see it: the secret that was injected is named to who answers for the resource.
fn seen(who: IdentityId, id: SessionId, mut session: Session, census: &Census) -> SessionView {
    let named = session.opening.secret.is_some();
    if named && !census.may_find(who, session.opening.resource) {
        session.opening.secret = None;
        "a vaulted secret".clone_into(&mut session.opening.credential);
    }
    // Whom a hold is about is told by a court, not by us.
    let about = session.opening.identity == who && !census.may_find(who, session.opening.resource);
    if about && matches!(session.keeping, Some(Keeping::Held { .. })) {
        session.keeping = None;
    }
    let resource_name = census.resource_name(session.opening.resource);
    SessionView {
        id,
        identity_name: census.name(session.opening.identity),
        killed: None,
        held: None,
        as_task: crate::tasks::suggestion(&resource_name, &session.opening.action),
        resource_name,
        session,
    }
}
