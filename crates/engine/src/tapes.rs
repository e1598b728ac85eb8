//! Tapes at rest: where they lie, what they are checked against, and mending after a crash.

use std::io::{BufReader, Read};
use std::time::Duration;

use portcullis_flow::session::{Ending, KeepingRefusal, Session, SessionEvent, TapeHead};
use portcullis_model::event::Payload;
use portcullis_model::{Event, SessionId};
use portcullis_tape::{End, Frame, Head, Header, TapeError, TapeKey, TapeReader, Verified};

use crate::Engine;
use crate::custody::Over;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::live::{head_of, tape_head};
use crate::ports::Ports;
use crate::supervision::contained;

/// How often the head of a live tape goes to the ledger.
pub(crate) const HEAD_EVERY: Duration = Duration::from_secs(30);

/// Why a session is over whose server died. Nobody watched its program.
const STOPPED: &str =
    "the server stopped while the session lived; the program at the target was not seen to end";

/// Where tapes lie.
pub(crate) const TAPES: &str = "tapes/";

/// The blob of a session's tape.
pub(crate) fn name(session: SessionId) -> String {
    format!("{TAPES}{session}.tape")
}

/// How much of a sealed tape is handed out in one piece.
const PIECE: u64 = 256 * 1024;

/// A tape's bytes, read as they are wanted: a tape is as long as its session, and need not fit in memory.
pub(crate) type Source = BufReader<Box<dyn Read + Send>>;

/// A sealed tape on its way out.
pub struct SealedTape(Option<Source>);

impl SealedTape {
    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(mut source) = self.0.take() else {
            return Ok(None);
        };
        let read = blocking(move || {
            let mut piece = Vec::new();
            let read = source.by_ref().take(PIECE).read_to_end(&mut piece);
            read.map_err(|error| TapeError::Unreadable(error.to_string()))?;
            Ok((source, piece))
        });
        let (source, piece) = read.await?;
        if piece.is_empty() {
            return Ok(None);
        }
        self.0 = Some(source);
        Ok(Some(piece))
    }
}

/// An open tape on its way out.
pub struct OpenTape {
    reader: Option<TapeReader<Source>>,
    header: Header,
    key: TapeKey,
}

impl OpenTape {
    /// Begins at the beginning.
    pub(crate) async fn begin(source: Source, key: TapeKey) -> Result<Self, Failure> {
        let reader = blocking(move || portcullis_tape::open(source)).await?;
        Ok(Self {
            header: reader.header().clone(),
            reader: Some(reader),
            key,
        })
    }

    /// What it says about itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The frames of its next segment; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Frame>>, Failure> {
        let Some(mut reader) = self.reader.take() else {
            return Ok(None);
        };
        let key = self.key.clone();
        let read = blocking(move || {
            let segment = reader.next_segment()?;
            let frames = segment.map(|segment| segment.frames(&key)).transpose()?;
            Ok((reader, frames))
        });
        let (reader, frames) = read.await?;
        self.reader = Some(reader);
        Ok(frames)
    }
}

/// Works on a tape where blocking holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TapeError> + Send + 'static,
) -> Result<T, Failure> {
    let worked = tokio::task::spawn_blocking(work).await;
    let worked = worked.map_err(|error| Failure::Damaged(error.to_string()))?;
    worked.map_err(|error| Failure::Damaged(error.to_string()))
}

/// Every head of a tape that the ledger has, the last one last.
pub(crate) async fn heads(journal: &Journal, session: SessionId) -> Result<Vec<Head>, Failure> {
    let mut heads = Vec::new();
    for stored in journal.store.stream(&session.into(), 0).await? {
        let event = Event::from_leaf(&stored.leaf)?;
        match SessionEvent::from_event(&event)? {
            SessionEvent::Head { head } => heads.push(tape_head(&head)),
            SessionEvent::Ended { ending } => heads.push(tape_head(&ending.tape)),
            _ => {}
        }
    }
    Ok(heads)
}

/// The sealed bytes of a tape.
pub(crate) async fn source(ports: &Ports, session: SessionId) -> Result<Source, Failure> {
    let found = ports.blobs.open(&name(session)).await?;
    let found = found.ok_or_else(|| Failure::Damaged(format!("the tape of {session} is gone")));
    found.map(BufReader::new)
}

/// Reads a tape from end to end: with its key, every seal is opened.
pub(crate) async fn verify(
    source: Source,
    heads: Vec<Head>,
    key: Option<TapeKey>,
) -> Result<Verified, Failure> {
    blocking(move || portcullis_tape::verify(source, &heads, key.as_ref())).await
}

impl Engine {
    /// The sealed bytes of a tape, unless it was erased: then there are none, also while they are there still.
    pub(crate) async fn tape(&self, session: SessionId) -> Result<Source, Failure> {
        let recorded = self.journal.load::<Session>(session).await?;
        if let Some(at) = recorded.get()?.erased_at() {
            return Err(KeepingRefusal::Erased(at).into());
        }
        source(&self.ports, session).await
    }

    /// The same, to be handed out.
    pub(crate) async fn sealed_tape(&self, session: SessionId) -> Result<SealedTape, Failure> {
        Ok(SealedTape(Some(self.tape(session).await?)))
    }

    /// Reads a tape from end to end: with its key, every seal is opened.
    pub(crate) async fn read_through(
        &self,
        session: SessionId,
        heads: &[Head],
        key: Option<TapeKey>,
    ) -> Result<Verified, Failure> {
        verify(self.tape(session).await?, heads.to_vec(), key).await
    }

    /// Every head of a tape that the ledger has.
    pub(crate) async fn known_heads(&self, session: SessionId) -> Result<Vec<Head>, Failure> {
        heads(&self.journal, session).await
    }

    /// Writes the heads of live tapes to the ledger.
    pub(crate) async fn record_heads(&self) {
        for session in self.live.all() {
            let Some(live) = self.live.get(session) else {
                continue;
            };
            let recorded = async { self.record_head(session, live.head().await).await };
            if let Err(failure) = contained(recorded).await {
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
        let known = self.known_heads(session).await?;
        let verified = self.read_through(session, &known, None).await?;
        if !matches!(verified.ending, portcullis_tape::Ending::Unfinished { .. }) {
            return Ok(head_of(&verified.head));
        }
        let after = self.journal.now().since(state.opened_at);
        let end = End {
            at_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            reason: "the server stopped".to_owned(),
        };
        let source = self.tape(session).await?;
        let recovery = blocking(move || portcullis_tape::recover(source, &known, &end)).await?;
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
        Ok(known.last().map_or(none, head_of))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A tape without an end, and how much of it was read.
    struct Endless(Arc<AtomicUsize>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'x');
            self.0.fetch_add(buffer.len(), Ordering::SeqCst);
            Ok(buffer.len())
        }
    }

    #[tokio::test]
    async fn no_more_of_a_tape_is_read_than_is_taken() {
        let read = Arc::new(AtomicUsize::new(0));
        let source: Box<dyn Read + Send> = Box::new(Endless(Arc::clone(&read)));
        let mut tape = SealedTape(Some(BufReader::new(source)));
        for taken in 1..4 {
            let piece = tape.next().await.unwrap().unwrap();
            assert_eq!(u64::try_from(piece.len()).unwrap(), PIECE);
            let read = u64::try_from(read.load(Ordering::SeqCst)).unwrap();
            assert!(read <= PIECE * (taken + 1), "{read} bytes");
        }
    }
}
