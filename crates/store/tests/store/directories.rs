//! Files on disk: whose they are, and what a crash or a full disk leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use portcullis_ports::{Blobs as _, Sealer as _, Store as _, Tiles as _};
use portcullis_store::{AgeSealer, DirectoryBlobs, DirectoryTiles, SqliteStore};

/// Every file and folder below a folder with its permissions.
fn permissions(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::metadata(&path).unwrap();
        found.push((
            path.display().to_string(),
            metadata.permissions().mode() & 0o7777,
        ));
        if metadata.is_dir() {
            permissions(&path, found);
        }
    }
}

#[tokio::test]
async fn everything_made_is_for_its_owner_only() {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(place.path().join("store.db")).unwrap();
    store.events(0, 1).await.unwrap();
    let tiles = DirectoryTiles::open(place.path().join("ledger")).unwrap();
    tiles.write(&[("tile/0/000".to_owned(), vec![1])]).unwrap();
    tiles.publish(b"checkpoint").unwrap();
    let blobs = DirectoryBlobs::open(place.path().join("tapes")).unwrap();
    blobs.create("ses_1/head").await.unwrap();

    let mut found = Vec::new();
    permissions(place.path(), &mut found);
    assert!(found.len() >= 12, "{found:?}");
    for (path, mode) in found {
        let wanted = if Path::new(&path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode, wanted, "{path} has mode {mode:o}");
    }
}

#[test]
fn what_a_crash_left_half_written_is_removed_and_never_read() {
    let place = tempfile::tempdir().unwrap();
    DirectoryTiles::open(place.path()).unwrap();
    let unfinished = place.path().join(".new/file");
    fs::write(&unfinished, b"half a ti").unwrap();
    let tiles = DirectoryTiles::open(place.path()).unwrap();
    assert!(!unfinished.exists());
    assert!(tiles.read(".new/file").is_err());
    tiles
        .write(&[("tile/0/000".to_owned(), b"whole".to_vec())])
        .unwrap();
    assert_eq!(tiles.read("tile/0/000").unwrap().unwrap(), b"whole");
}

#[tokio::test]
async fn a_failed_write_names_the_file_and_the_cause() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, b"").unwrap();
    let refused = DirectoryTiles::open(&file).unwrap_err().to_string();
    assert!(refused.contains(file.to_str().unwrap()), "{refused}");
    let refused = DirectoryBlobs::open(&file).unwrap_err().to_string();
    assert!(refused.contains(file.to_str().unwrap()), "{refused}");
    let blobs = DirectoryBlobs::open(place.path()).unwrap();
    let refused = blobs.create("file/below").await.err().unwrap().to_string();
    assert!(
        refused.starts_with("file/below cannot be written: "),
        "{refused}"
    );
}

#[test]
fn age_tools_understand_what_is_sealed() {
    let (identity, recipient) = AgeSealer.generate();
    assert!(identity.expose().starts_with("AGE-SECRET-KEY-1"));
    assert!(recipient.starts_with("age1"));
    let sealed = AgeSealer.seal(&recipient, b"x").unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n-> X25519 "));
}
