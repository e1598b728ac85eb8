//! Unpacking one: member by member into a folder of its own, then everything held against the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use tar::{Archive, Entry};

use super::{ArchiveError, Listed, MOST_TABLE_BYTES, TABLE, length};
use crate::{durable, hashing::Hashing, names};

/// What was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// How many files.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
}

/// Unpacks an archive below a folder; `is_known` says which names may be in it. When that fails, what is there is to be
/// thrown away.
pub fn unpack(
    archive: &Path,
    folder: &Path,
    is_known: impl Fn(&str) -> bool,
) -> Result<Unpacked, ArchiveError> {
    let file =
        File::open(archive).map_err(ArchiveError::io(format!("opening {}", archive.display())))?;
    let mut archive = Archive::new(BufReader::new(file));
    let mut found = BTreeMap::new();
    let mut table = None;
    // Raw: no extension of the format is followed, so that a member is what its own header says.
    let entries = archive.entries().map_err(|error| damaged(&error))?;
    for entry in entries.raw(true) {
        let entry = entry.map_err(|error| damaged(&error))?;
        let name = name_of(&entry)?;
        if let Some(wrong) = misplaced(&name, table.is_some(), &found, &is_known) {
            return Err(ArchiveError::Damaged(format!("{name} {wrong}")));
        }
        if name == TABLE {
            table = Some(read_table(entry)?);
        } else {
            let written = write_member(entry, &name, folder)?;
            found.insert(name, written);
        }
    }
    let folders: BTreeSet<_> = found
        .keys()
        .flat_map(|name| Path::new(name).ancestors().skip(1))
        .collect();
    for inner in folders {
        durable::sync_folder(&folder.join(inner))
            .map_err(ArchiveError::io(format!("writing {}", folder.display())))?;
    }
    compare(&table.ok_or(ArchiveError::CutShort)?, &mut found)
}

/// What is wrong with there being a member of this name here.
fn misplaced(
    name: &str,
    after_table: bool,
    found: &BTreeMap<String, (u64, String)>,
    is_known: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    match name {
        _ if after_table => Some("follows its list of members"),
        TABLE => None,
        _ if found.contains_key(name) => Some("is in it twice"),
        _ if !is_known(name) => Some("does not belong in it"),
        _ => None,
    }
}

fn damaged(error: &io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::CutShort,
        _ => ArchiveError::Damaged(error.to_string()),
    }
}

fn name_of<R: Read>(entry: &Entry<'_, R>) -> Result<String, ArchiveError> {
    let bytes = entry.path_bytes();
    let name = String::from_utf8_lossy(&bytes);
    if !entry.header().entry_type().is_file() {
        return Err(ArchiveError::Damaged(format!("{name:?} is no plain file")));
    }
    names::below(Path::new(""), &name)
        .map_err(|error| ArchiveError::Damaged(format!("{name:?}: {error}")))?;
    Ok(name.into_owned())
}

fn read_table<R: Read>(entry: Entry<'_, R>) -> Result<String, ArchiveError> {
    let bytes = entry.size();
    if bytes > MOST_TABLE_BYTES {
        return Err(ArchiveError::Damaged(
            "its list of members is too long".to_owned(),
        ));
    }
    let mut table = String::new();
    entry
        .take(bytes)
        .read_to_string(&mut table)
        .map_err(|error| damaged(&error))?;
    if length(table.as_bytes()) == bytes {
        Ok(table)
    } else {
        Err(ArchiveError::CutShort)
    }
}

fn write_member<R: Read>(
    entry: Entry<'_, R>,
    name: &str,
    folder: &Path,
) -> Result<(u64, String), ArchiveError> {
    let place = folder.join(name);
    let into = || ArchiveError::io(format!("writing {}", place.display()));
    durable::make_folders(place.parent().unwrap_or(folder)).map_err(into())?;
    let mut file = durable::private()
        .write(true)
        .create_new(true)
        .open(&place)
        .map_err(into())?;
    let bytes = entry.size();
    let mut source = Hashing::new(entry);
    io::copy(&mut source, &mut file).map_err(into())?;
    file.sync_all().map_err(into())?;
    let (read, digest) = source.finish();
    if read == bytes {
        Ok((read, digest))
    } else {
        Err(ArchiveError::CutShort)
    }
}

fn compare(
    table: &str,
    found: &mut BTreeMap<String, (u64, String)>,
) -> Result<Unpacked, ArchiveError> {
    let mut unpacked = Unpacked { files: 0, bytes: 0 };
    for line in table.lines() {
        let listed = Listed::parse(line)
            .ok_or_else(|| ArchiveError::Damaged(format!("its list of members says {line:?}")))?;
        match found.remove(listed.name) {
            Some((bytes, digest)) if bytes == listed.bytes && digest == listed.digest => {
                unpacked.files += 1;
                unpacked.bytes += bytes;
            }
            Some(_) => {
                return Err(ArchiveError::Damaged(format!(
                    "{} was changed",
                    listed.name
                )));
            }
            None => return Err(ArchiveError::Damaged(format!("{} is missing", listed.name))),
        }
    }
    match found.pop_first() {
        None => Ok(unpacked),
        Some((name, _)) => Err(ArchiveError::Damaged(format!("{name} was added to it"))),
    }
}
