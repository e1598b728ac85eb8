//! What every place for tapes must do.

#![expect(
    clippy::unwrap_used,
    reason = "a suite tells a failure by panicking in the test that calls it"
)]

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::Blobs;

/// Runs all of it. `open` opens the blobs that belong to a folder, anew or again.
///
/// # Panics
/// When a member does not do what it must.
pub async fn blobs(open: impl AsyncFn(&Path) -> Arc<dyn Blobs>) {
    let place = tempfile::tempdir().unwrap();
    let blobs = open(place.path()).await;
    what_was_appended_reads_back_in_order(&*blobs).await;
    a_name_is_created_once_and_goes_on_at_its_end(&*blobs).await;
    a_blob_is_read_in_parts_as_far_as_it_went(&*blobs).await;
    a_blob_has_one_writer(&*blobs).await;
    what_is_behind_a_cut_is_gone_and_writing_goes_on_there(&*blobs).await;
    names_are_listed_by_their_beginning_in_order(&*blobs).await;
    names_that_lead_elsewhere_are_refused(&*blobs, place.path()).await;
    what_is_removed_is_gone_and_takes_no_room(&*blobs).await;
    drop(blobs);
    let blobs = open(place.path()).await;
    assert_eq!(
        blobs.read("ses_1/head").await.unwrap().unwrap(),
        b"one two three"
    );
}

async fn what_was_appended_reads_back_in_order(blobs: &dyn Blobs) {
    assert_eq!(blobs.read("ses_1/head").await.unwrap(), None);
    assert!(blobs.reopen("ses_1/head").await.is_err());
    let mut writer = blobs.create("ses_1/head").await.unwrap();
    assert_eq!(blobs.read("ses_1/head").await.unwrap().unwrap(), b"");
    writer.append(b"one ").await.unwrap();
    writer.append(b"").await.unwrap();
    writer.append(b"two").await.unwrap();
    writer.sync().await.unwrap();
    assert_eq!(blobs.read("ses_1/head").await.unwrap().unwrap(), b"one two");
    assert_eq!(blobs.read("ses_1/head/x").await.unwrap(), None);
}

async fn a_name_is_created_once_and_goes_on_at_its_end(blobs: &dyn Blobs) {
    assert!(blobs.create("ses_1/head").await.is_err());
    let mut writer = blobs.reopen("ses_1/head").await.unwrap();
    writer.append(b" three").await.unwrap();
    writer.sync().await.unwrap();
    assert_eq!(
        blobs.read("ses_1/head").await.unwrap().unwrap(),
        b"one two three"
    );
}

async fn a_blob_is_read_in_parts_as_far_as_it_went(blobs: &dyn Blobs) {
    assert!(blobs.open("ses_3/parts").await.unwrap().is_none());
    assert!(blobs.open("../outside").await.is_err());
    let mut writer = blobs.create("ses_3/parts").await.unwrap();
    writer.append(b"one two").await.unwrap();
    let mut opened = blobs.open("ses_3/parts").await.unwrap().unwrap();
    let mut part = [0; 4];
    opened.read_exact(&mut part).unwrap();
    assert_eq!(&part, b"one ");
    writer.append(b" three").await.unwrap();
    let mut rest = Vec::new();
    opened.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"two");
}

async fn a_blob_has_one_writer(blobs: &dyn Blobs) {
    let writer = blobs.create("ses_2/head").await.unwrap();
    assert!(blobs.reopen("ses_2/head").await.is_err());
    drop(writer);
    assert!(blobs.reopen("ses_2/head").await.is_ok());
}

async fn what_is_behind_a_cut_is_gone_and_writing_goes_on_there(blobs: &dyn Blobs) {
    assert!(blobs.truncate("ses_2/cut", 0).await.is_err());
    let mut writer = blobs.create("ses_2/cut").await.unwrap();
    writer.append(b"whole, ha").await.unwrap();
    assert!(
        blobs.truncate("ses_2/cut", 7).await.is_err(),
        "its writer is still there"
    );
    drop(writer);
    assert!(
        blobs.truncate("ses_2/cut", 10).await.is_err(),
        "it is shorter than that"
    );
    blobs.truncate("ses_2/cut", 7).await.unwrap();
    blobs.truncate("ses_2/cut", 7).await.unwrap();
    assert_eq!(blobs.read("ses_2/cut").await.unwrap().unwrap(), b"whole, ");
    let mut writer = blobs.reopen("ses_2/cut").await.unwrap();
    writer.append(b"again").await.unwrap();
    assert_eq!(
        blobs.read("ses_2/cut").await.unwrap().unwrap(),
        b"whole, again"
    );
}

async fn names_are_listed_by_their_beginning_in_order(blobs: &dyn Blobs) {
    for name in ["ses_10/a", "ses_1/tracks/0.term", "ses_1-x"] {
        blobs.create(name).await.unwrap();
    }
    let all = [
        "ses_1-x",
        "ses_1/head",
        "ses_1/tracks/0.term",
        "ses_10/a",
        "ses_2/cut",
        "ses_2/head",
        "ses_3/parts",
    ];
    assert_eq!(blobs.list("").await.unwrap(), all);
    assert_eq!(blobs.list("ses_1/").await.unwrap(), all[1..3]);
    assert_eq!(blobs.list("ses_1/tr").await.unwrap(), all[2..3]);
    assert_eq!(blobs.list("ses_1").await.unwrap(), all[..4]);
    assert!(blobs.list("../").await.unwrap().is_empty());
    assert!(blobs.list("none/at/all").await.unwrap().is_empty());
}

async fn names_that_lead_elsewhere_are_refused(blobs: &dyn Blobs, place: &Path) {
    let outside = place.join("outside");
    for name in [
        "../outside",
        "a/../../outside",
        outside.to_str().unwrap(),
        "",
        "a//b",
        "a/",
        ".a",
        "A",
        "a b",
    ] {
        assert!(blobs.create(name).await.is_err(), "{name:?}");
        assert!(blobs.reopen(name).await.is_err(), "{name:?}");
        assert!(blobs.truncate(name, 0).await.is_err(), "{name:?}");
        assert!(blobs.read(name).await.is_err(), "{name:?}");
        assert!(blobs.remove(name).await.is_err(), "{name:?}");
    }
    assert!(!outside.exists());
}

async fn what_is_removed_is_gone_and_takes_no_room(blobs: &dyn Blobs) {
    let before = blobs.bytes("").await.unwrap();
    let mut writer = blobs.create("gone/a").await.unwrap();
    writer.append(b"seventeen bytes..").await.unwrap();
    drop(writer);
    assert_eq!(blobs.bytes("gone/").await.unwrap(), 17);
    assert_eq!(blobs.bytes("").await.unwrap(), before + 17);
    let mut opened = blobs.open("gone/a").await.unwrap().unwrap();
    blobs.remove("gone/a").await.unwrap();
    let mut rest = Vec::new();
    opened.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"seventeen bytes..", "who reads it, reads on");
    assert_eq!(blobs.read("gone/a").await.unwrap(), None);
    assert!(blobs.list("gone/").await.unwrap().is_empty());
    assert_eq!(blobs.bytes("").await.unwrap(), before);
    // Removing twice is no error, nor removing what never was.
    blobs.remove("gone/a").await.unwrap();
    blobs.remove("never/there").await.unwrap();
    blobs.create("gone/a").await.unwrap();
    blobs.remove("gone/a").await.unwrap();
}
