//! Where the ledger's tiles and checkpoints lie. Plain blocking calls: the one sequencer makes them
//! on a thread of its own, and a verifier has nothing better to do.

use std::io;

/// Why a tile could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the ledger's {path} cannot be {verb}: {cause}")]
pub struct TileError {
    /// Which file of the log.
    pub path: String,
    /// `read` or `written`.
    pub verb: &'static str,
    /// What the system said.
    pub cause: io::Error,
}

/// The files of a log, in the C2SP layout.
pub trait Tiles: Send + Sync {
    /// Reads a file of the log; `None` when there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TileError>;

    /// Writes files of the log, durable on return. A file once written never changes.
    fn write(&self, files: &[(String, Vec<u8>)]) -> Result<(), TileError>;

    /// Replaces the checkpoint in one step, durable on return.
    fn publish(&self, checkpoint: &[u8]) -> Result<(), TileError>;

    /// The latest checkpoint.
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, TileError>;
}
