//! Backups: a tar with a list of what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use portcullis_model::Digest;
use portcullis_store::{ArchiveWriter, unpack};
use tempfile::TempDir;

use crate::fixed::made;

/// The longest archive looked at: what is unpacked is written to a disk.
const MOST_BYTES: usize = 64 * 1024;

pub(crate) fn check(bytes: &[u8]) {
    if bytes.len() > MOST_BYTES {
        return;
    }
    let place = made(folder());
    let (archive, into) = (place.path().join("archive"), place.path().join("into"));
    made(fs::create_dir(&into));
    made(fs::write(&archive, bytes));
    let outcome = unpack(&archive, &into, |name| !name.starts_with("unknown"));
    let beside: Vec<_> = made(fs::read_dir(place.path())).flatten().collect();
    assert_eq!(beside.len(), 2, "something lands outside the folder");
    let mut found = BTreeMap::new();
    below(&into, "", &mut found);
    let unpacked: usize = found.values().map(Vec::len).sum();
    assert!(unpacked <= bytes.len(), "more comes out than went in");
    if let Ok(told) = outcome {
        assert_eq!(told.files, found.len());
        assert_eq!(usize::try_from(told.bytes).ok(), Some(unpacked));
        for (name, content) in &found {
            let line = format!("{} {} {name}\n", Digest::of_bytes(content), content.len());
            assert!(
                holds(bytes, line.as_bytes()),
                "{name} is not as it was listed"
            );
        }
        packed_again(place.path(), &found);
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What came out goes in again and comes out the same.
fn packed_again(place: &Path, found: &BTreeMap<String, Vec<u8>>) {
    let (archive, into) = (place.join("again"), place.join("other"));
    made(fs::create_dir(&into));
    made(packed(&archive, found));
    let unpacked = unpack(&archive, &into, |_| true);
    assert!(unpacked.is_ok(), "what was unpacked cannot be packed");
    let mut again = BTreeMap::new();
    below(&into, "", &mut again);
    assert!(again == *found);
}

fn packed(
    archive: &Path,
    members: &BTreeMap<String, Vec<u8>>,
) -> Result<u64, portcullis_store::ArchiveError> {
    let mut writer = ArchiveWriter::create(archive)?;
    for (name, bytes) in members {
        writer.add_bytes(name, bytes)?;
    }
    writer.finish()
}

/// All files below a folder, by name.
fn below(folder: &Path, name: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in made(fs::read_dir(folder)) {
        let entry = made(entry);
        let inner = entry.file_name().to_string_lossy().into_owned();
        let inner = if name.is_empty() {
            inner
        } else {
            format!("{name}/{inner}")
        };
        let kind = made(entry.file_type());
        assert!(
            kind.is_dir() || kind.is_file(),
            "{inner} is neither file nor folder"
        );
        if kind.is_dir() {
            below(&entry.path(), &inner, found);
        } else {
            found.insert(inner, made(fs::read(entry.path())));
        }
    }
}

/// In memory where the system has a place for that: every input writes files.
fn folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let place = folder().unwrap();
    let of = |members: &[(&str, &[u8])]| {
        let archive = place.path().join("archive");
        let _ = fs::remove_file(&archive);
        let members = members
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        packed(&archive, &members.collect()).unwrap();
        fs::read(&archive).unwrap()
    };
    vec![
        ("nothing", of(&[])),
        ("one", of(&[("format", b"1")])),
        (
            "several",
            of(&[
                ("store.db", &[7; 700]),
                ("tapes/ses_1", b"tape"),
                ("tile/0/x001/067", b""),
            ]),
        ),
    ]
}
