//! Appending, resuming and proving, as properties over sizes.

use portcullis_ledger::{
    Hash, ProofError, Prover, Tree, TreeError, empty_root, leaf_hash, node_hash, prove_consistency,
    prove_inclusion, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::memory::{Log, leaf};

/// RFC 6962's own definition, written the slow way.
fn reference_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [only] => *only,
        many => {
            let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
            node_hash(&reference_root(left), &reference_root(right))
        }
    }
}

fn root_at(size: u64) -> Hash {
    let leaves: Vec<Hash> = (0..size).map(|index| leaf_hash(&leaf(index))).collect();
    reference_root(&leaves)
}

#[test]
fn every_root_is_the_one_the_definition_gives() {
    let mut log = Log::default();
    for size in 0..600 {
        assert_eq!(log.tree.root(), root_at(size), "size {size}");
        log.append(&[leaf(size)]);
    }
}

#[test]
fn every_leaf_of_every_small_tree_has_a_proof_that_verifies() {
    for size in 1..80 {
        let log = Log::grown(size, 80);
        for index in 0..size {
            let path = prove_inclusion(&log.tiles, size, index).unwrap();
            let hash = leaf_hash(&leaf(index));
            assert_eq!(
                verify_inclusion(index, size, &hash, &path, &log.tree.root()),
                Ok(())
            );
        }
    }
}

#[test]
fn every_pair_of_small_trees_has_a_consistency_proof_that_verifies() {
    let log = Log::grown(70, 1);
    for new in 0..=70 {
        for old in 0..=new {
            let path = prove_consistency(&log.tiles, old, new).unwrap();
            let verdict = verify_consistency(old, &root_at(old), new, &root_at(new), &path);
            assert_eq!(verdict, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn proofs_of_the_wrong_length_say_so() {
    let log = Log::grown(9, 9);
    let root = log.tree.root();
    let hash = leaf_hash(&leaf(3));
    let mut path = prove_inclusion(&log.tiles, 9, 3).unwrap();
    path.push(root);
    let expected = path.len() - 1;
    assert_eq!(
        verify_inclusion(3, 9, &hash, &path, &root),
        Err(ProofError::TooLong {
            expected,
            found: expected + 1
        })
    );
    path.truncate(expected - 1);
    assert_eq!(
        verify_inclusion(3, 9, &hash, &path, &root),
        Err(ProofError::TooShort {
            expected,
            found: expected - 1
        })
    );
    assert_eq!(
        verify_inclusion(9, 9, &hash, &path, &root),
        Err(ProofError::OutOfRange { index: 9, size: 9 })
    );
    assert_eq!(
        verify_consistency(9, &root, 8, &root, &[]),
        Err(ProofError::Backwards { old: 9, new: 8 })
    );
}

#[test]
fn a_log_of_seventy_thousand_has_the_tiles_of_the_specifications_example() {
    let log = Log::grown(70_000, 70_000);
    let hash_tiles = log.tiles.0.keys().filter(|path| !path.contains("entries"));
    assert_eq!(hash_tiles.count(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(log.tiles.0["tile/0/273.p/112"].len(), 112 * 32);
    assert_eq!(log.tiles.0["tile/1/000"].len(), 256 * 32);
    assert_eq!(log.tiles.0["tile/1/001.p/17"].len(), 17 * 32);
    assert_eq!(log.tiles.0["tile/2/000.p/1"].len(), 32);
    assert!(log.tiles.0.contains_key("tile/entries/273.p/112"));
}

#[test]
fn a_leaf_too_long_for_its_length_prefix_is_refused_and_nothing_is_appended() {
    let fits = vec![0; 65_535];
    assert!(Tree::new().append(std::slice::from_ref(&fits)).is_ok());
    assert_eq!(
        Tree::new().append(&[fits, vec![0; 65_536]]),
        Err(TreeError::LeafTooLarge {
            position: 1,
            bytes: 65_536
        })
    );
}

#[test]
fn resuming_under_another_root_or_over_an_altered_entry_is_refused() {
    let mut log = Log::grown(300, 300);
    assert_eq!(
        Tree::resume(&log.tiles, &log.checkpoint()).unwrap(),
        log.tree
    );
    let other = Log::grown(301, 301);
    let wrong = portcullis_ledger::Checkpoint::new("log", 300, other.tree.root());
    assert!(matches!(
        Tree::resume(&log.tiles, &wrong),
        Err(TreeError::RootMismatch { size: 300, .. })
    ));
    let bundle = log.tiles.0.get_mut("tile/entries/001.p/44").unwrap();
    bundle[5] ^= 1;
    assert_eq!(
        Tree::resume(&log.tiles, &log.checkpoint()),
        Err(TreeError::EntryAltered { index: 256 })
    );
}

#[test]
fn proofs_survive_the_removal_of_partial_tiles_that_a_full_one_replaced() {
    let mut log = Log::grown(100, 100);
    let old_root = log.tree.root();
    log.append(&(100..600).map(leaf).collect::<Vec<_>>());
    assert!(log.tiles.0.remove("tile/0/000.p/100").is_some());
    assert!(log.tiles.0.remove("tile/entries/000.p/100").is_some());
    let path = prove_inclusion(&log.tiles, 100, 99).unwrap();
    let hash = leaf_hash(&leaf(99));
    assert_eq!(verify_inclusion(99, 100, &hash, &path, &old_root), Ok(()));
    let old = portcullis_ledger::Checkpoint::new("log", 100, old_root);
    assert_eq!(Tree::resume(&log.tiles, &old).unwrap().root(), old_root);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn batches_do_not_matter(size in 1_u64..1500, batch in 1_usize..700) {
        let (one, many) = (Log::grown(size, 1500), Log::grown(size, batch));
        prop_assert_eq!(&one.tree, &many.tree);
        for (path, bytes) in &one.tiles.0 {
            prop_assert_eq!(many.tiles.0.get(path), Some(bytes), "{}", path);
        }
    }

    #[test]
    fn a_resumed_log_grows_like_one_never_stopped(stop in 0_u64..1200, more in 0_u64..600) {
        let mut log = Log::grown(stop, 1200);
        log.tree = Tree::resume(&log.tiles, &log.checkpoint()).unwrap();
        log.append(&(stop..stop + more).map(leaf).collect::<Vec<_>>());
        let straight = Log::grown(stop + more, 1800);
        prop_assert_eq!(&log.tree, &straight.tree);
        for (path, bytes) in &straight.tiles.0 {
            prop_assert_eq!(log.tiles.0.get(path), Some(bytes));
        }
    }
}

#[test]
fn in_a_log_of_three_levels_proofs_verify_and_any_flipped_bit_does_not() {
    let log = Log::grown(66_000, 66_000);
    let root = log.tree.root();
    let mut prover = Prover::new(&log.tiles, 66_000);
    for index in [0, 255, 256, 65_535, 65_536, 65_999] {
        let path = prover.inclusion(index).unwrap();
        let hash = leaf_hash(&leaf(index));
        assert_eq!(verify_inclusion(index, 66_000, &hash, &path, &root), Ok(()));
        flips(&path, |bad| {
            assert!(verify_inclusion(index, 66_000, &hash, bad, &root).is_err());
        });
    }
    for old in [1, 255, 256, 257, 4096, 65_536, 65_537, 65_999] {
        let path = prover.consistency(old).unwrap();
        let old_root = Log::grown(old, 70_000).tree.root();
        assert_eq!(
            verify_consistency(old, &old_root, 66_000, &root, &path),
            Ok(())
        );
        flips(&path, |bad| {
            assert!(verify_consistency(old, &old_root, 66_000, &root, bad).is_err());
        });
    }
}

/// Calls back with each path that has one bit of one hash flipped.
fn flips(path: &[Hash], mut check: impl FnMut(&[Hash])) {
    for at in 0..path.len() {
        for bit in 0..256 {
            let mut bytes = *path[at].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut bad = path.to_vec();
            bad[at] = Hash::from_bytes(bytes);
            check(&bad);
        }
    }
}
