//! A disk that the test fills, and makes room on: store, ledger and tapes lie on it, and a reserve.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis_model::{Body, StreamId};
use portcullis_ports::store::{Projector, Query, SealedRow};
use portcullis_ports::{
    Append, AppendError, BlobError, BlobWriter, Blobs, Reserve, Row, Store, StoreError, Stored,
    TileError, Tiles,
};
use portcullis_store::{DirectoryBlobs, DirectoryTiles, SqliteStore};
use tokio::sync::watch;

/// What lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Store,
    Ledger,
    Tapes,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Store, Self::Ledger, Self::Tapes];
}

/// Where there is room.
#[derive(Default)]
pub struct Disk {
    full: Mutex<BTreeSet<Part>>,
    /// Given up, and so room for everybody.
    given_up: Mutex<bool>,
    /// Others were faster and took what was given up.
    taken: Mutex<bool>,
    /// What was sealed cannot be read back.
    lost: Mutex<bool>,
    /// No blob can be read.
    unreadable: Mutex<bool>,
    /// What is written in the store is there, and whoever wrote it does not hear of it.
    silent: watch::Sender<bool>,
    /// What is written in the store is on its way, and gets there whoever waits for it.
    slow: watch::Sender<bool>,
    /// How many writes are on their way so.
    on_their_way: watch::Sender<usize>,
    /// Whoever writes an event of this kind finds that somebody else was faster.
    contended: Mutex<Option<&'static str>>,
    /// Whoever reads this in the store next meets a defect.
    defect: Mutex<Option<String>>,
}

impl Disk {
    /// From now on these parts have no room but the reserve.
    pub fn fill(&self, parts: &[Part]) {
        self.full.lock().unwrap().extend(parts);
    }

    /// The same, and what is given up is taken by others at once.
    pub fn fill_for_good(&self, parts: &[Part]) {
        *self.taken.lock().unwrap() = true;
        self.fill(parts);
    }

    /// From now on nothing that was sealed is found.
    pub fn lose_secrets(&self) {
        *self.lost.lock().unwrap() = true;
    }

    /// From now on no blob can be read, or all of them again.
    pub fn refuse_to_read_blobs(&self, refuse: bool) {
        *self.unreadable.lock().unwrap() = refuse;
    }

    /// From now on the store keeps what is written and does not answer.
    pub fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    pub fn speak_again(&self) {
        self.silent.send_replace(false);
    }

    /// From now on what is written in the store takes its time.
    pub fn slow_down(&self) {
        self.slow.send_replace(true);
    }

    /// What is on its way arrives.
    pub fn speed_up(&self) {
        self.slow.send_replace(false);
    }

    /// Waits until so many writes are on their way.
    pub async fn are_on_their_way(&self, count: usize) {
        let mut under_way = self.on_their_way.subscribe();
        under_way.wait_for(|many| *many >= count).await.unwrap();
    }

    async fn arrived(&self) {
        let mut slow = self.slow.subscribe();
        if *slow.borrow() {
            self.on_their_way.send_modify(|count| *count += 1);
            slow.wait_for(|slow| !slow).await.unwrap();
            self.on_their_way.send_modify(|count| *count -= 1);
        }
    }

    /// From now on nobody gets to write an event of this kind, since others write there all the time.
    pub fn contend(&self, kind: &'static str) {
        *self.contended.lock().unwrap() = Some(kind);
    }

    pub fn leave_alone(&self) {
        *self.contended.lock().unwrap() = None;
    }

    fn is_written(&self, command: &[Append]) -> Result<(), AppendError> {
        let contended = *self.contended.lock().unwrap();
        let lost = command.iter().find(|append| {
            let mut kinds = append.records.iter().map(|record| &record.event.kind);
            kinds.any(|kind| Some(kind.as_str()) == contended)
        });
        lost.map_or(Ok(()), |append| {
            Err(AppendError::Conflict {
                stream: append.stream.clone(),
                expected: append.expected,
                actual: append.expected + 1,
            })
        })
    }

    /// Whoever reads this row next, or `events`, meets a defect.
    pub fn break_reading(&self, what: &str) {
        *self.defect.lock().unwrap() = Some(what.to_owned());
    }

    fn is_read(&self, what: &str) {
        let mut defect = self.defect.lock().unwrap();
        let met = defect.take_if(|defect| defect == what);
        drop(defect);
        assert_eq!(met, None, "this test wants it so");
    }

    pub fn make_room(&self) {
        self.full.lock().unwrap().clear();
    }

    /// Whether the reserve was given up and is not set aside again.
    pub fn lacks_its_reserve(&self) -> bool {
        *self.given_up.lock().unwrap()
    }

    fn room(&self, part: Part) -> io::Result<()> {
        let full = self.full.lock().unwrap().contains(&part);
        let useless = *self.taken.lock().unwrap();
        if full && (useless || !self.lacks_its_reserve()) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        Ok(())
    }
}

impl Reserve for Disk {
    fn is_whole(&self) -> bool {
        !self.lacks_its_reserve()
    }

    fn give_up(&self) -> io::Result<()> {
        *self.given_up.lock().unwrap() = true;
        Ok(())
    }

    fn set_aside(&self) -> io::Result<()> {
        if !self.full.lock().unwrap().is_empty() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        *self.given_up.lock().unwrap() = false;
        Ok(())
    }
}

/// A member of some family, on a disk.
struct On<T: ?Sized> {
    disk: Arc<Disk>,
    inner: Arc<T>,
}

#[async_trait]
impl Store for On<dyn Store> {
    async fn append(&self, command: Vec<Append>) -> Result<u64, AppendError> {
        let room = self.disk.room(Part::Store);
        room.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.disk.is_written(&command)?;
        let (disk, inner) = (Arc::clone(&self.disk), Arc::clone(&self.inner));
        let writing = async move {
            disk.arrived().await;
            inner.append(command).await
        };
        let written = tokio::spawn(writing).await.unwrap();
        let mut silent = self.disk.silent.subscribe();
        silent.wait_for(|silent| !silent).await.unwrap();
        written
    }

    async fn stream(&self, stream: &StreamId, after: u64) -> Result<Vec<Stored>, StoreError> {
        self.inner.stream(stream, after).await
    }

    async fn events(&self, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
        self.disk.is_read("events");
        self.inner.events(from, limit).await
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.inner.committed()
    }

    fn revision(&self, table: &str) -> Option<u64> {
        self.inner.revision(table)
    }

    async fn row(&self, table: &str, id: &str) -> Result<Option<Row>, StoreError> {
        self.disk.is_read(id);
        self.inner.row(table, id).await
    }

    async fn rows(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.inner.rows(query).await
    }

    async fn bodies(&self, position: u64) -> Result<Vec<Body>, StoreError> {
        self.inner.bodies(position).await
    }

    async fn erase_body(&self, position: u64, field: &str) -> Result<(), StoreError> {
        self.inner.erase_body(position, field).await
    }

    async fn claimed_at(&self, scope: &str, key: &str) -> Result<Option<u64>, StoreError> {
        self.inner.claimed_at(scope, key).await
    }

    async fn sealed(
        &self,
        id: &str,
        version: Option<u64>,
    ) -> Result<Option<SealedRow>, StoreError> {
        if *self.disk.lost.lock().unwrap() {
            return Ok(None);
        }
        self.inner.sealed(id, version).await
    }

    async fn erase_sealed(&self, id: &str) -> Result<(), StoreError> {
        self.inner.erase_sealed(id).await
    }

    async fn rebuild(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        self.inner.rebuild(projector).await
    }

    async fn check(&self, projector: Arc<Projector>) -> Result<(), StoreError> {
        self.inner.check(projector).await
    }
}

impl Tiles for On<dyn Tiles> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TileError> {
        self.inner.read(path)
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> Result<(), TileError> {
        self.disk.room(Part::Ledger).map_err(|cause| TileError {
            path: "tile".to_owned(),
            verb: "written",
            cause,
        })?;
        self.inner.write(files)
    }

    fn publish(&self, checkpoint: &[u8]) -> Result<(), TileError> {
        self.inner.publish(checkpoint)
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, TileError> {
        self.inner.checkpoint()
    }
}

impl On<dyn Blobs> {
    fn wrapped(&self, writer: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        Box::new(Writing {
            disk: Arc::clone(&self.disk),
            writer,
        })
    }
}

#[async_trait]
impl Blobs for On<dyn Blobs> {
    async fn create(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.disk.room(Part::Tapes).map_err(unwritable)?;
        self.inner.create(name).await.map(|made| self.wrapped(made))
    }

    async fn reopen(&self, name: &str) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.inner.reopen(name).await.map(|made| self.wrapped(made))
    }

    async fn truncate(&self, name: &str, bytes: u64) -> Result<(), BlobError> {
        self.inner.truncate(name, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BlobError> {
        if *self.disk.unreadable.lock().unwrap() {
            return Err(BlobError {
                name: name.to_owned(),
                verb: "read",
                cause: io::Error::other("this test wants it so"),
            });
        }
        self.inner.read(name).await
    }

    async fn open(&self, name: &str) -> Result<Option<Box<dyn io::Read + Send>>, BlobError> {
        self.inner.open(name).await
    }

    async fn remove(&self, name: &str) -> Result<(), BlobError> {
        self.inner.remove(name).await
    }

    async fn bytes(&self, prefix: &str) -> Result<u64, BlobError> {
        self.inner.bytes(prefix).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.inner.list(prefix).await
    }
}

struct Writing {
    disk: Arc<Disk>,
    writer: Box<dyn BlobWriter>,
}

#[async_trait]
impl BlobWriter for Writing {
    async fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.disk.room(Part::Tapes).map_err(unwritable)?;
        self.writer.append(bytes).await
    }

    async fn sync(&mut self) -> Result<(), BlobError> {
        self.writer.sync().await
    }
}

fn unwritable(cause: io::Error) -> BlobError {
    BlobError {
        name: "tape".to_owned(),
        verb: "written",
        cause,
    }
}

pub type OnDisk = (Arc<dyn Store>, Arc<dyn Tiles>, Arc<dyn Blobs>);

/// Store, ledger and tapes in a folder, on a disk.
pub fn on_disk(disk: &Arc<Disk>, folder: &Path) -> OnDisk {
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    let tiles = DirectoryTiles::open(folder.join("ledger")).unwrap();
    let blobs = DirectoryBlobs::open(folder.join("blobs")).unwrap();
    (
        Arc::new(On::<dyn Store> {
            disk: Arc::clone(disk),
            inner: Arc::new(store),
        }),
        Arc::new(On::<dyn Tiles> {
            disk: Arc::clone(disk),
            inner: Arc::new(tiles),
        }),
        Arc::new(On::<dyn Blobs> {
            disk: Arc::clone(disk),
            inner: Arc::new(blobs),
        }),
    )
}

/// Copies what may still be written, as a crash would leave it. In the order of names, so that no checkpoint is younger
/// than its tiles; a file that is renamed meanwhile is one that was not written yet.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let entries = std::fs::read_dir(from).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let (source, target) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            copy(&source, &target);
            continue;
        }
        match std::fs::copy(source, target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => drop(copied.unwrap()),
        }
    }
}
