//! The one that writes the ledger: integrates committed events into the Merkle tree and signs checkpoints.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use portcullis_ledger::{Checkpoint, NoteSigner, NoteVerifier, SignedCheckpoint, TileReader, Tree};
use portcullis_ports::{Store, Tiles};
use tokio::sync::watch;

use crate::custody::Custody;
use crate::failure::Failure;

/// The most events integrated at once.
const BATCH: usize = 4096;

/// How long it lets events gather before it integrates them: its writes are on the same disk as the commits
/// that follow.
const GATHER: Duration = Duration::from_millis(100);

/// How long it waits after a failure before it tries again.
const RETRY: Duration = Duration::from_millis(500);

/// Reads the log's files for the ledger's code.
pub(crate) struct LogFiles(pub(crate) Arc<dyn Tiles>);

impl TileReader for LogFiles {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.0
            .read(path)
            .map_err(|error| io::Error::other(error.to_string()))
    }
}

/// The latest checkpoint, if the log has one.
pub(crate) fn latest(
    tiles: &dyn Tiles,
    key: &NoteVerifier,
) -> Result<Option<SignedCheckpoint>, Failure> {
    let Some(bytes) = tiles.checkpoint()? else {
        return Ok(None);
    };
    let signed = SignedCheckpoint::open(&bytes, std::slice::from_ref(key))
        .map_err(|error| Failure::Damaged(format!("the ledger's checkpoint: {error}")))?;
    Ok(Some(signed))
}

/// Waits for an event, and for those that come with it.
async fn gathered(committed: &mut watch::Receiver<u64>) {
    // An error means that the store is gone: then it is the shutdown that is awaited.
    if committed.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(GATHER).await;
}

/// The sequencer's state. There is one a tenant; only it appends to the log.
pub(crate) struct Sequencer {
    store: Arc<dyn Store>,
    tiles: Arc<dyn Tiles>,
    origin: String,
    signer: NoteSigner,
    tree: Tree,
    integrated: watch::Sender<u64>,
    custody: Arc<Custody>,
}

impl Sequencer {
    /// Goes on where the log ends. Refuses a store that has fewer events than the log: it was rolled back.
    pub(crate) fn resume(
        store: Arc<dyn Store>,
        tiles: Arc<dyn Tiles>,
        origin: String,
        signer: NoteSigner,
        custody: Arc<Custody>,
    ) -> Result<Self, Failure> {
        let tree = match latest(tiles.as_ref(), signer.verifier())? {
            Some(signed) => Tree::resume(&LogFiles(Arc::clone(&tiles)), signed.checkpoint())?,
            None => Tree::new(),
        };
        let committed = *store.committed().borrow();
        if committed < tree.size() {
            return Err(Failure::Damaged(format!(
                "the store has {committed} events, the ledger {} : the store was rolled back; restore it, or begin a new ledger in the open",
                tree.size()
            )));
        }
        let integrated = watch::Sender::new(tree.size());
        Ok(Self {
            store,
            tiles,
            origin,
            signer,
            tree,
            integrated,
            custody,
        })
    }

    /// How many events are in the log, now and whenever it changes.
    pub(crate) fn integrated(&self) -> watch::Receiver<u64> {
        self.integrated.subscribe()
    }

    /// Runs until shut down, then integrates what is left.
    pub(crate) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut committed = self.store.committed();
        loop {
            let stopping = *shutdown.borrow();
            while self.tree.size() < *committed.borrow_and_update() {
                if let Err(failure) = self.integrate().await {
                    self.custody.failed(format!("the ledger: {failure}"));
                    tokio::time::sleep(RETRY).await;
                    break;
                }
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = gathered(&mut committed) => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn integrate(&mut self) -> Result<(), Failure> {
        let events = self.store.events(self.tree.size(), BATCH).await?;
        let leaves: Vec<_> = events.into_iter().map(|stored| stored.leaf).collect();
        let growth = self.tree.append(&leaves)?;
        let checkpoint = Checkpoint::new(&self.origin, growth.tree.size(), growth.tree.root());
        let signed = checkpoint.sign(&self.signer)?;
        let files: Vec<_> = growth
            .writes
            .into_iter()
            .map(|write| (write.path, write.bytes))
            .collect();
        let tiles = Arc::clone(&self.tiles);
        let note = signed.note().to_string();
        let written = tokio::task::spawn_blocking(move || {
            tiles.write(&files)?;
            tiles.publish(note.as_bytes())
        });
        written
            .await
            .map_err(|error| Failure::Unavailable(error.to_string()))??;
        self.tree = growth.tree;
        self.integrated.send_replace(self.tree.size());
        Ok(())
    }
}
