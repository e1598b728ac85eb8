//! Published vectors: the tree of the Certificate Transparency test suite and Go's note example.

use portcullis_ledger::{
    Hash, Note, NoteError, NoteVerifier, Tree, empty_root, leaf_hash, node_hash,
    verify_consistency, verify_inclusion,
};

use crate::memory::Log;

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn hash(text: &str) -> Hash {
    Hash::from_bytes(hex(text).try_into().unwrap())
}

fn leaves() -> Vec<Vec<u8>> {
    LEAVES.iter().map(|text| hex(text)).collect()
}

#[test]
fn the_empty_tree_has_the_hash_of_nothing() {
    let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(format!("{:x}", empty_root()), expected);
    assert_eq!(Tree::new().root(), empty_root());
}

#[test]
fn roots_of_growing_trees_are_the_published_ones() {
    let mut log = Log::default();
    for (leaf, root) in leaves().into_iter().zip(ROOTS) {
        log.append(&[leaf]);
        assert_eq!(format!("{:x}", log.tree.root()), root);
    }
}

#[test]
fn the_published_inclusion_proof_verifies_and_fails_for_its_neighbour() {
    let path = [
        hash("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
        hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
        hash("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ];
    let leaf = leaf_hash(&leaves()[5]);
    let root = hash(ROOTS[7]);
    assert_eq!(verify_inclusion(5, 8, &leaf, &path, &root), Ok(()));
    assert!(verify_inclusion(4, 8, &leaf, &path, &root).is_err());
}

#[test]
fn the_published_consistency_proof_from_six_to_eight_verifies_and_from_five_fails() {
    let path = [
        hash("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
        hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
        hash("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ];
    let (six, eight) = (hash(ROOTS[5]), hash(ROOTS[7]));
    assert_eq!(verify_consistency(6, &six, 8, &eight, &path), Ok(()));
    assert!(verify_consistency(5, &hash(ROOTS[4]), 8, &eight, &path).is_err());
}

#[test]
fn a_node_is_not_a_leaf_of_the_same_bytes() {
    let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let joined = [left.as_bytes().as_slice(), right.as_bytes()].concat();
    assert_ne!(node_hash(&left, &right), leaf_hash(&joined));
}

#[test]
fn the_note_of_the_go_documentation_verifies_and_a_changed_one_does_not() {
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let note = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let keys = [NoteVerifier::parse(vkey).unwrap()];
    assert_eq!(keys[0].to_string(), vkey);
    let signers = Note::parse(note.as_bytes()).unwrap().verify(&keys).unwrap();
    assert_eq!(signers.verified, [vkey]);
    let changed = note.replace("answer", "solution");
    assert_eq!(
        Note::parse(changed.as_bytes()).unwrap().verify(&keys),
        Err(NoteError::BadSignature {
            name: "PeterNeumann".to_owned()
        })
    );
}
