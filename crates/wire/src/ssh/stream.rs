//! A TCP stream that counts what its reader has queued, holds back, refuses too much before sign-in, and
//! can be cut from outside.
//!
//! Reading on while the far side does not take what was read would grow without end; not reading at all
//! would leave window updates and closes behind unread data. So in between, above the soft limit, the
//! receive window shrinks to almost nothing and small reads are paced.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// What a queued message costs beside its bytes: an empty one is not free.
const MESSAGE_COST: usize = 64;

/// The pause after a small read above the soft limit.
const PACE: Duration = Duration::from_millis(1);

/// Reads up to this many bytes are small.
const SMALL_READ: usize = 256;

/// The smallest window that keeps a sender going: half of it is compared with, so 1 would stop it for ever.
const TRICKLE: u32 = 2;

/// How many bytes may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The receive window, in bytes.
    pub window: u32,
    /// Queued bytes above which the window shrinks.
    pub soft: usize,
    /// Queued bytes above which nothing is read.
    pub hard: usize,
    /// Bytes that are read before sign-in, in all; more ends the connection.
    pub before_sign_in: usize,
}

impl StreamLimits {
    /// How many messages fit below the hard limit; a queue with room for so many never fills.
    pub(crate) const fn messages(&self) -> usize {
        // The last read may bring many small packets at once.
        self.hard.div_ceil(MESSAGE_COST).saturating_add(8192)
    }
}

/// The handle on a [`Stream`]: what is queued, and the end of it.
#[derive(Debug, Clone)]
pub struct Valve(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: StreamLimits,
    queued: AtomicUsize,
    unknown: AtomicUsize,
    signed_in: AtomicBool,
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    /// A second handle on the socket, so that it can be shut down while the first is not being polled.
    socket: std::net::TcpStream,
}

impl Valve {
    /// Ends the connection now: the socket is shut down, and every read and write fails from here on.
    pub fn cut(&self) {
        self.0.cut.store(true, SeqCst);
        // Fails only where the other side was faster.
        let _ = self.0.socket.shutdown(Shutdown::Both);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Whether it was cut.
    pub fn is_cut(&self) -> bool {
        self.0.cut.load(SeqCst)
    }

    /// The other side proved who it is: the budget for strangers no longer counts.
    pub fn signed_in(&self) {
        self.0.signed_in.store(true, SeqCst);
    }

    /// Bytes queued at present, with what each message costs.
    pub fn queued(&self) -> usize {
        self.0.queued.load(SeqCst)
    }

    /// Puts a price on a message of so many bytes, until the charge is dropped.
    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        let cost = bytes.saturating_add(MESSAGE_COST);
        self.0.queued.fetch_add(cost, SeqCst);
        Charge {
            valve: self.clone(),
            cost,
        }
    }

    /// The window to offer next: all of it, or a trickle that keeps the other side's other messages coming.
    pub(crate) fn window(&self) -> u32 {
        if self.crawls() {
            TRICKLE
        } else {
            self.0.limits.window
        }
    }

    fn crawls(&self) -> bool {
        self.queued() >= self.0.limits.soft
    }

    /// Counts what a stranger sent; false when it was too much.
    fn admits(&self, bytes: usize) -> bool {
        self.0.signed_in.load(SeqCst)
            || self
                .0
                .unknown
                .fetch_add(bytes, SeqCst)
                .saturating_add(bytes)
                <= self.0.limits.before_sign_in
    }
}

/// What a queued message costs; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    valve: Valve,
    cost: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.valve.0.queued.fetch_sub(self.cost, SeqCst);
        self.valve.0.reader.wake();
    }
}

/// A message that counts as queued until its charge is dropped.
#[derive(Debug)]
pub struct Charged<T> {
    /// The message.
    pub item: T,
    /// Keep it until the message was passed on.
    pub charge: Charge,
}

/// See the module.
pub(crate) struct Stream {
    socket: TcpStream,
    valve: Valve,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    /// Takes over a connected socket.
    pub(crate) fn new(socket: TcpStream, limits: StreamLimits) -> io::Result<(Self, Valve)> {
        socket.set_nodelay(true)?;
        let socket = socket.into_std()?;
        let valve = Valve(Arc::new(Shared {
            limits,
            queued: AtomicUsize::new(0),
            unknown: AtomicUsize::new(0),
            signed_in: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            socket: socket.try_clone()?,
        }));
        let stream = Self {
            socket: TcpStream::from_std(socket)?,
            valve: valve.clone(),
            pause: None,
        };
        Ok((stream, valve))
    }
}

fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut")
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.valve.0.reader.register(cx.waker());
        if self.valve.is_cut() {
            return Poll::Ready(Err(aborted()));
        }
        if self.valve.queued() >= self.valve.0.limits.hard {
            return Poll::Pending;
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        let count = buffer.filled().len().saturating_sub(before);
        if !self.valve.admits(count) {
            self.valve.cut();
            return Poll::Ready(Err(aborted()));
        }
        if self.valve.crawls() && count <= SMALL_READ {
            self.pause = Some(Box::pin(tokio::time::sleep(PACE)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.valve.0.writer.register(cx.waker());
        if self.valve.is_cut() {
            return Poll::Ready(Err(aborted()));
        }
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const LIMITS: StreamLimits = StreamLimits {
        window: 1000,
        soft: 200,
        hard: 400,
        before_sign_in: 64,
    };
    const DEADLINE: Duration = Duration::from_secs(20);

    async fn pair() -> (Stream, Valve, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let (stream, valve) = Stream::new(socket, LIMITS).unwrap();
        (stream, valve, peer)
    }

    #[tokio::test]
    async fn cutting_ends_the_peer_though_nobody_polls_the_stream() {
        let (_never_polled, valve, mut peer) = pair().await;
        valve.cut();
        let mut rest = Vec::new();
        let end = timeout(DEADLINE, peer.read_to_end(&mut rest))
            .await
            .unwrap();
        assert!(end.is_err() || rest.is_empty());
    }

    #[tokio::test]
    async fn cutting_fails_a_read_and_a_write_that_wait() {
        let (mut stream, valve, _peer) = pair().await;
        let reading = tokio::spawn(async move {
            let read = stream.read_u8().await;
            (read, stream)
        });
        tokio::task::yield_now().await;
        valve.cut();
        let (read, mut stream) = timeout(DEADLINE, reading).await.unwrap().unwrap();
        assert!(read.is_err());
        assert!(stream.write_all(b"more").await.is_err());
    }

    #[tokio::test]
    async fn a_stranger_who_sends_too_much_is_cut_and_a_known_one_is_not() {
        let (mut stream, _valve, mut peer) = pair().await;
        peer.write_all(&[0; 65]).await.unwrap();
        let mut buffer = [0; 65];
        assert!(stream.read_exact(&mut buffer).await.is_err());

        let (mut stream, valve, mut peer) = pair().await;
        valve.signed_in();
        peer.write_all(&[0; 65]).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
    }

    #[tokio::test]
    async fn above_the_soft_limit_the_window_is_a_trickle_and_grows_back() {
        let (_stream, valve, _peer) = pair().await;
        assert_eq!(valve.window(), 1000);
        let charge = valve.charge(200);
        assert_eq!(valve.window(), 2);
        drop(charge);
        assert_eq!(valve.window(), 1000);
    }

    #[tokio::test]
    async fn above_the_hard_limit_nothing_is_read_until_something_was_taken() {
        let (mut stream, valve, mut peer) = pair().await;
        peer.write_all(b"x").await.unwrap();
        let charge = valve.charge(400);
        let mut reading = tokio::spawn(async move { stream.read_u8().await.unwrap() });
        // The byte is there, so a stream that read would be done at once.
        assert!(
            timeout(Duration::from_millis(50), &mut reading)
                .await
                .is_err()
        );
        drop(charge);
        assert_eq!(timeout(DEADLINE, reading).await.unwrap().unwrap(), b'x');
    }
}
