//! Tiles: stored hashes and entry bundles, one of which is not what it was.

use portcullis_ledger::{
    Tree, audit_log, entries_path, hash_tile_path, leaf_hash, prove_consistency, prove_inclusion,
    read_bundle, read_leaf, verify_inclusion,
};

use crate::fixed::{LOGS, Tiles, leaf};

const SIZE: u64 = 11;

pub(crate) fn check(bytes: &[u8]) {
    with(entries_path(0, 11), bytes);
    with(hash_tile_path(0, 0, 11), bytes);
}

/// The log with this under one of its paths.
fn with(path: String, bytes: &[u8]) {
    let [_, log] = &*LOGS;
    let original = log.tiles.0.get(&path).is_some_and(|known| known == bytes);
    let mut tiles = Tiles(log.tiles.0.clone());
    tiles.0.insert(path, bytes.to_vec());
    let checkpoint = log.signed.checkpoint();
    let audited = audit_log(&tiles, checkpoint, &[]).is_ok();
    assert_eq!(
        audited, original,
        "an audit passes what was altered, or refuses what was not"
    );
    assert_eq!(
        Tree::resume(&tiles, checkpoint).is_ok(),
        original,
        "a log goes on from altered tiles"
    );
    for index in 0..SIZE {
        let proof = prove_inclusion(&tiles, SIZE, index);
        let stored = read_leaf(&tiles, SIZE, index);
        if let (Ok(path), Ok(stored)) = (proof, stored) {
            let holds =
                verify_inclusion(index, SIZE, &leaf_hash(&stored), &path, checkpoint.root());
            assert!(
                holds.is_err() || stored == leaf(index),
                "an altered leaf is proved"
            );
        }
    }
    drop(prove_consistency(&tiles, 5, SIZE));
    if let Ok(entries) = read_bundle(&tiles, SIZE, 0) {
        assert_eq!(entries.len(), 11, "a bundle has the entries of its width");
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let [_, log] = &*LOGS;
    let stored = |path: String| log.tiles.0[&path].clone();
    vec![
        ("entries", stored(entries_path(0, 11))),
        ("hashes", stored(hash_tile_path(0, 0, 11))),
    ]
}
