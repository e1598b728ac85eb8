//! Tapes in a directory: files that only grow, each with one writer.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use portcullis_ports::{BlobError, BlobWriter, Blobs};
use tokio::task::spawn_blocking;

use crate::{durable, names};

/// Blobs below one directory, readable by their owner only.
#[derive(Debug)]
pub struct DirectoryBlobs {
    root: PathBuf,
}

impl DirectoryBlobs {
    /// Opens a directory of blobs, or makes one.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, BlobError> {
        let root = root.as_ref().to_owned();
        let made = durable::make_folders(&root);
        match made {
            Ok(()) => Ok(Self { root }),
            Err(cause) => Err(fault(&root.to_string_lossy(), "written", cause)),
        }
    }

    async fn writer(
        &self,
        name: &str,
        open: fn(&Path) -> io::Result<File>,
    ) -> Result<Box<dyn BlobWriter>, BlobError> {
        let place = names::below(&self.root, name);
        let tail = blocking(move || Tail::of(open(&place?)?)).await;
        let tail = tail.map_err(|cause| fault(name, "written", cause))?;
        Ok(Box::new(FileWriter {
            name: name.to_owned(),
            tail: Arc::new(Mutex::new(tail)),
        }))
    }
}

#[async_trait]
impl Blobs for DirectoryBlobs {
    async fn create(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.writer(name, create).await
    }

    async fn reopen(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.writer(name, reopen).await
    }

    async fn truncate(&self, name: &str, bytes: u64) -> Result<(), BlobError> {
        let place = names::below(&self.root, name);
        let cut = blocking(move || Tail::of(reopen(&place?)?)?.cut(bytes)).await;
        cut.map_err(|cause| fault(name, "written", cause))
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError> {
        let place = names::below(&self.root, name);
        let read = blocking(move || durable::read(&place?)).await;
        read.map_err(|cause| fault(name, "read", cause))
    }

    async fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, BlobError> {
        let place = names::below(&self.root, name);
        let open = blocking(move || {
            let Some(file) = durable::open(&place?)? else {
                return Ok(None);
            };
            let length = file.metadata()?.len();
            let opened: Box<dyn Read + Send> = Box::new(file.take(length));
            Ok(Some(opened))
        });
        open.await.map_err(|cause| fault(name, "read", cause))
    }

    async fn remove(&self, name: &str) -> Result<(), BlobError> {
        let place = names::below(&self.root, name);
        let removed = blocking(move || durable::remove(&place?)).await;
        removed.map_err(|cause| fault(name, "removed", cause))
    }

    async fn bytes(&self, prefix: &str) -> Result<u64, BlobError> {
        let (root, wanted) = (self.root.clone(), prefix.to_owned());
        let sum = blocking(move || {
            let found = collected(&root, &wanted)?;
            let sizes = found.iter().map(|name| size(&root.join(name)));
            sizes.sum()
        });
        sum.await.map_err(|cause| fault(prefix, "listed", cause))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let (root, wanted) = (self.root.clone(), prefix.to_owned());
        let found = blocking(move || collected(&root, &wanted));
        found.await.map_err(|cause| fault(prefix, "listed", cause))
    }
}

/// Writes at the end of one file.
struct FileWriter {
    name: String,
    tail: Arc<Mutex<Tail>>,
}

impl FileWriter {
    async fn with_tail(
        &self,
        act: impl FnOnce(&mut Tail) -> io::Result<()> + Send + 'static,
    ) -> Result<(), BlobError> {
        let tail = Arc::clone(&self.tail);
        blocking(move || act(&mut tail.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .map_err(|cause| fault(&self.name, "written", cause))
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let bytes = bytes.to_vec();
        self.with_tail(move |tail| tail.append(&bytes)).await
    }

    async fn sync(&mut self) -> Result<(), BlobError> {
        self.with_tail(Tail::sync).await
    }
}

/// The end of a file that only this writer moves: the file is locked.
struct Tail {
    file: File,
    length: u64,
    broken: bool,
}

impl Tail {
    fn of(file: File) -> io::Result<Self> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "another writer has it open; wait until that one is gone",
                ));
            }
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            length,
            broken: false,
        })
    }

    /// Adds all bytes or none: on a full disk, what did fit is taken back.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.refuse_broken()?;
        if let Err(cause) = self.file.write_all(bytes) {
            self.broken = self.file.set_len(self.length).is_err();
            return Err(cause);
        }
        let added = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        self.length = self.length.saturating_add(added);
        Ok(())
    }

    /// After a failed sync the system may have dropped what it could not write, and a second sync
    /// would succeed over the loss.
    fn sync(&mut self) -> io::Result<()> {
        self.refuse_broken()?;
        let synced = self.file.sync_data();
        self.broken = synced.is_err();
        synced
    }

    /// Keeps the first bytes, durably. There must be so many: a tape does not grow by cutting it.
    fn cut(self, bytes: u64) -> io::Result<()> {
        if bytes > self.length {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("it has {} bytes, not the {bytes} to keep", self.length),
            ));
        }
        self.file.set_len(bytes)?;
        self.file.sync_data()
    }

    fn refuse_broken(&self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other(
                "an earlier write failed; its end has to be read anew before going on",
            ));
        }
        Ok(())
    }
}

fn create(place: &Path) -> io::Result<File> {
    let folder = place.parent().unwrap_or(place);
    durable::make_folders(folder)?;
    let file = durable::private()
        .append(true)
        .create_new(true)
        .open(place)?;
    durable::sync_folder(folder)?;
    Ok(file)
}

fn reopen(place: &Path) -> io::Result<File> {
    durable::private().append(true).open(place)
}

/// The size of a file, none of one that was removed meanwhile.
fn size(place: &Path) -> io::Result<u64> {
    match fs::metadata(place) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
        found => Ok(found?.len()),
    }
}

/// The names that begin with a prefix, in order.
fn collected(root: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    collect(root, "", prefix, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

/// Adds the names below a folder that begin with a prefix; looks only where such names can be.
fn collect(folder: &Path, above: &str, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(segment) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{above}{segment}");
        if entry.file_type()?.is_dir() {
            let inner = format!("{name}/");
            if inner.starts_with(prefix) || prefix.starts_with(&inner) {
                collect(&entry.path(), &inner, prefix, found)?;
            }
        } else if name.starts_with(prefix) {
            found.push(name);
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(act).await.map_err(io::Error::other)?
}

fn fault(name: &str, verb: &'static str, cause: io::Error) -> BlobError {
    BlobError {
        name: name.to_owned(),
        verb,
        cause,
    }
}
