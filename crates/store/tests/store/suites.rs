//! Every member passes its family's suite.

use std::path::Path;
use std::sync::Arc;

use portcullis_ports::{Blobs, Store, conformance};
use portcullis_store::{AgeSealer, DirectoryBlobs, DirectoryTiles, SqliteStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_does_what_every_store_must() {
    conformance::store::store(async |place: &Path| {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(place.join("store.db")).unwrap());
        store
    })
    .await;
}

#[test]
fn the_directory_of_tiles_does_what_every_place_for_tiles_must() {
    conformance::tiles::tiles(|place| {
        Box::new(DirectoryTiles::open(place.join("ledger")).unwrap())
    });
}

#[tokio::test]
async fn the_directory_of_blobs_does_what_every_place_for_blobs_must() {
    conformance::blobs::blobs(async |place: &Path| {
        let blobs: Arc<dyn Blobs> = Arc::new(DirectoryBlobs::open(place.join("tapes")).unwrap());
        blobs
    })
    .await;
}

#[test]
fn the_age_sealer_does_what_every_sealer_must() {
    conformance::sealer::sealer(&AgeSealer);
}
