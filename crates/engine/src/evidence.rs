//! Evidence files and checkpoints: what an outsider verifies without us.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis_flow::change::Change;
use portcullis_flow::grant::Grant;
use portcullis_flow::identity::IdentityEvent;
use portcullis_flow::records::ResourceEvent;
use portcullis_flow::request::Request;
use portcullis_flow::retention::Erasure;
use portcullis_flow::secret::SecretEvent;
use portcullis_flow::session::{Session, SessionEvent};
use portcullis_ledger::{EvidenceFile, SignedCheckpoint};
use portcullis_model::event::Payload;
use portcullis_model::{
    ChangeId, Event, GrantId, IdentityId, RequestId, ResourceId, SessionId, StreamId,
};
use serde::Serialize;

use crate::Engine;
use crate::census::Census;
use crate::failure::Failure;
use crate::sequencer::{LogFiles, latest};
use crate::whereabouts::tells_too_much;

/// How long evidence waits for its events to be in the log.
const INTEGRATION: Duration = Duration::from_secs(10);

/// What belongs to one story: whole streams, and the sessions a secret was injected into.
#[derive(Default)]
struct Story {
    streams: Vec<StreamId>,
    injected: Vec<(SessionId, String)>,
}

/// Who ended something, and why, for people.
#[derive(Debug, Clone, Serialize)]
pub struct Word {
    /// Who, by name.
    pub by: String,
    /// Why, if it was said and not erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Engine {
    /// The evidence file of a request, grant, session or change: everything the ledger has of the whole story.
    pub async fn evidence(&self, who: IdentityId, id: &str) -> Result<Vec<u8>, Failure> {
        let story = self.story(who, id).await?;
        let mut positions = BTreeSet::new();
        for stream in &story.streams {
            let stored = self.journal.store.stream(stream, 0).await?;
            positions.extend(stored.iter().map(|stored| stored.position));
        }
        for (session, secret) in &story.injected {
            positions.extend(self.rotation_after(*session, secret).await?);
        }
        let last = positions.last().copied().unwrap_or(0);
        let census = self.census().await?;
        let mut involved = self.involved(&story.streams).await?;
        involved.retain(|stream| may_be_told(stream, who, &census));
        let mut told = BTreeSet::new();
        // Whoever wrote a record is named in it, and has one as well.
        while let Some(record) = involved.pop_first() {
            for (position, actor) in self.records_until(&record, last).await? {
                positions.insert(position);
                involved.extend(actor.map(StreamId::from).filter(|who| !told.contains(who)));
            }
            told.insert(record);
        }
        self.wait_until_integrated(last).await?;
        let seen = self.witnesses.seen_beyond(last).await;
        let tiles = Arc::clone(&self.ports.tiles);
        let signer = Arc::clone(&self.own.ledger);
        let indexes: Vec<u64> = positions.into_iter().collect();
        let gathered = tokio::task::spawn_blocking(move || {
            let newest = || latest(tiles.as_ref(), signer.verifier());
            let signed = seen
                .map_or_else(newest, |seen| Ok(Some(seen)))?
                .ok_or_else(|| {
                    Failure::Unavailable("the ledger has no checkpoint yet".to_owned())
                })?;
            let file = EvidenceFile::gather(&LogFiles(tiles), &signed, &signer, &indexes)?;
            Ok::<_, Failure>(file.to_string().into_bytes())
        });
        gathered
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))?
    }

    /// The latest checkpoint, as a signed note.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, Failure> {
        let signed = latest(self.ports.tiles.as_ref(), self.own.ledger.verifier())?;
        let signed = signed.map(|signed| self.witnesses.words_on(signed));
        signed.ok_or_else(|| Failure::Unavailable("the ledger has no checkpoint yet".to_owned()))
    }

    /// The streams that belong to one story: a request with its grant, its sessions, and the installation's beginning.
    async fn story(&self, who: IdentityId, id: &str) -> Result<Story, Failure> {
        let mut story = Story::default();
        if let Ok(change) = id.parse::<ChangeId>() {
            self.may_prove_change(who, change).await?;
            story.streams.push(change.into());
            return Ok(story);
        }
        let request = self.request_behind(id).await?;
        self.show_request(who, request).await?;
        story.streams.push(request.into());
        let granted = self
            .journal
            .find_one::<Grant>("request", &request.to_string())
            .await?;
        if let Some(grant) = granted {
            let id = grant.stream.to_string();
            story.streams.push(grant.stream);
            let sessions = self
                .journal
                .find::<Session>(&[("grant", id.as_str())])
                .await?;
            for (stream, session) in sessions {
                if let (Some(secret), Ok(id)) = (session.opening.secret, stream.parse()) {
                    story.injected.push((id, secret));
                }
                let signed = self.signed_about(&stream).await?;
                story.streams.push(stream);
                story.streams.extend(signed);
            }
        }
        Ok(story)
    }

    /// The changes that were signed about a session's tape.
    async fn signed_about(&self, session: &StreamId) -> Result<Vec<StreamId>, Failure> {
        let mut signed = Vec::new();
        for event in self.events_of(session).await? {
            match SessionEvent::from_event(&event)? {
                SessionEvent::HoldLifted { change }
                | SessionEvent::Erased {
                    cause: Erasure::Signed { change },
                } => signed.push(change.into()),
                _ => {}
            }
        }
        Ok(signed)
    }

    /// A change is a leaf, which is told whole or not at all.
    async fn may_prove_change(&self, who: IdentityId, id: ChangeId) -> Result<(), Failure> {
        let loaded = self.journal.load::<Change>(id).await?;
        if tells_too_much(loaded.get()?, who, &self.census().await?) {
            return Err(Failure::denied(
                "not_eligible",
                format!(
                    "the evidence of {id} tells where a resource is, or who holds what there, which is for who answers for it"
                ),
                "ask an owner of the resource, or of the installation, to take it",
            ));
        }
        Ok(())
    }

    /// Whoever acted in a story, and what it was about: identifiers that only their records give names to.
    async fn involved(&self, streams: &[StreamId]) -> Result<BTreeSet<StreamId>, Failure> {
        let mut involved = BTreeSet::new();
        for stream in streams {
            for event in self.events_of(stream).await? {
                involved.extend(event.actor.map(StreamId::from));
            }
            if let Ok(request) = stream.to_string().parse::<RequestId>() {
                let loaded = self.journal.load::<Request>(request).await?;
                let intent = &loaded.get()?.terms.intent;
                involved.insert(intent.resource.into());
                involved.insert(intent.subject.identity.into());
                let behind = intent.subject.on_behalf_of.iter();
                involved.extend(behind.copied().map(StreamId::from));
            }
        }
        Ok(involved)
    }

    /// Where the ledger has the records of an identity or a resource, as far as a story goes, and who wrote each;
    /// sign-ins and keys stay out.
    async fn records_until(
        &self,
        stream: &StreamId,
        last: u64,
    ) -> Result<Vec<(u64, Option<IdentityId>)>, Failure> {
        let mut records = Vec::new();
        let person = stream.to_string().parse::<IdentityId>().is_ok();
        for stored in self.journal.store.stream(stream, 0).await? {
            let event = Event::from_leaf(&stored.leaf)?;
            let record = if person {
                matches!(
                    IdentityEvent::from_event(&event)?,
                    IdentityEvent::Added { .. } | IdentityEvent::Set { .. }
                )
            } else {
                matches!(
                    ResourceEvent::from_event(&event)?,
                    ResourceEvent::Added { .. } | ResourceEvent::Set { .. }
                )
            };
            if record && stored.position < last {
                records.push((stored.position, event.actor));
            }
        }
        Ok(records)
    }

    pub(crate) async fn events_of(&self, stream: &StreamId) -> Result<Vec<Event>, Failure> {
        let stored = self.journal.store.stream(stream, 0).await?;
        let events = stored.iter().map(|stored| Event::from_leaf(&stored.leaf));
        Ok(events.collect::<Result<_, _>>()?)
    }

    /// Where the ledger has a secret's release to a session, and the rotation that came after it.
    async fn rotation_after(&self, session: SessionId, secret: &str) -> Result<Vec<u64>, Failure> {
        let stream = self.vault.record(secret).await?.stream;
        let mut positions = Vec::new();
        let (mut candidate, mut left) = (None, false);
        for stored in self.journal.store.stream(&stream, 0).await? {
            let belongs = match SecretEvent::from_event(&Event::from_leaf(&stored.leaf)?)? {
                SecretEvent::Released { session: to, .. } => to == Some(session),
                SecretEvent::RotationBegun { rotation } if candidate.is_none() && !left => {
                    candidate = (!positions.is_empty()).then_some(rotation.version);
                    candidate.is_some()
                }
                SecretEvent::RotationFailed { version, .. }
                | SecretEvent::RotationAbandoned { version, .. }
                | SecretEvent::Rotated { version, .. } => candidate == Some(version),
                SecretEvent::LeftInForce { .. } if candidate.is_none() && !left => {
                    left = !positions.is_empty();
                    left
                }
                _ => false,
            };
            if belongs {
                positions.push(stored.position);
            }
        }
        Ok(positions)
    }

    async fn request_behind(&self, id: &str) -> Result<RequestId, Failure> {
        if let Ok(request) = id.parse::<RequestId>() {
            return Ok(request);
        }
        if let Ok(grant) = id.parse::<GrantId>() {
            let loaded = self.journal.load::<Grant>(grant).await?;
            return Ok(loaded.get()?.issue.request);
        }
        if let Ok(session) = id.parse::<SessionId>() {
            let loaded = self.journal.load::<Session>(session).await?;
            return Ok(loaded.get()?.opening.request);
        }
        Err(Failure::Invalid(format!(
            "{id} names no request, grant, session or change"
        )))
    }

    async fn wait_until_integrated(&self, position: u64) -> Result<(), Failure> {
        let mut integrated = self.integrated.clone();
        let waited = integrated.wait_for(|size| *size > position);
        match tokio::time::timeout(INTEGRATION, waited).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Failure::Unavailable(
                "the ledger has not taken this up yet: try again".to_owned(),
            )),
        }
    }

    pub(crate) async fn event_at(&self, position: u64) -> Result<Event, Failure> {
        let stored = self.journal.store.events(position, 1).await?;
        let stored = stored
            .first()
            .ok_or_else(|| Failure::missing("event", position))?;
        Ok(Event::from_leaf(&stored.leaf)?)
    }

    /// A text kept beside a stream's first event that has it, unless it was erased.
    pub(crate) async fn body_of(
        &self,
        stream: StreamId,
        field: &str,
    ) -> Result<Option<String>, Failure> {
        self.body_beside(&stream, field, None).await
    }

    /// The reason that was given with an event of this kind, by whom: who ended something, and why.
    pub(crate) async fn word_of(
        &self,
        stream: &StreamId,
        kind: &str,
        by: String,
    ) -> Result<Word, Failure> {
        let reason = self.body_beside(stream, "reason", Some(kind)).await?;
        Ok(Word { by, reason })
    }

    /// The reasons that were given with the events of this kind, in their order.
    pub(crate) async fn reasons_of(
        &self,
        stream: &StreamId,
        kind: &str,
    ) -> Result<Vec<Option<String>>, Failure> {
        let mut reasons = Vec::new();
        for stored in self.journal.store.stream(stream, 0).await? {
            if Event::from_leaf(&stored.leaf)?.kind == kind {
                let bodies = self.journal.store.bodies(stored.position).await?;
                let mut reason = bodies.into_iter().filter(|body| body.field == "reason");
                reasons.push(reason.next().map(|body| body.text));
            }
        }
        Ok(reasons)
    }

    async fn body_beside(
        &self,
        stream: &StreamId,
        field: &str,
        kind: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        for stored in self.journal.store.stream(stream, 0).await? {
            let event = Event::from_leaf(&stored.leaf)?;
            if kind.is_some_and(|kind| event.kind != kind) {
                continue;
            }
            let bodies = self.journal.store.bodies(stored.position).await?;
            if let Some(body) = bodies.into_iter().find(|body| body.field == field) {
                return Ok(Some(body.text));
            }
        }
        Ok(None)
    }
}

/// Whether somebody may be told a record: a resource's tells where it is.
fn may_be_told(stream: &StreamId, who: IdentityId, census: &Census) -> bool {
    let resource = stream.to_string().parse::<ResourceId>();
    resource.map_or(true, |resource| census.may_find(who, resource))
}
