//! Whether the store still holds what was recorded: its rows are what its events amount to, and its events are
//! those the ledger has. Whoever can write the file could change both behind the server's back.

use std::sync::Arc;

use portcullis_ledger::{NoteVerifier, Tree, read_bundle};
use tokio::sync::watch;

use crate::Engine;
use crate::failure::Failure;
use crate::journal::project;
use crate::ports::Ports;
use crate::sequencer::{LogFiles, latest};

/// The most events read at once.
const BATCH: u64 = 1024;

/// Compares the store's rows, claims and texts with what its events say.
pub(crate) async fn rows(ports: &Ports) -> Result<(), Failure> {
    Ok(ports.store.check(Arc::new(project)).await?)
}

/// Compares the store's events with the ledger's checkpoint; how many are in it.
pub(crate) async fn events(ports: &Ports, key: &NoteVerifier) -> Result<u64, Failure> {
    let Some(signed) = latest(ports.tiles.as_ref(), key)? else {
        return Ok(0);
    };
    let size = signed.checkpoint().size();
    let mut tree = Tree::new();
    while tree.size() < size {
        let wanted = usize::try_from(BATCH.min(size - tree.size())).unwrap_or(0);
        let stored = ports.store.events(tree.size(), wanted).await?;
        if stored.len() < wanted {
            return Err(Failure::Damaged(format!(
                "the store lacks events that are in the ledger, behind event {}",
                tree.size()
            )));
        }
        let leaves: Vec<_> = stored.into_iter().map(|stored| stored.leaf).collect();
        tree = tree.append(&leaves)?.tree;
    }
    if tree.root() == *signed.checkpoint().root() {
        return Ok(size);
    }
    let what = match first_changed(ports, size).await? {
        Some(index) => format!("event {index} of the store is not the one that was recorded"),
        None => "the store's events are not those of the ledger's checkpoint, nor are the ledger's own files"
            .to_owned(),
    };
    Err(Failure::Damaged(what))
}

/// The first event that is another than the ledger's entry.
async fn first_changed(ports: &Ports, size: u64) -> Result<Option<u64>, Failure> {
    let files = LogFiles(Arc::clone(&ports.tiles));
    let mut index = 0;
    while index < size {
        let entries = read_bundle(&files, size, index)
            .map_err(|error| Failure::Damaged(error.to_string()))?;
        let stored = ports.store.events(index, entries.len()).await?;
        let pairs = entries.iter().zip(&stored);
        for (entry, stored) in pairs {
            if stored.position != index || *entry != stored.leaf {
                return Ok(Some(index));
            }
            index += 1;
        }
        if stored.len() < entries.len() || entries.is_empty() {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

impl Engine {
    /// Looks once at everything. What it finds ends every session, and from then on nothing privileged begins.
    pub(crate) async fn run_inspection(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let found = tokio::select! {
            found = self.inspect() => found,
            _ = shutdown.changed() => return,
        };
        if let Err(failure) = found {
            tracing::error!(%failure, "the store is not what was recorded: nothing privileged begins");
            self.journal.custody.distrust(&failure);
            self.end_all(&format!("the store is not what was recorded: {failure}"));
        }
        self.journal.custody.inspected();
        // Done; a loop that ends before it is told to is taken for broken.
        drop(shutdown.wait_for(|stop| *stop).await);
    }

    async fn inspect(&self) -> Result<(), Failure> {
        rows(&self.ports).await?;
        events(&self.ports, self.own.ledger.verifier()).await?;
        Ok(())
    }
}
