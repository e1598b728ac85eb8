//! The real clock, the real randomness, and all plug-ins: the ports the engine is given.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use aws_lc_rs::rand;
use portcullis_engine::Ports;
use portcullis_model::Timestamp;
use portcullis_ports::{Clock, Entropy, StoreError, failpoints};
use portcullis_store::{AgeSealer, DirectoryBlobs, DirectoryTiles, SqliteStore};

use super::folder::DataFolder;

/// The machine's clock.
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time enters")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The operating system's randomness, through the cryptographic library.
pub(crate) struct OsEntropy;

impl Entropy for OsEntropy {
    // Without randomness nothing here may go on: no key, no token, no identifier.
    fn fill(&self, buffer: &mut [u8]) {
        let filled = rand::fill(buffer);
        assert!(filled.is_ok(), "the operating system gave no random bytes");
    }
}

/// Opens everything the engine needs in the data folder of an installation.
pub(crate) fn ports(folder: &DataFolder) -> anyhow::Result<Ports> {
    is_there(folder)?;
    new_ports(folder)
}

/// The same of what was unpacked from a backup.
pub(crate) fn ports_of_copy(folder: &DataFolder) -> anyhow::Result<Ports> {
    is_there(folder)?;
    with_store(folder, SqliteStore::open_copy(folder.store()))
}

fn is_there(folder: &DataFolder) -> anyhow::Result<()> {
    // Opening would make an empty store, and the loss of the real one would look like a new beginning.
    if !folder.store().exists() {
        bail!(
            "{} is not there: restore it from a backup, or run portcullis init for a new installation",
            folder.store().display()
        );
    }
    Ok(())
}

/// The same for a new installation: what is missing is made.
pub(crate) fn new_ports(folder: &DataFolder) -> anyhow::Result<Ports> {
    with_store(folder, SqliteStore::open(folder.store()))
}

fn with_store(
    folder: &DataFolder,
    store: Result<SqliteStore, StoreError>,
) -> anyhow::Result<Ports> {
    let store = store.context("opening the store")?;
    let tiles = DirectoryTiles::open(folder.ledger()).context("opening the ledger's folder")?;
    let blobs = DirectoryBlobs::open(folder.blobs()).context("opening the tapes' folder")?;
    let connectors = portcullis_connectors::all().into_iter();
    let rotators = portcullis_rotators::all().into_iter();
    Ok(Ports {
        store: failpoints::store(Arc::new(store)),
        witnesses: Vec::new(),
        tiles: failpoints::tiles(Arc::new(tiles)),
        blobs: failpoints::blobs(Arc::new(blobs)),
        reserve: Arc::new(folder.reserve()),
        sealer: Arc::new(AgeSealer),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(OsEntropy),
        brokers: portcullis_brokers::all(),
        connectors: connectors.map(failpoints::connector).collect(),
        rotators: rotators.map(failpoints::rotator).collect(),
        authenticators: portcullis_identity::all(),
    })
}
