//! The reserve as a file whose blocks are allocated.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use portcullis_ports::Reserve;
use rustix::fs::{FallocateFlags, fallocate};

use crate::durable;

/// The size of a block in what the system says a file takes.
const BLOCK: u64 = 512;

/// A file of a size that is given up when the disk is full.
#[derive(Debug)]
pub struct FileReserve {
    place: PathBuf,
    bytes: u64,
}

impl FileReserve {
    /// The reserve at a place, which may be there or not.
    pub fn new(place: impl Into<PathBuf>, bytes: u64) -> Self {
        Self {
            place: place.into(),
            bytes,
        }
    }

    fn folder(&self) -> &Path {
        self.place.parent().unwrap_or_else(|| Path::new("."))
    }

    /// Room beside the reserve that there has to be when it is set aside.
    const fn beside(&self) -> u64 {
        self.bytes / 4
    }

    fn allocate(&self) -> io::Result<()> {
        let file = durable::private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.place)?;
        fallocate(
            &file,
            FallocateFlags::empty(),
            0,
            self.bytes + self.beside(),
        )?;
        file.set_len(self.bytes)?;
        file.sync_all()
    }
}

impl Reserve for FileReserve {
    fn is_whole(&self) -> bool {
        let found = fs::metadata(&self.place);
        found.is_ok_and(|found| {
            found.len() >= self.bytes && found.blocks().saturating_mul(BLOCK) >= self.bytes
        })
    }

    fn give_up(&self) -> io::Result<()> {
        match fs::remove_file(&self.place) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(cause),
            Ok(()) => durable::sync_folder(self.folder()),
        }
    }

    fn set_aside(&self) -> io::Result<()> {
        if self.is_whole() {
            return File::open(&self.place).map(drop);
        }
        let allocated = self.allocate();
        if allocated.is_err() {
            self.give_up()?;
        }
        allocated
    }
}
