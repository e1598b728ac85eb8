//! The peer of everything durable: a bare write and fdatasync on the same file system.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::Failure;
use crate::measure::Samples;

/// What one command adds to the store's log, about: so much is written before each sync.
const BLOCK: usize = 24 * 1024;

/// A file that grows by a block at a time.
pub struct Disk {
    file: File,
    block: Vec<u8>,
    pub times: Samples,
}

impl Disk {
    /// Makes its file in a folder.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            file: File::create(folder.join("bare"))?,
            block: vec![0; BLOCK],
            times: Samples::default(),
        })
    }

    /// Writes a block and waits for the disk, once.
    pub fn sync(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        self.file.write_all(&self.block)?;
        self.file.sync_data()?;
        self.times.push_millis(begun.elapsed());
        Ok(())
    }
}
