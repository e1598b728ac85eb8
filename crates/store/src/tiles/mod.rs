//! The ledger's files in a directory, in the C2SP layout, each written once.
//!
//! Files are readable by their owner only: their entries say who did what. Evidence is handed out by
//! the product, not by the file system.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use portcullis_ports::{TileError, Tiles};

use crate::{durable, names};

/// The one file that is replaced.
const CHECKPOINT: &str = "checkpoint";
/// Where files are written before they get their names; no name leads here.
const NEW: &str = ".new";

/// A log's files below one directory. One writer at a time: the sequencer.
#[derive(Debug)]
pub struct DirectoryTiles {
    root: PathBuf,
}

impl DirectoryTiles {
    /// Opens a log's directory, or makes one. What a crash left half written is removed.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, TileError> {
        let root = root.as_ref().to_owned();
        let prepared = prepare(&root);
        match prepared {
            Ok(()) => Ok(Self { root }),
            Err(cause) => Err(written(&root.to_string_lossy(), cause)),
        }
    }

    fn read_file(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let place = names::below(&self.root, path)?;
        durable::read(&place)
    }

    /// Gives the folder whose names have to be made durable, or none when the file was there already.
    fn write_file(&self, path: &str, bytes: &[u8]) -> io::Result<Option<PathBuf>> {
        let place = names::below(&self.root, path)?;
        if path == CHECKPOINT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a checkpoint is published, not written",
            ));
        }
        if let Some(there) = durable::read(&place)? {
            if there == bytes {
                return Ok(None);
            }
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it exists with other bytes, and the ledger's files never change: \
                 compare the log with its last checkpoint",
            ));
        }
        let folder = place.parent().unwrap_or(&self.root);
        durable::make_folders(folder)?;
        self.place_file(&place, bytes)?;
        Ok(Some(folder.to_owned()))
    }

    /// Writes under another name first, so that under its own there is all of it or none.
    fn place_file(&self, place: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.root.join(NEW).join("file");
        let mut file = durable::private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&unfinished, place)
    }
}

impl Tiles for DirectoryTiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TileError> {
        self.read_file(path).map_err(|cause| TileError {
            path: path.to_owned(),
            verb: "read",
            cause,
        })
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> Result<(), TileError> {
        let mut folders = BTreeSet::new();
        for (path, bytes) in files {
            let folder = self
                .write_file(path, bytes)
                .map_err(|cause| written(path, cause))?;
            folders.extend(folder);
        }
        for folder in folders {
            durable::sync_folder(&folder)
                .map_err(|cause| written(&folder.to_string_lossy(), cause))?;
        }
        Ok(())
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), TileError> {
        self.place_file(&self.root.join(CHECKPOINT), checkpoint)
            .and_then(|()| durable::sync_folder(&self.root))
            .map_err(|cause| written(CHECKPOINT, cause))
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, TileError> {
        self.read(CHECKPOINT)
    }
}

fn prepare(root: &Path) -> io::Result<()> {
    let new = root.join(NEW);
    if new.is_dir() {
        fs::remove_dir_all(&new)?;
    }
    durable::make_folders(&new)
}

fn written(path: &str, cause: io::Error) -> TileError {
    TileError {
        path: path.to_owned(),
        verb: "written",
        cause,
    }
}
