//! Writing one: under another name until it is whole and on the disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use tar::{Builder, Header};

use super::{ArchiveError, Listed, TABLE, length};
use crate::{durable, hashing::Hashing, names};

/// An archive that is being written. Dropped unfinished, it leaves nothing.
pub struct ArchiveWriter {
    builder: Builder<BufWriter<File>>,
    table: String,
    place: PathBuf,
    unfinished: Unfinished,
}

/// Removed when dropped.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is gone where the archive was finished.
        drop(fs::remove_file(&self.0));
    }
}

impl ArchiveWriter {
    /// Begins one that is to be at `place`, where nothing is yet. Readable by its owner only.
    pub fn create(place: &Path) -> Result<Self, ArchiveError> {
        let io_error = |what: &str, cause| ArchiveError::Io {
            what: format!("{what} {}", place.display()),
            cause,
        };
        if place.symlink_metadata().is_ok() {
            let cause = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already");
            return Err(io_error("making", cause));
        }
        let mut name = place.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = durable::private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)
            .map_err(|cause| io_error("making", cause))?;
        Ok(Self {
            builder: Builder::new(BufWriter::new(file)),
            table: String::new(),
            place: place.to_owned(),
            unfinished: Unfinished(unfinished),
        })
    }

    /// Adds a file as it is now: bytes that are appended meanwhile are left out.
    pub fn add_file(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        let open = || {
            let file = File::open(path)?;
            let bytes = file.metadata()?.len();
            io::Result::Ok((file, bytes))
        };
        let (file, bytes) =
            open().map_err(ArchiveError::io(format!("reading {}", path.display())))?;
        self.add(name, bytes, file.take(bytes))
    }

    /// Adds bytes.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.add(name, length(bytes), bytes)
    }

    fn add(&mut self, name: &str, bytes: u64, source: impl Read) -> Result<(), ArchiveError> {
        if name == TABLE || names::below(Path::new(""), name).is_err() {
            return Err(ArchiveError::Name(name.to_owned()));
        }
        let (read, digest) = self.append(name, bytes, source)?;
        if read != bytes {
            let cause = io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter meanwhile");
            return Err(ArchiveError::io(format!("copying {name}"))(cause));
        }
        let listed = Listed {
            digest: &digest,
            bytes,
            name,
        };
        self.table.push_str(&listed.to_string());
        Ok(())
    }

    fn append(
        &mut self,
        name: &str,
        bytes: u64,
        source: impl Read,
    ) -> Result<(u64, String), ArchiveError> {
        let mut header = Header::new_ustar();
        let written = header.set_path(name).and_then(|()| {
            header.set_size(bytes);
            header.set_mode(0o600);
            header.set_cksum();
            let mut source = Hashing::new(source);
            self.builder.append(&header, &mut source)?;
            Ok(source.finish())
        });
        written.map_err(ArchiveError::io(format!("writing {name} into the backup")))
    }

    /// Adds the table, and gives the archive its name once it is on the disk. Its length in bytes.
    pub fn finish(mut self) -> Result<u64, ArchiveError> {
        let table = std::mem::take(&mut self.table);
        self.append(TABLE, length(table.as_bytes()), table.as_bytes())?;
        let written = (|| {
            let mut buffer = self.builder.into_inner()?;
            buffer.flush()?;
            let file = buffer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&self.unfinished.0, &self.place)?;
            let folder = self
                .place
                .parent()
                .filter(|path| !path.as_os_str().is_empty());
            durable::sync_folder(folder.unwrap_or_else(|| Path::new(".")))?;
            Ok(file.metadata()?.len())
        })();
        written.map_err(ArchiveError::io(format!(
            "writing {}",
            self.place.display()
        )))
    }
}
