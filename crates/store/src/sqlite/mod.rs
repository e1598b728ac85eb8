//! The store in one SQLite file: a thread that writes, connections that read.
//!
//! The writing thread commits many commands at once, because what a commit costs is the disk's
//! answer, not the rows. Reading never waits for writing (WAL).

mod append;
mod check;
mod claims;
mod derived;
mod faults;
mod layout;
mod read;
mod readers;
mod rebuild;
mod revisions;
mod rows;
mod schema;
mod snapshot;
mod strays;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
pub use schema::adopt;
pub use snapshot::{Copied, snapshot};
pub use strays::{SealedWith, forget_strays};

use portcullis_model::{Body, StreamId};
use portcullis_ports::store::{Projector, Query, SealedRow};
use portcullis_ports::{Append, AppendError, Row, Store, StoreError, Stored};
use tokio::sync::watch;

use crate::command;
use readers::Readers;
use schema::{Opened, Wanted};
use writer::{Erased, Writer};

/// A store in one SQLite file, with its `-wal`, `-shm` and `-lock` beside it.
///
/// One program at a time has it open. Dropping it waits until what was accepted is written.
pub struct SqliteStore {
    // Dropped in this order: the last connection to close tidies the log away, and only the
    // writing one may; the lock goes when nothing of ours touches the file any more.
    readers: Readers,
    writer: Writer,
    _lock: std::fs::File,
}

impl SqliteStore {
    /// Opens a store, or makes one, readable by its owner only, when there is no file or an empty one.
    ///
    /// What is no store of this program and version is refused and left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::serve(schema::open(path.as_ref(), Wanted::Store)?)
    }

    /// Opens a copy out of a backup, which [`SqliteStore::open`] refuses until it was [adopted](crate::adopt).
    pub fn open_copy(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::serve(schema::open(path.as_ref(), Wanted::Copy)?)
    }

    fn serve(opened: Opened) -> Result<Self, StoreError> {
        let readers = Readers::new(opened.path);
        let writer = Writer::start(opened.connection)?;
        Ok(Self {
            readers,
            writer,
            _lock: opened.lock,
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append(&self, command: Vec<Append>) -> Result<u64, AppendError> {
        command::examine(&command)?;
        self.writer.append(command).await
    }

    async fn stream(&self, stream: &StreamId, after: u64) -> Result<Vec<Stored>, StoreError> {
        let stream = stream.clone();
        self.readers
            .run(move |connection| read::stream(connection, &stream, after))
            .await
    }

    async fn events(&self, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.readers
            .run(move |connection| read::events(connection, from, limit))
            .await
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.writer.committed()
    }

    fn revision(&self, table: &str) -> Option<u64> {
        self.writer.revision(table)
    }

    async fn row(&self, table: &str, id: &str) -> Result<Option<Row>, StoreError> {
        let (table, id) = (table.to_owned(), id.to_owned());
        self.readers
            .run(move |connection| {
                let row = rows::find(connection, &id)?;
                Ok(row.filter(|row| row.table == table))
            })
            .await
    }

    async fn rows(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.readers
            .run(move |connection| rows::query(connection, &query))
            .await
    }

    async fn bodies(&self, position: u64) -> Result<Vec<Body>, StoreError> {
        self.readers
            .run(move |connection| read::bodies(connection, position))
            .await
    }

    async fn erase_body(&self, position: u64, field: &str) -> Result<(), StoreError> {
        let field = field.to_owned();
        self.writer.erase(Erased::Body { position, field }).await
    }

    async fn claimed_at(&self, scope: &str, key: &str) -> Result<Option<u64>, StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.readers
            .run(move |connection| read::claimed_at(connection, &scope, &key))
            .await
    }

    async fn sealed(
        &self,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<SealedRow>, StoreError> {
        let id = id.to_owned();
        self.readers
            .run(move |connection| read::sealed(connection, &id, version))
            .await
    }

    async fn erase_sealed(&self, id: &str) -> Result<(), StoreError> {
        self.writer.erase(Erased::Sealed(id.to_owned())).await
    }

    async fn rebuild(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        self.writer.rebuild(projector).await
    }

    async fn check(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        self.readers
            .inspect(move |connection| check::check(connection, &*projector))
            .await
    }
}
