//! Events, read models, sealed secrets, tiles and blobs on disk, and sealing to age recipients.
//!
//! Implements the ports `Store`, `Tiles`, `Blobs`, `Sealer` and `Reserve`; each of the first four has one suite in
//! `portcullis_ports::conformance` that every implementation passes. Everything here is created
//! readable by its owner only.

mod archive;
mod blobs;
mod command;
mod durable;
mod hashing;
mod names;
mod reserve;
mod sealer;
mod sqlite;
mod tiles;

pub use archive::{ArchiveError, ArchiveWriter, Unpacked, unpack};
pub use blobs::DirectoryBlobs;
pub use reserve::FileReserve;
pub use sealer::AgeSealer;
pub use sqlite::{Copied, SealedWith, SqliteStore, adopt, forget_strays, snapshot};
pub use tiles::DirectoryTiles;
