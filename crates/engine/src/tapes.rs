//! Tapes at rest: where they lie, what they are checked against, and mending after a crash.

use std::time::Duration;

use portcullis_flow::session::{Ending, Session, SessionEvent, TapeHead};
use portcullis_model::event::Payload;
use portcullis_model::{Event, SessionId};
use portcullis_tape::{End, Head};

use crate::Engine;
use crate::custody::Over;
use crate::failure::Failure;
use crate::live::{head_of, tape_head};

/// How often the head of a live tape goes to the ledger.
pub(crate) const HEAD_EVERY: Duration = Duration::from_secs(30);

/// Why a session is over whose server died. Nobody watched its program.
const STOPPED: &str =
    "the server stopped while the session lived; the program at the target was not seen to end";

/// The blob of a session's tape.
pub(crate) fn name(session: SessionId) -> String {
    format!("tapes/{session}.tape")
}

/// What the ledger knows of a tape.
pub(crate) struct KnownHeads {
    /// Every head, the last one last.
    pub(crate) heads: Vec<Head>,
}

impl Engine {
    /// The sealed bytes of a tape.
    pub(crate) async fn tape_bytes(&self, session: SessionId) -> Result<Vec<u8>, Failure> {
        let found = self.ports.blobs.read(&name(session)).await?;
        found.ok_or_else(|| Failure::Damaged(format!("the tape of {session} is gone")))
    }

    /// Every head of a tape that the ledger has.
    pub(crate) async fn known_heads(&self, session: SessionId) -> Result<KnownHeads, Failure> {
        let mut heads = Vec::new();
        for stored in self.journal.store.stream(&session.into(), 0).await? {
            let event = Event::from_leaf(&stored.leaf)?;
            match SessionEvent::from_event(&event)? {
                SessionEvent::Head { head } => heads.push(tape_head(&head)),
                SessionEvent::Ended { ending } => heads.push(tape_head(&ending.tape)),
                _ => {}
            }
        }
        Ok(KnownHeads { heads })
    }

    /// Writes the heads of live tapes to the ledger.
    pub(crate) async fn record_heads(&self) {
        for session in self.live.all() {
            let Some(live) = self.live.get(session) else {
                continue;
            };
            let head = live.head().await;
            if let Err(failure) = self.record_head(session, head).await {
                tracing::warn!(%session, %failure, "the head of a tape could not be recorded");
            }
        }
    }

    async fn record_head(&self, session: SessionId, head: TapeHead) -> Result<(), Failure> {
        let mut loaded = self.journal.load::<Session>(session).await?;
        let Some(event) = loaded.get()?.head(head)? else {
            return Ok(());
        };
        let mut command = self.journal.command(None);
        command.push(&mut loaded, &event)?;
        command.commit().await
    }

    /// Ends every session that lived when the server stopped: no gate has it any more.
    pub(crate) async fn end_orphans(&self) -> Result<(), Failure> {
        for (stream, _) in self.journal.find::<Session>(&[("status", "live")]).await? {
            let Ok(session) = stream.parse::<SessionId>() else {
                continue;
            };
            let ending = Ending {
                cause: STOPPED.to_owned(),
                completed: false,
                exit: None,
                bytes_in: 0,
                bytes_out: 0,
                tape: self.last_known(session).await?,
            };
            let over = Over {
                session,
                ending,
                torn: true,
            };
            if let Err(failure) = self.record_end(&over).await {
                tracing::warn!(%session, %failure, "the end of a session could not be recorded yet");
                self.unrecorded.add(over);
            }
        }
        Ok(())
    }

    /// Cuts half a segment off and writes the end that the killed writer could not.
    pub(crate) async fn mend(
        &self,
        session: SessionId,
        state: &Session,
    ) -> Result<TapeHead, Failure> {
        let bytes = self.tape_bytes(session).await?;
        let known = self.known_heads(session).await?;
        let damaged = |error: portcullis_tape::TapeError| Failure::Damaged(error.to_string());
        let verified =
            portcullis_tape::verify(bytes.as_slice(), &known.heads, None).map_err(damaged)?;
        if !matches!(verified.ending, portcullis_tape::Ending::Unfinished { .. }) {
            return Ok(head_of(&verified.head));
        }
        let after = self.journal.now().since(state.opened_at);
        let end = End {
            at_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            reason: "the server stopped".to_owned(),
        };
        let recovery =
            portcullis_tape::recover(bytes.as_slice(), &known.heads, &end).map_err(damaged)?;
        let blob = name(session);
        self.ports
            .blobs
            .truncate(&blob, recovery.keep_bytes)
            .await?;
        let mut writer = self.ports.blobs.reopen(&blob).await?;
        writer.append(&recovery.append).await?;
        writer.sync().await?;
        Ok(head_of(&recovery.head))
    }

    async fn last_known(&self, session: SessionId) -> Result<TapeHead, Failure> {
        let known = self.known_heads(session).await?;
        let none = TapeHead {
            segments: 0,
            bytes: 0,
            hash: portcullis_model::Digest::of_bytes(b""),
        };
        Ok(known.heads.last().map_or(none, head_of))
    }
}
