//! A log in memory: the tiles, the tree and the key that signs it.

use std::{collections::BTreeMap, io};

use portcullis_ledger::{
    Checkpoint, EvidenceFile, NoteSigner, SignedCheckpoint, TileReader, TileWrite, Tree,
};

pub const ORIGIN: &str = "log.example/portcullis";

#[derive(Clone, Default)]
pub struct Tiles(pub BTreeMap<String, Vec<u8>>);

impl Tiles {
    pub fn store(&mut self, writes: Vec<TileWrite>) {
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

#[derive(Clone, Default)]
pub struct Log {
    pub tiles: Tiles,
    pub tree: Tree,
}

impl Log {
    /// A log of `size` distinct leaves, appended in batches of the given length.
    pub fn grown(size: u64, batch: usize) -> Self {
        let leaves: Vec<Vec<u8>> = (0..size).map(leaf).collect();
        let mut log = Self::default();
        for part in leaves.chunks(batch) {
            log.append(part);
        }
        log
    }

    pub fn append(&mut self, leaves: &[Vec<u8>]) {
        let growth = self.tree.append(leaves).unwrap();
        self.tiles.store(growth.writes);
        self.tree = growth.tree;
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(ORIGIN, self.tree.size(), self.tree.root())
    }

    pub fn signed(&self) -> SignedCheckpoint {
        self.checkpoint().sign(&signer()).unwrap()
    }

    pub fn evidence(&self, indexes: &[u64]) -> String {
        EvidenceFile::gather(&self.tiles, &self.signed(), &signer(), indexes)
            .unwrap()
            .to_string()
    }
}

pub fn leaf(index: u64) -> Vec<u8> {
    format!("{{\"event\":{index}}}").into_bytes()
}

pub fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[7; 32]).unwrap()
}
