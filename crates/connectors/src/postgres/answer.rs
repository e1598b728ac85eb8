//! What a server answers, bounded: in bytes on the wire, in rows, and in what becomes of them here. A target may be
//! anybody's by now, and what it sends is not worth the memory of the server that holds the keys.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::TryStreamExt as _;
use portcullis_classify::entitlement::Right;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, GenericClient, Row, ToStatement};

/// The most bytes a server may send until it has let us log in.
const LOGIN_BYTES: usize = 256 * 1024;

/// The most bytes a server may send in one call.
const CALL_BYTES: usize = 16 * 1024 * 1024;

/// The most rows of one answer.
const MOST_ROWS: usize = 100_000;

/// The most bytes of rights with the chains that lead to them.
const ROOM: usize = 64 * 1024 * 1024;

/// Why something was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The server said no, or is gone.
    Server(Error),
    /// It says more than is read.
    TooMuch,
}

impl Unread {
    /// What it says more than is read.
    pub const TOO_MUCH: &'static str = "it answers with more than is read of a database's rights";

    /// Whether it says only that another statement failed before.
    pub fn is_of_an_aborted_transaction(&self) -> bool {
        let aborted = Some(&SqlState::IN_FAILED_SQL_TRANSACTION);
        matches!(self, Self::Server(error) if error.code() == aborted)
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

/// The rows of an answer, as long as they are not too many.
pub(super) async fn rows(
    client: &impl GenericClient,
    statement: &(impl ToStatement + ?Sized + Sync + Send),
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Unread> {
    let answer = client.query_raw(statement, params.iter().copied()).await?;
    let mut answer = pin!(answer);
    let mut rows = Vec::new();
    while let Some(row) = answer.try_next().await? {
        if rows.len() >= MOST_ROWS {
            return Err(Unread::TooMuch);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Room for what is made of the rows: a few of them can mean very much, such as a chain of roles as long as itself
/// behind every right.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(ROOM))
    }
}

impl Room {
    /// Takes room for a chain of names.
    pub fn chain(&self, names: &[String]) -> Result<(), Unread> {
        let name = |name: &String| size_of::<String>() + name.len();
        self.take(names.iter().map(name).sum())
    }

    /// Takes room for a right.
    pub fn right(&self, right: Right) -> Result<Right, Unread> {
        self.take(size_of::<Right>() + right.on.name.len() + right.word.len())?;
        self.chain(&right.via)?;
        Ok(right)
    }

    fn take(&self, bytes: usize) -> Result<(), Unread> {
        take(&self.0, bytes).map_err(|()| Unread::TooMuch)
    }
}

fn take(left: &AtomicUsize, bytes: usize) -> Result<(), ()> {
    let less = |left: usize| left.checked_sub(bytes);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .map(drop)
        .map_err(drop)
}

/// How many bytes a server may still send.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// Enough to log in.
    pub fn of_login() -> Self {
        Self(Arc::new(AtomicUsize::new(LOGIN_BYTES)))
    }

    /// Enough for the next call. One that was spent stays so: its connection is cut.
    pub fn renew(&self) {
        if !self.is_spent() {
            self.0.store(CALL_BYTES, Ordering::Relaxed);
        }
    }

    /// Whether it sent too much.
    pub fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, bytes: usize) -> std::io::Result<()> {
        take(&self.0, bytes).map_err(|()| {
            self.0.store(0, Ordering::Relaxed);
            std::io::Error::other(Unread::TOO_MUCH)
        })
    }
}

/// A socket of which no more is read than a budget allows.
#[derive(Debug)]
pub(super) struct Metered<S> {
    pub socket: S,
    pub budget: Budget,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            self.budget.spend(buffer.filled().len() - before)?;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
