//! Sessions that live: their tapes as they grow, and who watches.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_flow::session::TapeHead;
use portcullis_model::{Digest, SessionId};
use portcullis_ports::BlobWriter;
use portcullis_ports::control::{Segment, TapeFailure};
use portcullis_tape::{Frame, TapeKey, TapeReader};
use tokio::sync::broadcast;

/// How many frames a watcher may lag behind before it misses some. A watcher never holds a session up.
const WATCHER_LAG: usize = 1024;

/// All sessions that live.
#[derive(Default)]
pub(crate) struct Live(Mutex<HashMap<SessionId, Arc<LiveSession>>>);

impl Live {
    pub(crate) fn insert(&self, id: SessionId, session: LiveSession) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::new(session));
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    pub(crate) fn remove(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id)
    }

    pub(crate) fn all(&self) -> Vec<SessionId> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect()
    }
}

/// One live session's tape and watchers.
pub(crate) struct LiveSession {
    tape: tokio::sync::Mutex<GrowingTape>,
    watchers: broadcast::Sender<Arc<Frame>>,
}

impl LiveSession {
    pub(crate) fn new(tape: GrowingTape) -> Self {
        Self {
            tape: tokio::sync::Mutex::new(tape),
            watchers: broadcast::channel(WATCHER_LAG).0,
        }
    }

    /// Takes a segment: checked against the chain, then made durable, then shown to watchers.
    pub(crate) async fn record(&self, segment: &Segment) -> Result<(), TapeFailure> {
        let mut tape = self.tape.lock().await;
        let frames = tape
            .take(segment, self.watchers.receiver_count() > 0)
            .await?;
        for frame in frames {
            // Nobody may be left to see it: that is no failure.
            let _ = self.watchers.send(Arc::new(frame));
        }
        Ok(())
    }

    /// How far the tape has come.
    pub(crate) async fn head(&self) -> TapeHead {
        self.tape.lock().await.head()
    }

    /// What comes from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Frame>> {
        self.watchers.subscribe()
    }

    /// Opens what the tape holds so far, for a watcher who comes later.
    pub(crate) async fn so_far(&self, bytes: &[u8]) -> Vec<Frame> {
        let tape = self.tape.lock().await;
        tape.open_all(bytes)
    }
}

/// Bytes that arrive while a reader reads.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<VecDeque<u8>>>);

impl Feed {
    fn push(&self, bytes: &[u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(bytes);
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read(buffer)
    }
}

/// A tape as it grows: each segment is checked against the chain before it is kept.
pub(crate) struct GrowingTape {
    writer: Box<dyn BlobWriter>,
    feed: Feed,
    reader: TapeReader<Feed>,
    key: TapeKey,
    next: u64,
}

impl GrowingTape {
    /// A tape whose header is written already.
    pub(crate) fn begin(
        writer: Box<dyn BlobWriter>,
        header: &[u8],
        key: TapeKey,
    ) -> Result<Self, TapeFailure> {
        let feed = Feed::default();
        feed.push(header);
        let reader = portcullis_tape::open(feed.clone()).map_err(failed)?;
        Ok(Self {
            writer,
            feed,
            reader,
            key,
            next: 0,
        })
    }

    async fn take(&mut self, segment: &Segment, show: bool) -> Result<Vec<Frame>, TapeFailure> {
        if segment.seq != self.next {
            return Err(TapeFailure(format!(
                "segment {} came where {} was due",
                segment.seq, self.next
            )));
        }
        self.feed.push(&segment.bytes);
        let mut frames = Vec::new();
        while let Some(sealed) = self.reader.next_segment().map_err(failed)? {
            if show {
                frames.extend(sealed.frames(&self.key).map_err(failed)?);
            }
        }
        if Digest::from_array(self.reader.head().hash) != segment.head {
            return Err(TapeFailure(
                "the segment does not lead to the head it names".to_owned(),
            ));
        }
        self.writer.append(&segment.bytes).await.map_err(failed)?;
        self.writer.sync().await.map_err(failed)?;
        self.next += 1;
        Ok(frames)
    }

    fn head(&self) -> TapeHead {
        head_of(&self.reader.head())
    }

    fn open_all(&self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let Ok(mut reader) = portcullis_tape::open(bytes) else {
            return frames;
        };
        while let Ok(Some(sealed)) = reader.next_segment() {
            frames.extend(sealed.frames(&self.key).unwrap_or_default());
        }
        frames
    }
}

/// A tape's head in the terms of the ledger.
pub(crate) fn head_of(head: &portcullis_tape::Head) -> TapeHead {
    TapeHead {
        segments: head.segments,
        bytes: head.bytes,
        hash: Digest::from_array(head.hash),
    }
}

/// A head of the ledger in the terms of the tape.
pub(crate) fn tape_head(head: &TapeHead) -> portcullis_tape::Head {
    portcullis_tape::Head {
        segments: head.segments,
        bytes: head.bytes,
        hash: *head.hash.as_bytes(),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function of map_err"
)]
fn failed(error: impl ToString) -> TapeFailure {
    TapeFailure(error.to_string())
}
