//! Checking inclusion and consistency proofs, without any log at hand.
//! RFC 6962, section 2.1; RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use crate::hash::{Hash, empty_root, node_hash};

/// Why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The proof is about a leaf that the tree does not have.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    OutOfRange {
        /// Index of the leaf.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// Hashes are missing.
    #[error("the proof is too short: it has {found} hashes, {expected} are needed")]
    TooShort {
        /// Hashes the tree's shape asks for.
        expected: usize,
        /// Hashes given.
        found: usize,
    },
    /// There are hashes nobody asked for.
    #[error("the proof is too long: it has {found} hashes, {expected} are needed")]
    TooLong {
        /// Hashes the tree's shape asks for.
        expected: usize,
        /// Hashes given.
        found: usize,
    },
    /// The hashes lead elsewhere.
    #[error("the proof leads to root {found}, the checkpoint says {expected}")]
    RootMismatch {
        /// Root that was to be proved.
        expected: Hash,
        /// Root the proof leads to.
        found: Hash,
    },
    /// A smaller tree was to be shown to grow out of a larger one.
    #[error("a log of {new} entries cannot have grown out of one of {old}: it went backwards")]
    Backwards {
        /// Size of the earlier tree.
        old: u64,
        /// Size of the later tree.
        new: u64,
    },
}

/// Checks that a leaf is at `index` of the tree with this `size` and `root`.
///
/// `path` runs from the leaf's sibling up to the root's child.
///
/// # Errors
/// [`ProofError`], saying what does not fit.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    let found = root_from_inclusion(index, size, leaf, path)?;
    expect_root(root, found)
}

/// The root an inclusion proof leads to, for callers that compare it themselves.
///
/// # Errors
/// [`ProofError`] when the index or the proof's length does not fit the tree's shape.
pub fn root_from_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    path: &[Hash],
) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    let (inner, border) = shape(index, size);
    expect_length(inner.saturating_add(border), path.len())?;
    let (inside, outside) = path.split_at_checked(inner).unwrap_or((path, &[]));
    Ok(climb_border(climb_inner(*leaf, inside, index), outside))
}

/// Checks that the tree of `new_size` leaves begins with the tree of `old_size` leaves.
///
/// # Errors
/// [`ProofError`], saying what does not fit. `RootMismatch` names the old root if the proof does not
/// contain the old tree, and the new root otherwise.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Backwards {
            old: old_size,
            new: new_size,
        });
    }
    if old_size == new_size || old_size == 0 {
        return verify_trivial(old_size, old_root, new_size, new_root, path);
    }
    let (inner, border) = shape(old_size.saturating_sub(1), new_size);
    // Whole subtrees at the right edge of the old tree are named by one hash: the seed. A
    // perfect old tree is its own seed, so that the proof leaves it out.
    let shift = old_size.trailing_zeros();
    let inner = inner.saturating_sub(usize::try_from(shift).unwrap_or(0));
    let perfect = old_size.is_power_of_two();
    let expected = inner
        .saturating_add(border)
        .saturating_add(usize::from(!perfect));
    expect_length(expected, path.len())?;
    let (seed, rest) = match path.split_first() {
        Some((first, rest)) if !perfect => (*first, rest),
        _ => (*old_root, path),
    };
    let mask = old_size.saturating_sub(1).checked_shr(shift).unwrap_or(0);
    let (inside, outside) = rest.split_at_checked(inner).unwrap_or((rest, &[]));
    let old = climb_border(climb_inner_left(seed, inside, mask), outside);
    expect_root(old_root, old)?;
    let new = climb_border(climb_inner(seed, inside, mask), outside);
    expect_root(new_root, new)
}

/// Equal sizes and the empty tree need no hashes at all.
fn verify_trivial(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    expect_length(0, path.len())?;
    if old_size == 0 {
        expect_root(&empty_root(), *old_root)?;
    }
    if old_size == new_size {
        expect_root(old_root, *new_root)?;
    }
    Ok(())
}

/// How many hashes of a path lie inside the last perfect subtree both ends share, and above it.
fn shape(index: u64, size: u64) -> (usize, usize) {
    let last = size.saturating_sub(1);
    let inner = u64::BITS.saturating_sub((index ^ last).leading_zeros());
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    let count = |bits: u32| usize::try_from(bits).unwrap_or(usize::MAX);
    (count(inner), count(border))
}

fn climb_inner(seed: Hash, path: &[Hash], index: u64) -> Hash {
    (0..).zip(path).fold(seed, |hash, (level, sibling)| {
        if is_right(index, level) {
            node_hash(sibling, &hash)
        } else {
            node_hash(&hash, sibling)
        }
    })
}

/// As [`climb_inner`], leaving out siblings to the right: they are not in the old tree.
fn climb_inner_left(seed: Hash, path: &[Hash], index: u64) -> Hash {
    (0..).zip(path).fold(seed, |hash, (level, sibling)| {
        if is_right(index, level) {
            node_hash(sibling, &hash)
        } else {
            hash
        }
    })
}

fn climb_border(seed: Hash, path: &[Hash]) -> Hash {
    path.iter()
        .fold(seed, |hash, sibling| node_hash(sibling, &hash))
}

fn is_right(index: u64, level: u32) -> bool {
    index.checked_shr(level).unwrap_or(0) & 1 == 1
}

fn expect_length(expected: usize, found: usize) -> Result<(), ProofError> {
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(ProofError::TooShort { expected, found }),
        std::cmp::Ordering::Greater => Err(ProofError::TooLong { expected, found }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

fn expect_root(expected: &Hash, found: Hash) -> Result<(), ProofError> {
    if found == *expected {
        return Ok(());
    }
    Err(ProofError::RootMismatch {
        expected: *expected,
        found,
    })
}
