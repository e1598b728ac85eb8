//! One session's tape at the gate: frames go in as they happen, sealed segments go to control one at a
//! time, and output waits while too much of it is not yet safe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_model::{Digest, SessionId};
use portcullis_ports::control::{Segment, TapeFailure, TapeOrder};
use portcullis_ports::{Clock, Control};
use portcullis_tape::{Due, End, Event, Frame, TapeError, TapeKey, TapeWriter, Track, TrackKind};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::limits::{FLUSH, SEGMENT_PATIENCE, UNSAFE_BULK, UNSAFE_INTERACTIVE};

/// The handle of a session on its tape. Recording begins with [`Recorder::start`].
pub struct Recorder {
    shared: Arc<Shared>,
    writer: Writer,
}

/// The task that sends segments; it ends with its session at the latest.
struct Writer(JoinHandle<Result<(), TapeFailure>>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Shared {
    state: Mutex<State>,
    /// There may be something to flush.
    work: Notify,
    /// Something became safe.
    room: Notify,
    failure: watch::Sender<Option<TapeFailure>>,
    most_unsafe: usize,
    flush_within: Duration,
    track: u32,
    clock: Arc<dyn Clock>,
    started: Started,
}

struct State {
    tape: Option<TapeWriter>,
    /// Bytes of the segment under way.
    under_way: usize,
    /// When the oldest frame that is not flushed was recorded.
    oldest: Option<Instant>,
    /// Somebody waits for room: flushing early is quicker than flushing full.
    hurry: bool,
    end: Option<End>,
}

/// Frames count from the session's start by a clock that does not jump.
#[derive(Clone, Copy)]
struct Started {
    already: Duration,
    monotonic: Duration,
}

/// A segment to be sent, and the bytes of frames in it.
struct Sealed {
    segment: Segment,
    is_last: bool,
}

impl Recorder {
    /// Goes on with the tape that control began. Fails when its header does not fit its key.
    pub fn start(
        control: Arc<dyn Control>,
        clock: Arc<dyn Clock>,
        session: SessionId,
        order: &TapeOrder,
        kind: TrackKind,
    ) -> Result<Self, TapeFailure> {
        let (tape, header) = resume(order)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                tape: Some(tape),
                under_way: 0,
                oldest: None,
                hurry: false,
                end: None,
            }),
            work: Notify::new(),
            room: Notify::new(),
            failure: watch::Sender::new(None),
            most_unsafe: match kind {
                TrackKind::Terminal => UNSAFE_INTERACTIVE,
                TrackKind::Exec | TrackKind::Event => UNSAFE_BULK,
            },
            flush_within: order.flush_within.min(FLUSH),
            track: header.tracks.first().map_or(0, |track| track.number),
            started: Started {
                already: clock.now().since(portcullis_model::Timestamp::from_millis(
                    header.started_at_ms,
                )),
                monotonic: clock.monotonic(),
            },
            clock,
        });
        let known = header.tracks.first().map(|track: &Track| track.kind);
        if known != Some(kind) {
            shared.push(Event::TrackOpened(kind));
        }
        let writer = Writer(tokio::spawn(write(Arc::clone(&shared), control, session)));
        Ok(Self { shared, writer })
    }

    /// Records what happened.
    pub fn push(&self, event: Event) {
        self.shared.push(event);
    }

    /// Waits until so much is safe that output may go on to the client.
    pub async fn room(&self) {
        self.shared.room().await;
    }

    /// Waits until the tape cannot be written.
    pub async fn failed(&self) -> TapeFailure {
        let mut failure = self.shared.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_else(vanished),
            Err(_) => vanished(),
        }
    }

    /// Writes what is left and the end marker; when it returns, they are safe.
    pub async fn finish(mut self, reason: String) -> Result<(), TapeFailure> {
        let at_ms = self.shared.at_ms();
        self.shared.state().end = Some(End { at_ms, reason });
        self.shared.work.notify_one();
        (&mut self.writer.0)
            .await
            .unwrap_or_else(|_| Err(vanished()))
    }
}

fn vanished() -> TapeFailure {
    TapeFailure("the recorder ended early".to_owned())
}

fn broken(error: &TapeError) -> TapeFailure {
    TapeFailure(error.to_string())
}

/// The header that control wrote, read and begun again: the bytes must come out the same, or the chain
/// would not fit.
fn resume(order: &TapeOrder) -> Result<(TapeWriter, portcullis_tape::Header), TapeFailure> {
    let reader = portcullis_tape::open(order.header.as_slice()).map_err(|error| broken(&error))?;
    let header = reader.header().clone();
    let key = TapeKey::new(*order.key.0.expose());
    let (tape, bytes) =
        TapeWriter::begin(&header, key, order.nonce_prefix).map_err(|error| broken(&error))?;
    if bytes != order.header {
        return Err(TapeFailure(
            "the tape's header does not fit its key".to_owned(),
        ));
    }
    Ok((tape, header))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_ms(&self) -> u64 {
        let since = self
            .clock
            .monotonic()
            .saturating_sub(self.started.monotonic);
        let at = self.started.already.saturating_add(since);
        u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
    }

    fn push(&self, event: Event) {
        let frame = Frame {
            track: self.track,
            at_ms: self.at_ms(),
            event,
        };
        let mut state = self.state();
        let Some(tape) = state.tape.as_mut() else {
            return;
        };
        match tape.push(&frame) {
            Ok(due) => {
                state.oldest.get_or_insert_with(Instant::now);
                state.hurry |= due == Due::Now;
            }
            Err(error) => self.fail(broken(&error)),
        }
        drop(state);
        self.work.notify_one();
    }

    async fn room(&self) {
        loop {
            let freed = self.room.notified();
            {
                let mut state = self.state();
                if state.unsafe_bytes() <= self.most_unsafe {
                    return;
                }
                state.hurry = true;
            }
            self.work.notify_one();
            freed.await;
        }
    }

    fn fail(&self, failure: TapeFailure) {
        self.failure.send_if_modified(|first| {
            let none = first.is_none();
            if none {
                *first = Some(failure);
            }
            none
        });
    }

    /// Waits until a segment is to be sealed.
    async fn due(&self) {
        loop {
            let more = self.work.notified();
            let wait_until = {
                let state = self.state();
                if state.end.is_some() || (state.hurry && state.oldest.is_some()) {
                    return;
                }
                state.oldest.map(|oldest| oldest + self.flush_within)
            };
            match wait_until {
                None => more.await,
                Some(moment) => tokio::select! {
                    () = sleep_until(moment) => return,
                    () = more => {}
                },
            }
        }
    }

    /// The next segment: frames while there are any, then the end marker.
    fn seal(&self) -> Result<Option<Sealed>, TapeError> {
        let mut state = self.state();
        let Some(tape) = state.tape.as_mut() else {
            return Ok(None);
        };
        let pending = tape.pending_bytes();
        if let Some(bytes) = tape.flush()? {
            let sealed = Sealed {
                segment: segment(bytes, tape.head()),
                is_last: false,
            };
            state.under_way = pending;
            state.oldest = None;
            state.hurry = false;
            return Ok(Some(sealed));
        }
        let Some(end) = state.end.take() else {
            return Ok(None);
        };
        let Some(tape) = state.tape.take() else {
            return Ok(None);
        };
        let (bytes, head) = tape.finish(&end)?;
        Ok(Some(Sealed {
            segment: segment(bytes, head),
            is_last: true,
        }))
    }

    fn is_safe(&self) {
        self.state().under_way = 0;
        self.room.notify_waiters();
    }
}

impl State {
    fn unsafe_bytes(&self) -> usize {
        let waiting = self.tape.as_ref().map_or(0, TapeWriter::pending_bytes);
        self.under_way.saturating_add(waiting)
    }
}

fn segment(bytes: Vec<u8>, head: portcullis_tape::Head) -> Segment {
    Segment {
        seq: head.segments.saturating_sub(1),
        bytes,
        head: Digest::from_array(head.hash),
    }
}

/// Sends segments in order until the end marker is safe or something fails.
async fn write(
    shared: Arc<Shared>,
    control: Arc<dyn Control>,
    session: SessionId,
) -> Result<(), TapeFailure> {
    let outcome = segments(&shared, control.as_ref(), session).await;
    if let Err(failure) = &outcome {
        shared.fail(failure.clone());
    }
    outcome
}

async fn segments(
    shared: &Shared,
    control: &dyn Control,
    session: SessionId,
) -> Result<(), TapeFailure> {
    loop {
        shared.due().await;
        let Some(sealed) = shared.seal().map_err(|error| broken(&error))? else {
            continue;
        };
        timeout(SEGMENT_PATIENCE, control.record(session, sealed.segment))
            .await
            .map_err(|_| TapeFailure("control does not answer".to_owned()))??;
        if sealed.is_last {
            return Ok(());
        }
        shared.is_safe();
    }
}
