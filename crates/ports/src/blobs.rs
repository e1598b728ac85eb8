//! Where tapes lie: named sequences of bytes that only grow.

use std::io::{self, Read};

use async_trait::async_trait;

/// Why a blob could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{name} cannot be {verb}: {cause}")]
pub struct BlobError {
    /// Which blob.
    pub name: String,
    /// `read`, `written`, `listed` or `removed`.
    pub verb: &'static str,
    /// What the system said.
    pub cause: io::Error,
}

/// A blob being written. Dropping it keeps what was synced.
#[async_trait]
pub trait BlobWriter: Send {
    /// Adds bytes at the end; not yet durable.
    async fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError>;

    /// Makes everything appended durable.
    async fn sync(&mut self) -> Result<(), BlobError>;
}

/// Named sequences of bytes. Names are `a-z 0-9 _ - . /` without empty or dotted segments.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Starts a new blob; it is an error when the name exists.
    async fn create(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Goes on with an existing blob, at its end.
    async fn reopen(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Cuts off everything behind the first `bytes`: what a killed writer left half done.
    async fn truncate(&self, name: &str, bytes: u64) -> Result<(), BlobError>;

    /// Reads a whole small blob; `None` when there is none.
    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError>;

    /// Opens a blob, to be read from its beginning as far as it goes at this moment; `None` when there is none. It need
    /// not fit in memory; each reading blocks.
    async fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, BlobError>;

    /// Removes a blob, durably; no error when there is none. Whoever has it open reads on.
    async fn remove(&self, name: &str) -> Result<(), BlobError>;

    /// How many bytes the blobs have whose names begin with a text.
    async fn bytes(&self, prefix: &str) -> Result<u64, BlobError>;

    /// The names that begin with a text, in order; the empty text for all.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError>;
}
