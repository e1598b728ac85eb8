//! The reserve: whole or not there at all, and never what fills the disk.

use portcullis_ports::Reserve;
use portcullis_store::FileReserve;

const BYTES: u64 = 1 << 20;

#[test]
fn it_is_set_aside_given_up_and_set_aside_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("reserve");
    let reserve = FileReserve::new(&place, BYTES);
    assert!(!reserve.is_whole());
    for _ in 0..2 {
        reserve.set_aside().unwrap();
        assert!(reserve.is_whole());
        assert_eq!(std::fs::metadata(&place).unwrap().len(), BYTES);
        reserve.set_aside().unwrap();
        reserve.give_up().unwrap();
        assert!(!reserve.is_whole() && !place.exists());
        reserve.give_up().unwrap();
    }
}

#[test]
fn one_that_was_cut_or_hollowed_out_is_not_whole_and_is_made_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("reserve");
    let reserve = FileReserve::new(&place, BYTES);
    reserve.set_aside().unwrap();
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&place)
        .unwrap();
    for hollow in [false, true] {
        file.set_len(BYTES / 2).unwrap();
        if hollow {
            // A hole has a length and no room.
            file.set_len(0).unwrap();
            file.set_len(BYTES).unwrap();
        }
        assert!(!reserve.is_whole());
        reserve.set_aside().unwrap();
        assert!(reserve.is_whole());
    }
}

#[test]
fn where_there_is_no_room_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("reserve");
    // More than any file system holds.
    let reserve = FileReserve::new(&place, 1 << 61);
    assert!(reserve.set_aside().is_err());
    assert!(!reserve.is_whole() && !place.exists());
}
