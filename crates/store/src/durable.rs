//! Files of our own: private, and on Linux there after a power cut, their bytes and their names.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Files are for their owner: even sizes and names of evidence say who did what.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Options that make files readable by their owner only.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// A whole file; `None` when it, or a folder on the way to it, does not exist.
pub fn read(place: &Path) -> io::Result<Option<Vec<u8>>> {
    there(fs::read(place))
}

/// A file to be read; `None` as above.
pub fn open(place: &Path) -> io::Result<Option<File>> {
    there(File::open(place))
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(cause) => Err(cause),
    }
}

/// Removes a file, durably; one that is gone is gone.
pub fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed?,
    }
    sync_folder(place.parent().unwrap_or(place))
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder and those above it, durably. A folder that exists is fine.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder
        .parent()
        .filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_folders(above)?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(above.unwrap_or_else(|| Path::new("."))),
    }
}
