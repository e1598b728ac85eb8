//! Making inclusion and consistency proofs from stored tiles.
//! RFC 6962, sections 2.1.1 (PATH) and 2.1.2 (PROOF).

use std::collections::HashMap;

use crate::hash::{Hash, node_hash};
use crate::tile::{TileError, TileReader, read_hashes, width_at};
use crate::tree::{count_at, perfect_root};

/// Makes proofs in one tree of a fixed size; each tile is read once.
pub struct Prover<'a> {
    reader: &'a dyn TileReader,
    size: u64,
    tiles: HashMap<(u32, u64), Vec<Hash>>,
}

/// Hashes that lead from leaf `index` to the root at `size`, sibling first.
///
/// # Errors
/// [`TileError`] when the index is outside the tree or a tile is missing or malformed.
pub fn prove_inclusion(
    reader: &dyn TileReader,
    size: u64,
    index: u64,
) -> Result<Vec<Hash>, TileError> {
    Prover::new(reader, size).inclusion(index)
}

/// Hashes that show that the tree at `new_size` begins with the tree at `old_size`.
///
/// # Errors
/// [`TileError`] when `old_size` is the larger or a tile is missing or malformed.
pub fn prove_consistency(
    reader: &dyn TileReader,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, TileError> {
    Prover::new(reader, new_size).consistency(old_size)
}

impl<'a> Prover<'a> {
    /// A prover in the tree of the first `size` leaves, which the stored log must have.
    pub fn new(reader: &'a dyn TileReader, size: u64) -> Self {
        Self {
            reader,
            size,
            tiles: HashMap::new(),
        }
    }

    /// The inclusion proof of one leaf; see [`prove_inclusion`].
    ///
    /// # Errors
    /// [`TileError`] when the index is outside the tree or a tile is missing or malformed.
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, TileError> {
        if index >= self.size {
            return Err(self.out_of_range(index));
        }
        let mut path = Vec::new();
        let (mut low, mut high) = (0, self.size);
        while high.saturating_sub(low) > 1 {
            let middle = split_point(low, high);
            if index < middle {
                path.push(self.subtree(middle, high)?);
                high = middle;
            } else {
                path.push(self.subtree(low, middle)?);
                low = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// The proof that this tree begins with the one at `old_size`; see [`prove_consistency`].
    ///
    /// # Errors
    /// [`TileError`] when `old_size` is the larger or a tile is missing or malformed.
    pub fn consistency(&mut self, old_size: u64) -> Result<Vec<Hash>, TileError> {
        if old_size > self.size {
            return Err(self.out_of_range(old_size));
        }
        if old_size == 0 {
            return Ok(Vec::new());
        }
        let mut path = Vec::new();
        let (mut low, mut high) = (0, self.size);
        while high != old_size {
            let middle = split_point(low, high);
            if old_size <= middle {
                path.push(self.subtree(middle, high)?);
                high = middle;
            } else {
                path.push(self.subtree(low, middle)?);
                low = middle;
            }
        }
        // The verifier knows the old root; any smaller subtree it has to be told.
        if low != 0 {
            path.push(self.subtree(low, high)?);
        }
        path.reverse();
        Ok(path)
    }

    /// Merkle tree hash of leaves `low..high`, where `low` is aligned as RFC 6962 splits are.
    fn subtree(&mut self, low: u64, high: u64) -> Result<Hash, TileError> {
        let width = high.saturating_sub(low);
        if width.is_power_of_two() {
            return self.perfect(width.trailing_zeros(), low);
        }
        let middle = split_point(low, high);
        let left = self.subtree(low, middle)?;
        let right = self.subtree(middle, high)?;
        Ok(node_hash(&left, &right))
    }

    /// Root of the perfect subtree of `height` that begins at leaf `low`.
    fn perfect(&mut self, height: u32, low: u64) -> Result<Hash, TileError> {
        let level = height / 8;
        let start = count_at(low, level);
        let wanted = 1_usize << (height % 8);
        let skip = usize::try_from(start & 0xff).unwrap_or(0);
        let hashes = self.tile(level, start >> 8)?;
        match hashes.get(skip..skip.saturating_add(wanted)) {
            Some(part) => Ok(perfect_root(part)),
            None => Err(self.out_of_range(low)),
        }
    }

    fn tile(&mut self, level: u32, index: u64) -> Result<&[Hash], TileError> {
        use std::collections::hash_map::Entry;
        match self.tiles.entry((level, index)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let width = width_at(count_at(self.size, level), index);
                let hashes = read_hashes(self.reader, level, index, width)?;
                Ok(entry.insert(hashes))
            }
        }
    }

    fn out_of_range(&self, index: u64) -> TileError {
        TileError::OutOfRange {
            index,
            size: self.size,
        }
    }
}

/// Where RFC 6962 splits `low..high` (at least two leaves): after the largest power of two leaves
/// that leaves something on the right.
fn split_point(low: u64, high: u64) -> u64 {
    let width = high.saturating_sub(low);
    let left = 1_u64 << width.saturating_sub(1).checked_ilog2().unwrap_or(0);
    low.saturating_add(left)
}
