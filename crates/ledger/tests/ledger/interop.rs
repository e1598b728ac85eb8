//! Our tiles, proofs, checkpoints and signatures, read by the published implementations.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_ledger::{
    Checkpoint, NoteVerifier, TileReader as _, hash_tile_path, leaf_hash, prove_consistency,
    prove_inclusion,
};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{
    Hash, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    tree_hash,
};

use crate::memory::{Log, ORIGIN, Tiles, leaf, signer};

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let path = |tile: &Tile| {
            hash_tile_path(
                u32::from(tile.level()),
                tile.level_index(),
                u16::try_from(tile.width()).unwrap(),
            )
        };
        let load = |tile| self.read(&path(tile)).unwrap();
        tiles
            .iter()
            .map(|tile| load(tile).ok_or(tlog_tiles::Error::InvalidTile))
            .collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn foreign(hash: &portcullis_ledger::Hash) -> Hash {
    Hash(*hash.as_bytes())
}

fn foreign_path(path: &[portcullis_ledger::Hash]) -> Vec<Hash> {
    path.iter().map(foreign).collect()
}

#[test]
fn tlog_tiles_reads_our_tiles_and_makes_the_same_proofs() {
    for size in [1, 2, 255, 256, 257, 1000, 66_000] {
        let log = Log::grown(size, 66_000);
        let root = foreign(&log.tree.root());
        // The foreign reader authenticates each tile against the root before using it.
        let reader = TileHashReader::new(size, root, &log.tiles);
        assert_eq!(tree_hash(size, &reader).unwrap(), root);
        for index in [0, size / 2, size - 1] {
            let ours = foreign_path(&prove_inclusion(&log.tiles, size, index).unwrap());
            assert_eq!(ours, prove_record(size, index, &reader).unwrap());
            let hash = foreign(&leaf_hash(&leaf(index)));
            check_record(&ours, size, root, index, hash).unwrap();
        }
        for old in [1, size.div_ceil(2), size] {
            let ours = foreign_path(&prove_consistency(&log.tiles, old, size).unwrap());
            assert_eq!(ours, prove_tree(size, old, &reader).unwrap());
            let old_root = foreign(&Log::grown(old, 66_000).tree.root());
            check_tree(&ours, size, root, old, old_root).unwrap();
        }
    }
}

#[test]
fn tlog_tiles_reads_our_checkpoints() {
    let checkpoint = Log::grown(300, 300).checkpoint();
    let body = checkpoint.body();
    let theirs = tlog_tiles::Checkpoint::from_bytes(body.as_bytes()).unwrap();
    assert_eq!(theirs.origin(), ORIGIN);
    assert_eq!(theirs.size(), 300);
    assert_eq!(*theirs.hash(), foreign(checkpoint.root()));
    let back = Checkpoint::parse(std::str::from_utf8(&theirs.to_bytes()).unwrap()).unwrap();
    assert_eq!(back, checkpoint);
}

#[test]
fn signed_note_verifies_our_signature_and_refuses_a_changed_text() {
    let note = Log::grown(5, 5).signed().note().to_string();
    let key = StandardVerifier::new(&signer().verifier().to_string()).unwrap();
    let keys = VerifierList::new(vec![Box::new(key)]);
    let theirs = Note::from_bytes(note.as_bytes()).unwrap();
    assert_eq!(theirs.verify(&keys).unwrap().0.len(), 1);
    let changed = Note::from_bytes(note.replacen("\n5\n", "\n6\n", 1).as_bytes()).unwrap();
    assert!(changed.verify(&keys).is_err());
}

#[test]
fn signed_note_signs_the_same_bytes_with_the_same_seed() {
    let ours = signer();
    let vkey = ours.verifier().to_string();
    let id = vkey.split('+').nth(1).unwrap();
    let seed = STANDARD.encode([&[1_u8][..], &[7; 32]].concat());
    let theirs = StandardSigner::new(&format!("PRIVATE+KEY+{ORIGIN}+{id}+{seed}")).unwrap();
    let mut note = Note::new(b"hello\nworld\n", &[]).unwrap();
    note.add_sigs(&[&theirs]).unwrap();
    let expected = ours.note("hello\nworld\n").unwrap();
    assert_eq!(note.to_bytes(), expected.to_string().into_bytes());
    let parsed = portcullis_ledger::Note::parse(&note.to_bytes()).unwrap();
    let keys = [NoteVerifier::parse(&vkey).unwrap()];
    assert_eq!(parsed.verify(&keys).unwrap().verified, [vkey]);
}
