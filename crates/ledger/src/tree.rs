//! The growing tree: its right edge, and what each batch of leaves adds to the stored tiles.
//! Every leaf and every interior node is hashed exactly once.

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, empty_root, leaf_hash, node_hash};
use crate::tile::{
    MAX_LEAF_BYTES, TILE_WIDTH, TileError, TileReader, TileWrite, entries_path, hash_tile_path,
    read_entries, read_hashes,
};

/// Levels a tree of at most 2^64 leaves has in tiles of height 8.
const LEVELS: u32 = 8;

/// The right edge of a log: enough to append to it and to know its root, O(log n) in memory
/// besides the one unfinished entry bundle.
///
/// Appending returns a new tree and leaves the old one untouched, so that a failed write to
/// storage loses nothing: keep the old value until the writes and the checkpoint are durable.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect subtrees the size decomposes into, largest first.
    peaks: Vec<Hash>,
    /// The unfinished hash tile of each level, from the leaves up.
    edge: Vec<Vec<Hash>>,
    /// The unfinished entry bundle, as it is stored.
    bundle: Vec<u8>,
}

/// What a batch of leaves did to a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The tree with the batch in it.
    pub tree: Tree,
    /// Index of the batch's first leaf.
    pub first_index: u64,
    /// Files to store, all of them before a checkpoint of the new tree is published.
    pub writes: Vec<TileWrite>,
}

/// Why leaves could not be appended, or a stored log not be continued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A leaf does not fit its length prefix. Nothing of the batch was appended.
    #[error(
        "leaf {position} of the batch has {bytes} bytes, at most {MAX_LEAF_BYTES} fit; nothing was appended"
    )]
    LeafTooLarge {
        /// Position in the batch, from 0.
        position: usize,
        /// Its length.
        bytes: usize,
    },
    /// A stored tile is missing or malformed.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// The unfinished bundle holds another entry than the tree was built from.
    #[error(
        "entry {index} does not hash to the leaf in its tile: it was altered after it was logged"
    )]
    EntryAltered {
        /// Index of the entry in the log.
        index: u64,
    },
    /// The stored tiles are those of another tree than the checkpoint's.
    #[error(
        "the tiles on disk lead to root {found} at {size} entries, the checkpoint says {expected}: do not append; run the log's audit"
    )]
    RootMismatch {
        /// Size of the checkpoint.
        size: u64,
        /// Root in the checkpoint.
        expected: Hash,
        /// Root the tiles lead to.
        found: Hash,
    },
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds the edge of a stored log and proves that it is the checkpoint's.
    ///
    /// Reads one partial tile a level and the last bundle, whatever the log's size.
    ///
    /// # Errors
    /// [`TreeError`] when tiles are missing, malformed or lead to another root.
    pub fn resume(reader: &dyn TileReader, checkpoint: &Checkpoint) -> Result<Self, TreeError> {
        let size = checkpoint.size();
        let mut tree = Self {
            size,
            ..Self::default()
        };
        for level in 0..LEVELS {
            let hashes = read_edge(reader, level, size)?;
            tree.edge.push(hashes);
        }
        for hashes in tree.edge.iter().rev() {
            push_peaks(&mut tree.peaks, hashes);
        }
        while tree.edge.pop_if(|hashes| hashes.is_empty()).is_some() {}
        let found = tree.root();
        if found != *checkpoint.root() {
            return Err(TreeError::RootMismatch {
                size,
                expected: *checkpoint.root(),
                found,
            });
        }
        tree.resume_bundle(reader)?;
        Ok(tree)
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The Merkle tree hash of all leaves.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Appends leaves in order. A log grown in one batch or in many has the same full tiles.
    ///
    /// # Errors
    /// [`TreeError::LeafTooLarge`], before anything is appended.
    pub fn append<L: AsRef<[u8]>>(&self, leaves: &[L]) -> Result<Growth, TreeError> {
        for (position, leaf) in leaves.iter().enumerate() {
            check_length(position, leaf.as_ref())?;
        }
        let mut tree = self.clone();
        let mut writes = Vec::new();
        for leaf in leaves {
            tree.push(leaf.as_ref(), &mut writes);
        }
        tree.push_partials(self.size, &mut writes);
        Ok(Growth {
            tree,
            first_index: self.size,
            writes,
        })
    }

    /// Adds one leaf of checked length; tiles it completes go to `full`.
    pub(crate) fn push(&mut self, leaf: &[u8], full: &mut Vec<TileWrite>) {
        let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX);
        self.bundle.extend(length.to_be_bytes());
        self.bundle.extend(leaf);
        if self.size & 0xff == 0xff {
            full.push(TileWrite {
                path: entries_path(self.size >> 8, TILE_WIDTH),
                bytes: std::mem::take(&mut self.bundle),
            });
        }
        self.push_hash(leaf_hash(leaf), full);
    }

    fn push_hash(&mut self, leaf: Hash, full: &mut Vec<TileWrite>) {
        self.extend_edge(0, leaf, full);
        let mut hash = leaf;
        // The new leaf closes one perfect subtree for each trailing one bit of the old size.
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
            if height % 8 == 0 {
                self.extend_edge(height / 8, hash, full);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    fn extend_edge(&mut self, level: u32, hash: Hash, full: &mut Vec<TileWrite>) {
        let slot = usize::try_from(level).unwrap_or(usize::MAX);
        if self.edge.len() <= slot {
            self.edge.push(Vec::new());
        }
        let Some(tile) = self.edge.get_mut(slot) else {
            return;
        };
        tile.push(hash);
        if tile.len() == usize::from(TILE_WIDTH) {
            full.push(TileWrite {
                path: hash_tile_path(level, tile_index(self.size, level), TILE_WIDTH),
                bytes: concat(&std::mem::take(tile)),
            });
        }
    }

    /// The unfinished tiles at the present size, those that changed since `old_size` only.
    fn push_partials(&self, old_size: u64, writes: &mut Vec<TileWrite>) {
        if !self.bundle.is_empty() && self.size > old_size {
            writes.push(TileWrite {
                path: entries_path(self.size >> 8, narrow(self.size & 0xff)),
                bytes: self.bundle.clone(),
            });
        }
        for (level, tile) in (0..).zip(&self.edge) {
            let grown = count_at(self.size, level) > count_at(old_size, level);
            if grown && !tile.is_empty() {
                let width = narrow(count_at(self.size, level) & 0xff);
                writes.push(TileWrite {
                    path: hash_tile_path(level, tile_index(self.size, level), width),
                    bytes: concat(tile),
                });
            }
        }
    }

    /// The unfinished hash tile of a level; empty if there is none.
    pub(crate) fn edge_at(&self, level: u32) -> &[Hash] {
        let slot = usize::try_from(level).unwrap_or(usize::MAX);
        self.edge.get(slot).map(Vec::as_slice).unwrap_or_default()
    }

    fn resume_bundle(&mut self, reader: &dyn TileReader) -> Result<(), TreeError> {
        let width = narrow(self.size & 0xff);
        if width == 0 {
            return Ok(());
        }
        let entries = read_entries(reader, self.size >> 8, width)?;
        let first = self.size & !0xff;
        for (index, (entry, hash)) in (first..).zip(entries.iter().zip(self.edge_at(0).to_vec())) {
            if leaf_hash(entry) != hash {
                return Err(TreeError::EntryAltered { index });
            }
            let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
            self.bundle.extend(length.to_be_bytes());
            self.bundle.extend(entry);
        }
        Ok(())
    }
}

fn check_length(position: usize, leaf: &[u8]) -> Result<(), TreeError> {
    if leaf.len() > MAX_LEAF_BYTES {
        return Err(TreeError::LeafTooLarge {
            position,
            bytes: leaf.len(),
        });
    }
    Ok(())
}

fn read_edge(reader: &dyn TileReader, level: u32, size: u64) -> Result<Vec<Hash>, TileError> {
    match narrow(count_at(size, level) & 0xff) {
        0 => Ok(Vec::new()),
        width => read_hashes(reader, level, tile_index(size, level), width),
    }
}

/// Adds the roots of the perfect subtrees an unfinished tile consists of, largest first.
fn push_peaks(peaks: &mut Vec<Hash>, tile: &[Hash]) {
    let mut rest = tile;
    for bit in (0..8).rev() {
        let width = 1_usize << bit;
        if tile.len() & width != 0
            && let Some((head, tail)) = rest.split_at_checked(width)
        {
            peaks.push(perfect_root(head));
            rest = tail;
        }
    }
}

/// Root over a power-of-two number of sibling hashes.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    level.first().copied().unwrap_or_else(empty_root)
}

/// Complete hashes a tile level has in a tree of `size` leaves.
pub(crate) fn count_at(size: u64, level: u32) -> u64 {
    size.checked_shr(level.saturating_mul(8)).unwrap_or(0)
}

/// Index of the tile of a level that the leaf `index` falls into.
fn tile_index(index: u64, level: u32) -> u64 {
    count_at(index, level.saturating_add(1))
}

fn narrow(width: u64) -> u16 {
    u16::try_from(width).unwrap_or(TILE_WIDTH)
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
