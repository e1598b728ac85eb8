//! Writing one: under another name until it is whole and on the disk.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use tar::{Builder, Header};
use tempfile::NamedTempFile;

use super::{ArchiveError, Listed, TABLE, length};
use crate::{durable, hashing::Hashing, names};

/// An archive that is being written. Dropped unfinished, it leaves nothing.
pub struct ArchiveWriter {
    builder: Builder<BufWriter<NamedTempFile>>,
    table: String,
    place: PathBuf,
}

impl ArchiveWriter {
    /// Begins one that is to be at `place`, where nothing is yet. Readable by its owner only.
    pub fn create(place: &Path) -> Result<Self, ArchiveError> {
        let making = || ArchiveError::io(format!("making {}", place.display()));
        if place.symlink_metadata().is_ok() {
            let cause = io::Error::new(io::ErrorKind::AlreadyExists, "it is there already");
            return Err(making()(cause));
        }
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempfile_in(folder_of(place))
            .map_err(making())?;
        Ok(Self {
            builder: Builder::new(BufWriter::new(unfinished)),
            table: String::new(),
            place: place.to_owned(),
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
        let Self { builder, place, .. } = self;
        let written = (|| {
            let buffer = builder.into_inner()?;
            let file = buffer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            // What somebody put there meanwhile stays.
            let file = file.persist_noclobber(&place)?;
            durable::sync_folder(folder_of(&place))?;
            Ok(file.metadata()?.len())
        })();
        written.map_err(ArchiveError::io(format!("writing {}", place.display())))
    }
}

/// The folder in which something is to lie.
fn folder_of(place: &Path) -> &Path {
    let folder = place.parent();
    let folder = folder.filter(|path| !path.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}
