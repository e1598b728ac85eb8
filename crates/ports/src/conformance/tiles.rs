//! What every place for a log's files must do.

#![expect(
    clippy::unwrap_used,
    reason = "a suite tells a failure by panicking in the test that calls it"
)]

use std::path::Path;

use crate::Tiles;

/// Runs all of it. `open` opens the files that belong to a folder, anew or again.
///
/// # Panics
/// When a member does not do what it must.
pub fn tiles(open: impl Fn(&Path) -> Box<dyn Tiles>) {
    let place = tempfile::tempdir().unwrap();
    let tiles = open(place.path());
    what_was_written_reads_back(&*tiles);
    a_file_never_changes(&*tiles);
    names_that_lead_elsewhere_are_refused(&*tiles, place.path());
    the_checkpoint_is_replaced(&*tiles);
    drop(tiles);
    everything_is_there_when_opened_again(&*open(place.path()));
}

fn file(path: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    (path.to_owned(), bytes.to_vec())
}

fn what_was_written_reads_back(tiles: &dyn Tiles) {
    assert_eq!(tiles.read("tile/0/000").unwrap(), None);
    assert_eq!(tiles.checkpoint().unwrap(), None);
    let files = [
        file("tile/0/000", b"full"),
        file("tile/0/x001/067.p/5", b"part"),
        file("tile/entries/000", b""),
    ];
    tiles.write(&files).unwrap();
    for (path, bytes) in files {
        assert_eq!(tiles.read(&path).unwrap(), Some(bytes), "{path}");
    }
    assert_eq!(
        tiles.read("tile/0").unwrap_or(None),
        None,
        "a folder is no file"
    );
    assert_eq!(tiles.read("tile/0/000/1").unwrap(), None);
}

fn a_file_never_changes(tiles: &dyn Tiles) {
    tiles.write(&[file("tile/0/000", b"full")]).unwrap();
    let refused = tiles
        .write(&[file("tile/1/000", b"new"), file("tile/0/000", b"fuLl")])
        .unwrap_err();
    assert_eq!(refused.path, "tile/0/000");
    assert!(refused.to_string().contains("tile/0/000"), "{refused}");
    assert_eq!(tiles.read("tile/0/000").unwrap().unwrap(), b"full");
    tiles.write(&[file("tile/1/000", b"new")]).unwrap();
}

fn names_that_lead_elsewhere_are_refused(tiles: &dyn Tiles, place: &Path) {
    let outside = place.join("outside");
    for path in [
        "../outside",
        "tile/../../outside",
        outside.to_str().unwrap(),
        "",
        "tile//0",
        "tile/.x",
        "tile/\0",
    ] {
        assert!(tiles.write(&[file(path, b"x")]).is_err(), "{path:?}");
        assert!(tiles.read(path).is_err(), "{path:?}");
    }
    assert!(!outside.exists());
}

fn the_checkpoint_is_replaced(tiles: &dyn Tiles) {
    assert!(tiles.write(&[file("checkpoint", b"forged")]).is_err());
    for text in [&b"first, and longer"[..], b"second"] {
        tiles.publish(text).unwrap();
        assert_eq!(tiles.checkpoint().unwrap().unwrap(), text);
        assert_eq!(tiles.read("checkpoint").unwrap().unwrap(), text);
    }
}

fn everything_is_there_when_opened_again(tiles: &dyn Tiles) {
    assert_eq!(tiles.read("tile/0/x001/067.p/5").unwrap().unwrap(), b"part");
    assert_eq!(tiles.checkpoint().unwrap().unwrap(), b"second");
}
