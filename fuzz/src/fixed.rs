//! What targets know beforehand: keys of their own, with which they sign what a stranger could not, and a small log.

use std::collections::BTreeMap;
use std::io;
use std::sync::LazyLock;

use portcullis_ledger::{
    Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, TileReader, TileWrite, Tree,
};
use portcullis_model::Digest;
use portcullis_model::Timestamp;
use portcullis_model::id::TypedId;

/// The moment at which everything here happens.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// The name of the log.
pub(crate) const ORIGIN: &str = "log.example/portcullis";

/// How many leaves the log has, and how many it had when somebody kept its checkpoint.
pub(crate) const SIZES: [u64; 2] = [5, 11];

/// An identifier.
pub(crate) fn id<T: TypedId>(number: u8) -> T {
    T::from_parts(NOW, [number; 10])
}

/// Bytes that never repeat and are the same every time.
pub(crate) fn fill(seed: u64, block: &mut u64, out: &mut [u8]) {
    for chunk in out.chunks_mut(32) {
        *block = block.wrapping_add(1);
        let bytes = [seed.to_be_bytes(), block.to_be_bytes()].concat();
        for (slot, byte) in chunk.iter_mut().zip(Digest::of_bytes(&bytes).as_bytes()) {
            *slot = *byte;
        }
    }
}

/// What a fixed thing is made with cannot be refused: if it is, the target is of no use.
pub(crate) fn made<T, E: std::fmt::Debug>(outcome: Result<T, E>) -> T {
    #[expect(clippy::expect_used, reason = "without it no input can be judged")]
    outcome.expect("the target's own fixture is refused")
}

/// Stored tiles.
#[derive(Clone, Default)]
pub(crate) struct Tiles(pub(crate) BTreeMap<String, Vec<u8>>);

impl Tiles {
    fn store(&mut self, writes: Vec<TileWrite>) {
        for write in writes {
            self.0.insert(write.path, write.bytes);
        }
    }
}

impl TileReader for Tiles {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

/// The log at one of its sizes.
pub(crate) struct Log {
    pub(crate) tiles: Tiles,
    pub(crate) signed: SignedCheckpoint,
}

impl Log {
    fn grown(size: u64) -> Self {
        let leaves: Vec<_> = (0..size).map(leaf).collect();
        let growth = made(Tree::new().append(&leaves));
        let mut tiles = Tiles::default();
        tiles.store(growth.writes);
        let checkpoint = Checkpoint::new(ORIGIN, size, growth.tree.root());
        Self {
            tiles,
            signed: made(checkpoint.sign(&signer())),
        }
    }
}

/// The log when somebody kept its checkpoint, and as it is.
pub(crate) static LOGS: LazyLock<[Log; 2]> = LazyLock::new(|| SIZES.map(Log::grown));

/// A leaf of the log.
pub(crate) fn leaf(index: u64) -> Vec<u8> {
    format!("{{\"event\":{index}}}").into_bytes()
}

/// Who signs the log's checkpoints.
pub(crate) fn signer() -> NoteSigner {
    made(NoteSigner::from_seed(ORIGIN, &[7; 32]))
}

/// Who witnesses them.
pub(crate) fn witness() -> Cosigner {
    made(Cosigner::from_seed("witness.example", &[8; 32]))
}
