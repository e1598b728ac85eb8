//! Sessions that live: their tapes as they grow, and who watches.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_flow::session::TapeHead;
use portcullis_model::{Digest, SessionId};
use portcullis_ports::control::{Segment, TapeFailure};
use portcullis_ports::{BlobError, BlobWriter};
use portcullis_tape::{Event, Frame, TapeKey, TapeReader};
use tokio::sync::broadcast;

use crate::sessions::Watch;

/// How many frames a watcher may lag behind before it misses some. A watcher never holds a session up.
const WATCHER_LAG: usize = 1024;

/// How many bytes of what was recorded before a watcher came are shown: the last of them.
const MOST_SO_FAR: usize = 8 * 1024 * 1024;

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

    /// Whether some session was given a secret and was not let in by it yet.
    pub(crate) fn awaits(&self, secret: &str) -> bool {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.values().any(|session| session.awaits(secret))
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
    /// The name of the vaulted secret that has to let it in still.
    awaits: Mutex<Option<String>>,
}

impl LiveSession {
    pub(crate) fn new(tape: GrowingTape) -> Self {
        Self {
            tape: tokio::sync::Mutex::new(tape),
            watchers: broadcast::channel(WATCHER_LAG).0,
            awaits: Mutex::default(),
        }
    }

    /// It is given a vaulted secret, to be let in by.
    pub(crate) fn is_given(&self, secret: &str) {
        *self.awaits.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.to_owned());
    }

    /// Its target let it in.
    pub(crate) fn was_let_in(&self) {
        *self.awaits.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn awaits(&self, secret: &str) -> bool {
        let awaits = self.awaits.lock().unwrap_or_else(PoisonError::into_inner);
        awaits.as_deref() == Some(secret)
    }

    /// Takes a segment: checked against the chain, then made durable, then shown to watchers.
    pub(crate) async fn record(&self, segment: &Segment) -> Result<(), NotTaken> {
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

    /// Whether the tape's last segment is its end.
    pub(crate) async fn is_finished(&self) -> bool {
        self.tape.lock().await.is_finished()
    }

    /// How far the tape has come.
    pub(crate) async fn head(&self) -> TapeHead {
        self.tape.lock().await.head()
    }

    /// Everything from the beginning for one watcher, each frame once: what the tape held at this moment, opened
    /// by `open`, and what comes after it. Of a long tape, only the last is kept.
    pub(crate) async fn watch<E, R: Read + Send + 'static>(
        &self,
        open: impl Future<Output = Result<R, E>>,
    ) -> Result<Watch, E> {
        let (live, held, key) = {
            // No segment is taken meanwhile: it belongs to one side or to the other.
            let tape = self.tape.lock().await;
            (
                self.watchers.subscribe(),
                tape.head().bytes,
                tape.key.clone(),
            )
        };
        let source = open.await?.take(held);
        let read = tokio::task::spawn_blocking(move || last_frames(source, &key));
        let (so_far, missed) = read.await.unwrap_or_default();
        Ok(Watch {
            missed,
            so_far: so_far.into(),
            live,
        })
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
    /// How far what is durable goes.
    kept: TapeHead,
}

/// Why a segment is not on the tape.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// It is not the one that was due: its gate's mistake.
    Misfit(TapeFailure),
    /// The tape cannot be written.
    Unwritable(TapeFailure),
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
            kept: head_of(&reader.head()),
            reader,
            key,
            next: 0,
        })
    }

    async fn take(&mut self, segment: &Segment, show: bool) -> Result<Vec<Frame>, NotTaken> {
        let frames = self.read(segment, show).map_err(NotTaken::Misfit)?;
        let written = self.write(&segment.bytes).await;
        written.map_err(|error| NotTaken::Unwritable(failed(error)))?;
        self.next += 1;
        self.kept = head_of(&self.reader.head());
        Ok(frames)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.writer.append(bytes).await?;
        self.writer.sync().await
    }

    fn read(&mut self, segment: &Segment, show: bool) -> Result<Vec<Frame>, TapeFailure> {
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
        Ok(frames)
    }

    fn is_finished(&self) -> bool {
        self.reader.ended() && self.kept == head_of(&self.reader.head())
    }

    const fn head(&self) -> TapeHead {
        self.kept
    }
}

/// The last frames of a tape, as many as are kept, and how many came before them.
fn last_frames(source: impl Read, key: &TapeKey) -> (VecDeque<Frame>, u64) {
    let (mut frames, mut held, mut missed) = (VecDeque::new(), 0, 0);
    let Ok(mut reader) = portcullis_tape::open(source) else {
        return (frames, missed);
    };
    while let Ok(Some(sealed)) = reader.next_segment() {
        for frame in sealed.frames(key).unwrap_or_default() {
            held += weight(&frame);
            frames.push_back(frame);
        }
        while held > MOST_SO_FAR
            && let Some(first) = frames.pop_front()
        {
            held -= weight(&first);
            missed += 1;
        }
    }
    (frames, missed)
}

fn weight(frame: &Frame) -> usize {
    let payload = match &frame.event {
        Event::Output(bytes)
        | Event::ErrorOutput(bytes)
        | Event::Input(bytes)
        | Event::Command(bytes) => bytes.len(),
        _ => 0,
    };
    size_of::<Frame>() + payload
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use async_trait::async_trait;
    use portcullis_tape::{Header, TapeWriter, Track, TrackKind};

    use super::*;

    /// A blob in memory.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    #[async_trait]
    impl BlobWriter for Memory {
        async fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
            self.0.lock().unwrap().extend(bytes);
            Ok(())
        }

        async fn sync(&mut self) -> Result<(), BlobError> {
            Ok(())
        }
    }

    /// The gate's side of a live session, and where its tape lies.
    struct Gate {
        tape: TapeWriter,
        blob: Memory,
        recorded: u64,
    }

    fn scene() -> (Gate, LiveSession) {
        let header = Header {
            tape: "tape".to_owned(),
            tenant: "tenant".to_owned(),
            session: "session".to_owned(),
            started_at_ms: 0,
            broker: "ssh".to_owned(),
            bundle_digest: String::new(),
            tracks: vec![Track {
                number: 1,
                kind: TrackKind::Terminal,
            }],
            key_wraps: Vec::new(),
        };
        let key = TapeKey::new([7; 32]);
        let (tape, bytes) = TapeWriter::begin(&header, key.clone(), [1; 16]).unwrap();
        let blob = Memory::default();
        blob.0.lock().unwrap().extend(&bytes);
        let growing = GrowingTape::begin(Box::new(blob.clone()), &bytes, key).unwrap();
        let gate = Gate {
            tape,
            blob,
            recorded: 0,
        };
        (gate, LiveSession::new(growing))
    }

    impl Gate {
        /// Records a segment with one frame; its moment is its number.
        async fn record(&mut self, live: &LiveSession) {
            self.record_bytes(live, b"x").await;
        }

        async fn record_bytes(&mut self, live: &LiveSession, output: &[u8]) {
            let frame = Frame {
                track: 1,
                at_ms: self.recorded,
                event: Event::Output(output.to_vec()),
            };
            let _due = self.tape.push(&frame).unwrap();
            let bytes = self.tape.flush().unwrap().unwrap();
            let segment = Segment {
                seq: self.recorded,
                bytes,
                head: head_of(&self.tape.head()).hash,
            };
            live.record(&segment).await.unwrap();
            self.recorded += 1;
        }

        fn read(&self) -> io::Cursor<Vec<u8>> {
            io::Cursor::new(self.blob.0.lock().unwrap().clone())
        }
    }

    /// The numbers of all frames a watcher got, in the order it got them.
    fn numbers(mut watch: Watch) -> Vec<u64> {
        let mut numbers: Vec<_> = watch.so_far.iter().map(|frame| frame.at_ms).collect();
        while let Ok(frame) = watch.live.try_recv() {
            numbers.push(frame.at_ms);
        }
        numbers
    }

    #[tokio::test]
    async fn a_watcher_sees_each_frame_once_whatever_is_recorded_while_it_joins() {
        let (mut gate, live) = scene();
        gate.record(&live).await;
        gate.record(&live).await;
        let reading = async {
            gate.record(&live).await;
            let bytes = gate.read();
            gate.record(&live).await;
            Ok::<_, TapeFailure>(bytes)
        };
        let watch = live.watch(reading).await.unwrap();
        gate.record(&live).await;
        assert_eq!(watch.so_far.len(), 2);
        assert_eq!(numbers(watch), [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn who_watches_first_sees_what_who_comes_later_does() {
        let (mut gate, live) = scene();
        let first = live
            .watch(async { Ok::<_, TapeFailure>(gate.read()) })
            .await
            .unwrap();
        gate.record(&live).await;
        let later = live
            .watch(async { Ok::<_, TapeFailure>(gate.read()) })
            .await
            .unwrap();
        gate.record(&live).await;
        assert_eq!(numbers(first), [0, 1]);
        assert_eq!(numbers(later), [0, 1]);
    }

    #[tokio::test]
    async fn of_a_long_tape_a_watcher_gets_the_last_and_is_told_how_much_it_missed() {
        let (mut gate, live) = scene();
        let mebibyte = vec![b'x'; 1 << 20];
        for _ in 0..12 {
            gate.record_bytes(&live, &mebibyte).await;
        }
        let watch = live
            .watch(async { Ok::<_, TapeFailure>(gate.read()) })
            .await
            .unwrap();
        assert_eq!(watch.missed, 5, "one more than the whole mebibytes");
        assert_eq!(numbers(watch), (5..12).collect::<Vec<_>>());
    }
}
