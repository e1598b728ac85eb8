#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::*;

const ALL: fn(&str) -> bool = |_| true;

/// Two members in an archive.
fn written(folder: &Path) -> PathBuf {
    let (file, place) = (folder.join("one"), folder.join("archive"));
    fs::write(&file, b"an otter counts eleven lamps").unwrap();
    let mut archive = ArchiveWriter::create(&place).unwrap();
    archive.add_file("tapes/ses_1", &file).unwrap();
    archive.add_bytes("about.json", b"{}").unwrap();
    archive.finish().unwrap();
    place
}

fn into(folder: &Path) -> PathBuf {
    let into = folder.join("into");
    if into.exists() {
        fs::remove_dir_all(&into).unwrap();
    }
    fs::create_dir(&into).unwrap();
    into
}

/// What is said of an archive of these bytes.
fn told(folder: &Path, bytes: &[u8]) -> String {
    let place = folder.join("other");
    fs::write(&place, bytes).unwrap();
    match unpack(&place, &into(folder), ALL) {
        Ok(_) => "whole".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// An archive made by somebody else: members by type, name and contents, with a true table of them.
fn foreign(members: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut table = String::new();
    for (kind, name, bytes) in members {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(length(bytes));
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
        let listed = Listed {
            digest: &portcullis_model::Digest::of_bytes(bytes).to_string(),
            bytes: length(bytes),
            name,
        };
        table.push_str(&listed.to_string());
    }
    let mut header = Header::new_ustar();
    header.set_path(TABLE).unwrap();
    header.set_size(length(table.as_bytes()));
    header.set_cksum();
    builder.append(&header, table.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn what_was_put_in_comes_out_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, into) = (written(folder.path()), into(folder.path()));
    let unpacked = unpack(&archive, &into, ALL).unwrap();
    assert_eq!(
        unpacked,
        Unpacked {
            files: 2,
            bytes: 30
        }
    );
    let tape = into.join("tapes/ses_1");
    assert_eq!(fs::read(&tape).unwrap(), b"an otter counts eleven lamps");
    for path in [archive, tape] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(written(folder.path())).unwrap();
    // Behind the table there are blocks of nothing, which say no more than that nothing follows.
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for length in (0..end).step_by(7).chain([end - 1]) {
        let told = told(folder.path(), &whole[..length]);
        assert!(
            told.contains("cut short") || told.contains("damaged"),
            "{length}: {told}"
        );
    }
    assert_eq!(told(folder.path(), &whole), "whole");
}

#[test]
fn an_archive_with_a_byte_of_its_members_or_their_list_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(written(folder.path())).unwrap();
    // Names, sizes and contents of both members, and the table; padding and what is no part of a member are not.
    let text = |needle: &[u8]| {
        let found = whole
            .windows(needle.len())
            .position(|window| window == needle);
        found.unwrap()
    };
    for at in [
        text(b"otter"),
        text(b"{}"),
        text(b"tapes/ses_1"),
        text(b"about.json"),
        text(b" 28 tapes"),
    ] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert_ne!(told(folder.path(), &changed), "whole", "byte {at}");
    }
}

#[test]
fn what_is_missing_added_or_there_twice_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (file, one) = (
        EntryType::Regular,
        (EntryType::Regular, "one", b"1".as_slice()),
    );
    let honest = foreign(&[one, (file, "two", b"2")]);
    assert_eq!(told(folder.path(), &honest), "whole");
    // The table of two with one member, and of one with two.
    let block = 1024;
    let missing = [&honest[block..]].concat();
    assert!(told(folder.path(), &missing).contains("one is missing"));
    let other = foreign(&[one]);
    let added = [&honest[..block], &honest[block..2 * block], &other[block..]].concat();
    assert!(told(folder.path(), &added).contains("two was added"));
    let twice = [&honest[..block], &honest[..]].concat();
    assert!(told(folder.path(), &twice).contains("one is in it twice"));
    let table_first = [&other[block..block + 1024], &other[..]].concat();
    assert!(told(folder.path(), &table_first).contains("follows its list"));
}

#[test]
fn no_member_leads_out_of_the_folder_or_is_anything_but_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["../x", "/tmp/x", "a/../../x", "a//b", ".x", "a/", "A"] {
        let told = told(folder.path(), &foreign(&[(EntryType::Regular, name, b"1")]));
        assert!(told.contains("damaged"), "{name}: {told}");
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Directory,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::GNUSparse,
    ] {
        let told = told(folder.path(), &foreign(&[(kind, "x", b"")]));
        assert!(told.contains("no plain file"), "{kind:?}: {told}");
    }
    assert_eq!(fs::read_dir(into(folder.path())).unwrap().count(), 0);
}

#[test]
fn a_name_that_does_not_belong_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, into) = (written(folder.path()), into(folder.path()));
    let told = unpack(&archive, &into, |name| name != "tapes/ses_1").unwrap_err();
    assert!(
        told.to_string().contains("tapes/ses_1 does not belong"),
        "{told}"
    );
    assert!(!into.join("tapes").exists());
}

#[test]
fn an_archive_that_was_not_finished_leaves_nothing_and_none_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let mut archive = ArchiveWriter::create(&place).unwrap();
    archive.add_bytes("one", b"1").unwrap();
    for name in ["manifest", "../x", "keys/Ä"] {
        assert!(
            matches!(archive.add_bytes(name, b""), Err(ArchiveError::Name(_))),
            "{name}"
        );
    }
    drop(archive);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::File::create(&place)
        .unwrap()
        .write_all(b"of somebody")
        .unwrap();
    let told = ArchiveWriter::create(&place).err().unwrap().to_string();
    assert!(told.contains("there already"), "{told}");
    assert_eq!(fs::read(&place).unwrap(), b"of somebody");
}

#[test]
fn a_file_that_grows_is_copied_as_far_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grows");
    fs::write(&file, vec![7; 1 << 20]).unwrap();
    let place = folder.path().join("archive");
    let mut archive = ArchiveWriter::create(&place).unwrap();
    archive.add_file("tapes/t", &file).unwrap();
    let mut tail = fs::OpenOptions::new().append(true).open(&file).unwrap();
    tail.write_all(b"more").unwrap();
    archive.finish().unwrap();
    let unpacked = unpack(&place, &into(folder.path()), ALL).unwrap();
    assert_eq!(unpacked.bytes, 1 << 20);
}
