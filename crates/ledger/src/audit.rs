//! Recomputing a whole stored log from its entries, and naming the first thing that is wrong.
//! Holds one bundle in memory at a time, whatever the log's size.

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, leaf_hash};
use crate::tile::{
    TILE_WIDTH, TileError, TileReader, TileWrite, hash_tile_path, read_hashes,
    read_readable_entries, width_at,
};
use crate::tree::{Tree, count_at};

/// A stored log that is exactly what its checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Entries read and hashed.
    pub entries: u64,
    /// Hash tiles recomputed and compared.
    pub tiles: u64,
    /// Sizes of earlier checkpoints whose roots were met on the way.
    pub passed: Vec<u64>,
}

/// The first thing wrong with a stored log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A tile or bundle is missing, unreadable or malformed.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// An entry's bytes are not those that were logged.
    #[error("entry altered at index {index}: it does not hash to the leaf in its tile")]
    EntryAltered {
        /// Index of the entry.
        index: u64,
    },
    /// An entry is gone and the others moved up.
    #[error("entry dropped: what is stored as entry {index} is the entry that was logged after it")]
    EntryDropped {
        /// Index of the missing entry.
        index: u64,
    },
    /// The entries are the logged ones in another order.
    #[error("entries reordered: entry {index} and others of its bundle changed places")]
    EntriesReordered {
        /// Index of the first entry out of place.
        index: u64,
    },
    /// A hash tile above the leaves does not follow from the tiles below it.
    #[error("{path} is not what the entries hash to: the tile was altered")]
    TileAltered {
        /// Path of the tile.
        path: String,
    },
    /// Everything stored agrees with itself, but not with the checkpoint.
    #[error(
        "fork: the {size} stored entries lead to root {found}, the checkpoint says {expected}; entries and tiles were rewritten after it was signed"
    )]
    RootMismatch {
        /// Size of the checkpoint.
        size: u64,
        /// Root in the checkpoint.
        expected: Hash,
        /// Root the entries lead to.
        found: Hash,
    },
    /// An earlier checkpoint claims more entries than the log has.
    #[error(
        "rollback: a trusted checkpoint has {trusted} entries, this log {size}; entries were taken away"
    )]
    Rollback {
        /// Size of the trusted checkpoint.
        trusted: u64,
        /// Size of the audited one.
        size: u64,
    },
}

/// Recomputes the log from its entry bundles and compares every tile and the root.
///
/// `earlier` are checkpoints of the same log already trusted, in any order: their roots must be met
/// on the way, which proves that history was not rewritten since.
///
/// # Errors
/// [`AuditError`], naming the first bad tile or entry.
pub fn audit_log(
    reader: &dyn TileReader,
    checkpoint: &Checkpoint,
    earlier: &[Checkpoint],
) -> Result<Audit, AuditError> {
    let size = checkpoint.size();
    if let Some(longer) = earlier.iter().find(|known| known.size() > size) {
        return Err(AuditError::Rollback {
            trusted: longer.size(),
            size,
        });
    }
    let mut run = Run {
        reader,
        earlier,
        tree: Tree::new(),
        tiles: 0,
        passed: Vec::new(),
    };
    run.meet_checkpoints()?;
    for bundle in 0..size.div_ceil(u64::from(TILE_WIDTH)) {
        run.bundle(bundle, width_at(size, bundle))?;
    }
    run.finish()?;
    expect_root(checkpoint, &run.tree)?;
    Ok(Audit {
        entries: size,
        tiles: run.tiles,
        passed: run.passed,
    })
}

struct Run<'a> {
    reader: &'a dyn TileReader,
    earlier: &'a [Checkpoint],
    tree: Tree,
    tiles: u64,
    passed: Vec<u64>,
}

impl Run<'_> {
    fn bundle(&mut self, index: u64, width: u16) -> Result<(), AuditError> {
        let (entries, fault) = read_readable_entries(self.reader, index, width)?;
        let stored = read_hashes(self.reader, 0, index, width)?;
        compare_entries(self.tree.size(), &entries, &stored)?;
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        let mut full = Vec::new();
        for entry in &entries {
            self.tree.push(entry, &mut full);
            self.meet_checkpoints()?;
        }
        full.iter().try_for_each(|tile| self.compare_tile(tile))
    }

    /// Compares the unfinished tiles at the right edge, or the full ones that replaced them.
    fn finish(&mut self) -> Result<(), AuditError> {
        for level in 1..8 {
            let count = count_at(self.tree.size(), level);
            let index = count >> 8;
            let width = width_at(count, index);
            if width == 0 {
                continue;
            }
            let stored = read_hashes(self.reader, level, index, width)?;
            if self.tree.edge_at(level) != stored {
                let path = hash_tile_path(level, index, width);
                return Err(AuditError::TileAltered { path });
            }
            self.tiles = self.tiles.saturating_add(1);
        }
        if count_at(self.tree.size(), 0) & 0xff != 0 {
            self.tiles = self.tiles.saturating_add(1);
        }
        Ok(())
    }

    fn compare_tile(&mut self, tile: &TileWrite) -> Result<(), AuditError> {
        if tile.path.starts_with("tile/entries/") {
            return Ok(());
        }
        let stored = self.reader.read(&tile.path).map_err(|error| {
            AuditError::Tile(TileError::Unreadable {
                path: tile.path.clone(),
                reason: error.to_string(),
            })
        })?;
        let path = tile.path.clone();
        match stored {
            None => Err(TileError::Missing { path }.into()),
            Some(bytes) if bytes != tile.bytes => Err(AuditError::TileAltered { path }),
            Some(_) => {
                self.tiles = self.tiles.saturating_add(1);
                Ok(())
            }
        }
    }

    fn meet_checkpoints(&mut self) -> Result<(), AuditError> {
        let size = self.tree.size();
        for known in self.earlier.iter().filter(|known| known.size() == size) {
            expect_root(known, &self.tree)?;
            self.passed.push(size);
        }
        Ok(())
    }
}

fn expect_root(checkpoint: &Checkpoint, tree: &Tree) -> Result<(), AuditError> {
    let found = tree.root();
    if found == *checkpoint.root() {
        return Ok(());
    }
    Err(AuditError::RootMismatch {
        size: checkpoint.size(),
        expected: *checkpoint.root(),
        found,
    })
}

/// Finds the first entry that is not what its tile says, and why.
fn compare_entries(first: u64, entries: &[Vec<u8>], stored: &[Hash]) -> Result<(), AuditError> {
    let found: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let differing = found
        .iter()
        .zip(stored)
        .position(|(left, right)| left != right);
    let Some(at) = differing else {
        return Ok(());
    };
    let index = first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
    let (mut left, mut right) = (found.clone(), stored.to_vec());
    left.sort_unstable();
    right.sort_unstable();
    if left == right {
        return Err(AuditError::EntriesReordered { index });
    }
    let rest = found.iter().skip(at);
    let moved_up = stored.iter().skip(at.saturating_add(1));
    let mut pairs = rest.zip(moved_up).peekable();
    if pairs.peek().is_some() && pairs.all(|(entry, hash)| entry == hash) {
        // The entries behind the gap are in place again, one position too early.
        return Err(AuditError::EntryDropped { index });
    }
    Err(AuditError::EntryAltered { index })
}
