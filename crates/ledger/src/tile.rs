//! Names and contents of C2SP tiles: hash tiles of height 8 and entry bundles.
//! <https://c2sp.org/tlog-tiles>

use std::io;

use crate::hash::{HASH_BYTES, Hash};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Largest leaf an entry bundle can hold: its length prefix has 16 bits.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// Where stored tiles come from: a folder, a table, a map in a test.
pub trait TileReader {
    /// The bytes stored under `path` (such as `tile/0/x001/234.p/17`), or `None` if there are none.
    ///
    /// # Errors
    /// The store could not be read; whether the tile exists is not known.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
}

/// One file of the log to store: written before the checkpoint that needs it is published.
///
/// A path never gets different bytes. Once a full tile is stored, the partial tiles beside it
/// (`PATH.p/…`) may be deleted; readers fall back to the full one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileWrite {
    /// Relative path in C2SP layout.
    pub path: String,
    /// Complete contents.
    pub bytes: Vec<u8>,
}

/// A stored tile is missing or is not what its name promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// The store failed.
    #[error("cannot read {path}: {reason}; the log's state is unknown until it can be read")]
    Unreadable {
        /// Path asked for.
        path: String,
        /// What the store said.
        reason: String,
    },
    /// A tile the tree's size requires is absent.
    #[error("{path} is missing: the log folder is incomplete; restore it from a copy")]
    Missing {
        /// Path asked for.
        path: String,
    },
    /// A hash tile has the wrong number of bytes.
    #[error("{path} holds {found} bytes, {expected} expected: the tile is truncated or altered")]
    Length {
        /// Path read.
        path: String,
        /// Bytes the tile's width requires.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// An entry bundle does not split into its entries.
    #[error("{path} does not hold {expected} whole entries ({found} found): truncated or altered")]
    Bundle {
        /// Path read.
        path: String,
        /// Entries the bundle's width requires.
        expected: usize,
        /// Whole entries found.
        found: usize,
    },
    /// An index beyond the end was asked for.
    #[error("index {index} is outside a log of {size} entries")]
    OutOfRange {
        /// Index or size asked for.
        index: u64,
        /// Size of the log.
        size: u64,
    },
}

/// Path of a hash tile; `width` of [`TILE_WIDTH`] names the full tile, less a partial one.
pub fn hash_tile_path(level: u32, index: u64, width: u16) -> String {
    format!("tile/{level}/{}", index_path(index, width))
}

/// Path of an entry bundle; `width` as in [`hash_tile_path`].
pub fn entries_path(index: u64, width: u16) -> String {
    format!("tile/entries/{}", index_path(index, width))
}

/// Reads one leaf of a log of `size` entries out of its entry bundle.
///
/// # Errors
/// [`TileError`] when the index is outside the log or the bundle is missing or malformed. The
/// leaf's hash is not checked here.
pub fn read_leaf(reader: &dyn TileReader, size: u64, index: u64) -> Result<Vec<u8>, TileError> {
    let entries = read_bundle(reader, size, index)?;
    let offset = usize::try_from(index & 0xff).unwrap_or(0);
    entries
        .into_iter()
        .nth(offset)
        .ok_or(TileError::OutOfRange { index, size })
}

/// Reads the entry bundle that holds leaf `index` of a log of `size` entries.
///
/// # Errors
/// As [`read_leaf`].
pub fn read_bundle(
    reader: &dyn TileReader,
    size: u64,
    index: u64,
) -> Result<Vec<Vec<u8>>, TileError> {
    if index >= size {
        return Err(TileError::OutOfRange { index, size });
    }
    let bundle = index >> 8;
    read_entries(reader, bundle, width_at(size, bundle))
}

/// Width of tile `index` of a level that has `count` hashes in all.
pub(crate) fn width_at(count: u64, index: u64) -> u16 {
    let before = index.saturating_mul(u64::from(TILE_WIDTH));
    u16::try_from(count.saturating_sub(before))
        .unwrap_or(TILE_WIDTH)
        .min(TILE_WIDTH)
}

/// Reads and splits a hash tile, taking the start of the full tile when the partial one is gone.
pub(crate) fn read_hashes(
    reader: &dyn TileReader,
    level: u32,
    index: u64,
    width: u16,
) -> Result<Vec<Hash>, TileError> {
    let path = hash_tile_path(level, index, width);
    let wanted = usize::from(width).saturating_mul(HASH_BYTES);
    if let Some(bytes) = load(reader, &path)? {
        return split_hashes(&path, &bytes, wanted);
    }
    let full = hash_tile_path(level, index, TILE_WIDTH);
    let bytes = load(reader, &full)?.ok_or(TileError::Missing { path })?;
    let whole = usize::from(TILE_WIDTH).saturating_mul(HASH_BYTES);
    let mut hashes = split_hashes(&full, &bytes, whole)?;
    hashes.truncate(usize::from(width));
    Ok(hashes)
}

/// Reads and splits an entry bundle, with the same fallback as [`read_hashes`].
pub(crate) fn read_entries(
    reader: &dyn TileReader,
    index: u64,
    width: u16,
) -> Result<Vec<Vec<u8>>, TileError> {
    let (entries, fault) = read_readable_entries(reader, index, width)?;
    fault.map_or(Ok(entries), Err)
}

/// As [`read_entries`], but hands out the whole entries of a bundle that has the wrong number of
/// them, with the fault beside: an audit can then say which one is gone.
pub(crate) fn read_readable_entries(
    reader: &dyn TileReader,
    index: u64,
    width: u16,
) -> Result<(Vec<Vec<u8>>, Option<TileError>), TileError> {
    let path = entries_path(index, width);
    if let Some(bytes) = load(reader, &path)? {
        return Ok(split_entries(&path, &bytes, usize::from(width)));
    }
    let full = entries_path(index, TILE_WIDTH);
    let bytes = load(reader, &full)?.ok_or(TileError::Missing { path })?;
    let (mut entries, fault) = split_entries(&full, &bytes, usize::from(TILE_WIDTH));
    entries.truncate(usize::from(width));
    Ok((entries, fault))
}

fn load(reader: &dyn TileReader, path: &str) -> Result<Option<Vec<u8>>, TileError> {
    reader.read(path).map_err(|error| TileError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn split_hashes(path: &str, bytes: &[u8], wanted: usize) -> Result<Vec<Hash>, TileError> {
    let (chunks, _) = bytes.as_chunks::<HASH_BYTES>();
    if bytes.len() == wanted {
        return Ok(chunks.iter().copied().map(Hash::from_bytes).collect());
    }
    Err(TileError::Length {
        path: path.to_owned(),
        expected: wanted,
        found: bytes.len(),
    })
}

fn split_entries(path: &str, bytes: &[u8], wanted: usize) -> (Vec<Vec<u8>>, Option<TileError>) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((entry, tail)) = take_entry(rest) {
        entries.push(entry.to_vec());
        rest = tail;
    }
    let whole = rest.is_empty() && entries.len() == wanted;
    let fault = (!whole).then(|| TileError::Bundle {
        path: path.to_owned(),
        expected: wanted,
        found: entries.len(),
    });
    (entries, fault)
}

fn take_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// `1234067` becomes `x001/x234/067`, with `.p/W` behind it for a partial tile.
fn index_path(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH {
        path = format!("{path}.p/{width}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{TILE_WIDTH, entries_path, hash_tile_path, width_at};

    #[test]
    fn paths_follow_the_examples_of_the_specification() {
        assert_eq!(hash_tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(hash_tile_path(2, 0, 1), "tile/2/000.p/1");
        assert_eq!(entries_path(273, 112), "tile/entries/273.p/112");
        assert_eq!(entries_path(1000, 256), "tile/entries/x001/000");
    }

    #[test]
    fn widths_follow_the_example_of_seventy_thousand_entries() {
        assert_eq!(width_at(70_000, 272), TILE_WIDTH);
        assert_eq!(width_at(70_000, 273), 112);
        assert_eq!(width_at(70_000 >> 8, 1), 17);
        assert_eq!(width_at(70_000 >> 16, 0), 1);
        assert_eq!(width_at(u64::MAX, 0), TILE_WIDTH);
        assert_eq!(width_at(5, u64::MAX), 0);
    }
}
