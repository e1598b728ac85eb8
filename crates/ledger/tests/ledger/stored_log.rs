//! Attacks on a stored log: each is found by the audit and called by its name.

use portcullis_ledger::{AuditError, Checkpoint, TileError, audit_log};

use crate::memory::{Log, ORIGIN, Tiles, leaf};

const SIZE: u64 = 700;

fn audit(tiles: &Tiles, checkpoint: &Checkpoint) -> Result<(), AuditError> {
    audit_log(tiles, checkpoint, &[]).map(drop)
}

/// Stores other leaves in the bundles while hash tiles and checkpoint stay as they were.
fn with_entries(log: &Log, leaves: &[Vec<u8>]) -> Tiles {
    let mut other = Log::default();
    other.append(leaves);
    let mut tiles = log.tiles.clone();
    for (path, bytes) in other.tiles.0 {
        if path.contains("entries") {
            tiles.0.insert(path, bytes);
        }
    }
    tiles
}

fn leaves() -> Vec<Vec<u8>> {
    (0..SIZE).map(leaf).collect()
}

#[test]
fn an_untouched_log_passes_and_every_flipped_byte_of_every_file_is_found() {
    let log = Log::grown(SIZE, 700);
    let report = audit_log(&log.tiles, &log.checkpoint(), &[]).unwrap();
    assert_eq!((report.entries, report.tiles), (SIZE, 4));
    for path in log.tiles.0.keys() {
        let length = log.tiles.0[path].len();
        for at in (0..length).step_by(97).chain([length - 1]) {
            let mut tiles = log.tiles.clone();
            tiles.0.get_mut(path).unwrap()[at] ^= 0x10;
            assert!(audit(&tiles, &log.checkpoint()).is_err(), "{path} at {at}");
        }
    }
}

#[test]
fn an_altered_entry_is_named() {
    let log = Log::grown(SIZE, 700);
    let mut changed = leaves();
    changed[300][3] ^= 1;
    let tiles = with_entries(&log, &changed);
    assert_eq!(
        audit(&tiles, &log.checkpoint()),
        Err(AuditError::EntryAltered { index: 300 })
    );
}

#[test]
fn a_dropped_entry_is_named() {
    let log = Log::grown(SIZE, 700);
    let mut shorter = leaves();
    shorter.remove(300);
    assert_eq!(
        audit(&with_entries(&log, &shorter), &log.checkpoint()),
        Err(AuditError::EntryDropped { index: 300 })
    );
    // The same within one bundle only, so that the bundle has 255 entries.
    let mut tiles = log.tiles.clone();
    let bundle = tiles.0.get_mut("tile/entries/001").unwrap();
    let length = 2 + leaf(256).len();
    bundle.drain(..length);
    assert_eq!(
        audit(&tiles, &log.checkpoint()),
        Err(AuditError::EntryDropped { index: 256 })
    );
}

#[test]
fn reordered_entries_are_named() {
    let log = Log::grown(SIZE, 700);
    let mut changed = leaves();
    changed.swap(301, 310);
    assert_eq!(
        audit(&with_entries(&log, &changed), &log.checkpoint()),
        Err(AuditError::EntriesReordered { index: 301 })
    );
}

#[test]
fn truncated_bundles_and_missing_files_are_named() {
    let log = Log::grown(SIZE, 700);
    let mut cut = log.tiles.clone();
    let bundle = cut.0.get_mut("tile/entries/002.p/188").unwrap();
    bundle.truncate(bundle.len() - 3);
    assert_eq!(
        audit(&cut, &log.checkpoint()),
        Err(AuditError::Tile(TileError::Bundle {
            path: "tile/entries/002.p/188".to_owned(),
            expected: 188,
            found: 187
        }))
    );
    for path in log.tiles.0.keys() {
        let mut tiles = log.tiles.clone();
        tiles.0.remove(path);
        let missing = TileError::Missing { path: path.clone() };
        assert_eq!(
            audit(&tiles, &log.checkpoint()),
            Err(AuditError::Tile(missing))
        );
    }
}

#[test]
fn altered_tiles_above_the_leaves_are_named() {
    let log = Log::grown(SIZE, 700);
    let mut tiles = log.tiles.clone();
    tiles.0.get_mut("tile/1/000.p/2").unwrap()[0] ^= 1;
    assert_eq!(
        audit(&tiles, &log.checkpoint()),
        Err(AuditError::TileAltered {
            path: "tile/1/000.p/2".to_owned()
        })
    );
}

#[test]
fn a_log_rewritten_consistently_is_a_fork() {
    let log = Log::grown(SIZE, 700);
    let mut changed = leaves();
    changed[300] = b"rewritten".to_vec();
    let mut rewritten = Log::default();
    rewritten.append(&changed);
    assert!(matches!(
        audit(&rewritten.tiles, &log.checkpoint()),
        Err(AuditError::RootMismatch { size: SIZE, .. })
    ));
    // Even with a fresh checkpoint, it does not pass the one published earlier.
    let earlier = Log::grown(400, 700).checkpoint();
    assert!(
        audit_log(
            &log.tiles,
            &log.checkpoint(),
            std::slice::from_ref(&earlier)
        )
        .is_ok()
    );
    assert!(matches!(
        audit_log(&rewritten.tiles, &rewritten.checkpoint(), &[earlier]),
        Err(AuditError::RootMismatch { size: 400, .. })
    ));
}

#[test]
fn a_log_shorter_than_a_trusted_checkpoint_is_a_rollback() {
    let (short, long) = (Log::grown(400, 700), Log::grown(SIZE, 700));
    assert_eq!(
        audit_log(&short.tiles, &short.checkpoint(), &[long.checkpoint()]),
        Err(AuditError::Rollback {
            trusted: SIZE,
            size: 400
        })
    );
}

#[test]
fn the_empty_log_passes_and_one_that_claims_entries_it_has_not_does_not() {
    let log = Log::default();
    assert!(audit(&log.tiles, &log.checkpoint()).is_ok());
    let claim = Checkpoint::new(ORIGIN, u64::MAX, log.tree.root());
    assert!(matches!(
        audit(&log.tiles, &claim),
        Err(AuditError::Tile(TileError::Missing { .. }))
    ));
}
