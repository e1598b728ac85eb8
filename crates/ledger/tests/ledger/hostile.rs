//! Hostile input: no parser panics, whatever it is given, and what it accepts it prints back.

use portcullis_ledger::{
    Checkpoint, EvidenceFile, GrowthProof, Hash, Note, NoteVerifier, TlogProof, Tree, Trust,
    audit_log, prove_consistency, prove_inclusion, read_leaf, verify_consistency, verify_evidence,
    verify_inclusion,
};
use proptest::prelude::*;

use crate::memory::{Log, Tiles, signer};

fn feed(bytes: &[u8]) {
    let keys = [signer().verifier().clone()];
    let trust = Trust {
        keys: &keys,
        earlier: None,
        growth: None,
    };
    assert!(verify_evidence(bytes, &trust).is_err());
    if let Ok(file) = EvidenceFile::parse(bytes) {
        assert_eq!(file.to_string().as_bytes(), bytes);
    }
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes);
    }
    if let Ok(proof) = GrowthProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(Checkpoint::parse(text));
        drop(NoteVerifier::parse(text));
    }
}

fn hashes() -> impl Strategy<Value = Vec<Hash>> {
    proptest::collection::vec(any::<[u8; 32]>().prop_map(Hash::from_bytes), 0..70)
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        feed(&bytes);
    }

    #[test]
    fn shuffled_lines_of_a_real_file_never_panic(
        picks in proptest::collection::vec((0_usize..40, 0_usize..60), 0..40),
    ) {
        let text = Log::grown(21, 21).evidence(&[3, 17]);
        let lines: Vec<&str> = text.split('\n').collect();
        let mut mixed: Vec<&str> = picks.iter().map(|(at, _)| lines[at % lines.len()]).collect();
        mixed.insert(0, lines[0]);
        mixed.push("end\n");
        feed(mixed.join("\n").as_bytes());
    }

    #[test]
    fn arbitrary_proofs_never_panic_and_never_verify(
        index: u64, old: u64, size: u64, leaf: [u8; 32], root: [u8; 32], path in hashes(),
    ) {
        let (leaf, root) = (Hash::from_bytes(leaf), Hash::from_bytes(root));
        prop_assert!(verify_inclusion(index, size, &leaf, &path, &root).is_err());
        prop_assert!(verify_consistency(old, &leaf, size, &root, &path).is_err());
    }

    #[test]
    fn arbitrary_tiles_never_panic(
        size in prop_oneof![0_u64..2000, any::<u64>()],
        index: u64,
        tile in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut log = Log::grown(600, 600);
        for (at, bytes) in log.tiles.0.values_mut().enumerate() {
            if at % 2 == 0 {
                bytes.clone_from(&tile);
            }
        }
        let checkpoint = Checkpoint::new("log", size, Hash::from_bytes([3; 32]));
        let tiles: &Tiles = &log.tiles;
        prop_assert!(Tree::resume(tiles, &checkpoint).is_err());
        prop_assert!(audit_log(tiles, &checkpoint, &[]).is_err());
        drop(prove_inclusion(tiles, size, index));
        drop(prove_consistency(tiles, index, size));
        drop(read_leaf(tiles, size, index));
    }
}
