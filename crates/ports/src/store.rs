//! Events, read models, sealed secrets: all state that has to survive.
//!
//! Load, decide, append. A store has one writer that batches many commands in one commit and
//! refuses single ones; an append that returned is durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_model::{Body, Event, StreamId};
use tokio::sync::watch;

/// One event to write: its leaf, the event the leaf was made of, and the texts it commits to.
#[derive(Debug, Clone)]
pub struct Record {
    /// What the leaf says, for claims and columns.
    pub event: Event,
    /// The bytes to keep for ever: [`Event::to_leaf`] of the event.
    pub leaf: Vec<u8>,
    /// Texts kept beside the leaf, erasable; their commitments are in the event.
    pub bodies: Vec<Body>,
}

/// A line of a read model: what a stream amounts to now. Everything in it follows from events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The noun: `request`, `grant`.
    pub table: String,
    /// The stream.
    pub id: String,
    /// The stream's version this row shows.
    pub version: u64,
    /// What rows are looked up by, in this order of names.
    pub keys: BTreeMap<String, String>,
    /// The state, as JSON.
    pub state: Vec<u8>,
}

/// A secret as the vault sealed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Which secret: the text of its identifier, or a name of the vault's own.
    pub id: String,
    /// Its version, from 1.
    pub version: u64,
    /// The sealed bytes.
    pub bytes: Vec<u8>,
}

/// Events for one stream, with what else must become true in the same instant.
#[derive(Debug, Clone)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// How many events the stream must have before.
    pub expected: u64,
    /// The events, in order, at least one.
    pub records: Vec<Record>,
    /// The stream's row after them; without one, the stream has no row any more.
    pub row: Option<Row>,
    /// Secrets to keep with them. A version is written once.
    pub sealed: Vec<SealedRow>,
}

/// An event as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place among all events, from 0, in the order of commits: its index in the ledger.
    pub position: u64,
    /// Its bytes as written.
    pub leaf: Vec<u8>,
}

/// What to look rows up by.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The noun.
    pub table: String,
    /// Every one of these keys must have this value.
    pub keys: BTreeMap<String, String>,
    /// Only rows after this stream, in the order asked for.
    pub after: Option<String>,
    /// At most this many; 0 for all.
    pub limit: usize,
    /// From the last name to the first: identifiers begin with their time.
    pub newest_first: bool,
}

impl Query {
    /// All rows of a table.
    pub fn table(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            ..Self::default()
        }
    }

    /// Only those with this key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.insert(key.into(), value.into());
        self
    }
}

/// Folds one event into its stream's row, or into none: the same function when an event is written
/// and when rows are rebuilt.
pub type Projector = dyn Fn(Option<&Row>, &Event) -> Result<Option<Row>, String> + Send + Sync;

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or written.
    #[error("the store failed: {0}")]
    Unavailable(String),
    /// Another program has it open, and one at a time may.
    #[error("the store failed: {0} is open in another program; stop that one first")]
    InUse(String),
    /// What the store holds cannot be right.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store is of another version.
    #[error(
        "the store has schema version {found}, this program knows {known}: use a matching program"
    )]
    Version {
        /// What the store has.
        found: i64,
        /// What this program can read.
        known: i64,
    },
}

/// Why an append was refused. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else was faster: load, decide again.
    #[error("{stream} has {actual} events where {expected} were expected")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// How many events the caller knew.
        expected: u64,
        /// How many there are.
        actual: u64,
    },
    /// What the events would use up is used up already.
    #[error("{scope} {key} is taken")]
    Claimed {
        /// What sort of thing.
        scope: String,
        /// Which one.
        key: String,
    },
    /// The command contradicts itself: a mistake of the program, not of its user.
    #[error("the command is malformed: {0}")]
    Malformed(String),
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All state that has to survive.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes the appends of one command: all or none, durable on return. Returns the position of the first event.
    async fn append(&self, command: Vec<Append>) -> Result<u64, AppendError>;

    /// A stream's events after its first `after`.
    async fn stream(&self, stream: &StreamId, after: u64) -> Result<Vec<Stored>, StoreError>;

    /// Events from a position on, in commit order.
    async fn events(&self, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// How many events are committed, now and whenever it changes.
    fn committed(&self) -> watch::Receiver<u64>;

    /// How often the rows of a table changed: what was read whole between two equal answers is what is there now. None
    /// while some are being changed, and from a store that cannot tell.
    fn revision(&self, table: &str) -> Option<u64>;

    /// A row by noun and stream.
    async fn row(&self, table: &str, id: &str) -> Result<Option<Row>, StoreError>;

    /// Rows by their keys, in the order of their names, or the other way round.
    async fn rows(&self, query: Query) -> Result<Vec<Row>, StoreError>;

    /// The texts kept beside an event; erased ones are absent.
    async fn bodies(&self, position: u64) -> Result<Vec<Body>, StoreError>;

    /// Erases a text; the event and its proofs stay whole.
    async fn erase_body(&self, position: u64, field: &str) -> Result<(), StoreError>;

    /// The position of the event that used something up, if any did.
    async fn claimed_at(&self, scope: &str, key: &str) -> Result<Option<u64>, StoreError>;

    /// A sealed secret: a version, or the newest.
    async fn sealed(&self, id: &str, version: Option<u64>)
    -> Result<Option<SealedRow>, StoreError>;

    /// Erases every version of a sealed secret.
    async fn erase_sealed(&self, id: &str) -> Result<(), StoreError>;

    /// Throws all rows and claims away and makes them anew from the events alone, in commit order.
    /// An event that cannot be projected is an error and changes nothing.
    async fn rebuild(&self, projector: Arc<Projector>) -> Result<(), StoreError>;

    /// Checks the store's own integrity, and that its rows and claims are what its events amount to; says what
    /// is wrong. The rows may be thousands: they are compared one by one.
    async fn check(&self, projector: Arc<Projector>) -> Result<(), StoreError>;
}
