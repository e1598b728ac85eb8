//! `backup create`: while the server runs, or while it does not.

use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use portcullis_engine::{project, sealed_with};
use portcullis_ports::Clock;
use portcullis_store::{ArchiveError, ArchiveWriter, snapshot};

use super::contents::{ABOUT, About, CHECKPOINT, FILES, FOLDERS, IN_PASSING, LEDGER, STORE};
use super::scratch;
use crate::args::Global;
use crate::outcome::{Outcome, Stuck};
use crate::output;
use crate::server::SystemClock;
use crate::server::folder::DataFolder;

/// Runs it.
pub(super) fn run(global: &Global, file: &Path) -> anyhow::Result<Outcome> {
    let folder = DataFolder::open(&global.data)?;
    let beside = beside(&folder, file)?;
    let Written {
        events,
        left_out,
        bytes,
    } = write(&folder, file, &beside)
        .with_context(|| format!("backing {} up", folder.path().display()))?;
    if global.json {
        output::json(
            &serde_json::json!({ "file": file, "events": events, "left_out": left_out, "bytes": bytes }),
        )?;
    } else {
        if left_out > 0 {
            output::line(format!(
                "{left_out} newer events are left out: the ledger does not vouch for them yet"
            ))?;
        }
        output::line(format!(
            "{}: {events} events, {bytes} bytes; restoring it takes the passphrase of the offline key slot\nNext: portcullis backup verify {}",
            file.display(),
            file.display()
        ))?;
    }
    Ok(Outcome::Done)
}

/// The folder a backup is to lie in: not the one whose loss it is for.
fn beside(folder: &DataFolder, file: &Path) -> anyhow::Result<PathBuf> {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let parent = parent
        .canonicalize()
        .with_context(|| format!("the folder {}", parent.display()))?;
    if parent.starts_with(folder.path()) {
        return Err(Stuck {
            what: format!("{} is in the data folder itself", file.display()),
            next: "name a file elsewhere, on another disk at best".to_owned(),
        }
        .into());
    }
    Ok(parent)
}

/// What came of it.
struct Written {
    events: u64,
    left_out: u64,
    bytes: u64,
}

fn write(folder: &DataFolder, file: &Path, beside: &Path) -> anyhow::Result<Written> {
    let scratch = scratch(beside, ".backing-up-")?;
    let mut archive = ArchiveWriter::create(file)?;
    // In this order each is at least as new as what stands before it and speaks of it: the checkpoint of entries, the
    // ledger of events, the events of tapes and bundles. Events that the checkpoint does not vouch for yet are left out.
    let (checkpoint, events) = checkpoint(folder)?;
    archive.add_bytes(CHECKPOINT, &checkpoint)?;
    add_folder(&mut archive, folder, LEDGER)?;
    let copy = scratch.path().join(STORE);
    let copied = snapshot(&folder.store(), &copy, events, &project, &sealed_with)?;
    let left_out = left_out(copied.there, events)?;
    archive.add_file(STORE, &copy)?;
    // Of a clock that was set back, the ledger's time counts: no backup is older than its last event.
    let taken_at = SystemClock::new()
        .now()
        .max(copied.as_of.unwrap_or_default());
    archive.add_bytes(ABOUT, &serde_json::to_vec(&About::at(taken_at))?)?;
    for name in FILES {
        let place = folder.path().join(name);
        if place.exists() {
            archive.add_file(name, &place)?;
        }
    }
    for name in FOLDERS {
        add_folder(&mut archive, folder, name)?;
    }
    Ok(Written {
        events,
        left_out,
        bytes: archive.finish()?,
    })
}

/// How many events there are beyond those that the checkpoint vouches for; refused where there are fewer.
fn left_out(there: u64, vouched_for: u64) -> anyhow::Result<u64> {
    let beyond = there.checked_sub(vouched_for);
    Ok(beyond.ok_or_else(|| Stuck {
        what: format!(
            "the store has {there} events, and the ledger vouches for {vouched_for}: some are lost"
        ),
        next:
            "stop the server and see what portcullis doctor says; an earlier backup may have them"
                .to_owned(),
    })?)
}

/// The newest checkpoint, and how many events it vouches for. Whether it is genuine is seen to when it is restored.
fn checkpoint(folder: &DataFolder) -> anyhow::Result<(Vec<u8>, u64)> {
    let place = folder.path().join(CHECKPOINT);
    let bytes = fs::read(&place).map_err(|error| Stuck {
        what: format!("{} cannot be read: {error}", place.display()),
        next: "let the server run for a moment: it signs one".to_owned(),
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let events = text.lines().nth(1).and_then(|size| size.parse().ok());
    let events = events.with_context(|| format!("{} is no checkpoint", place.display()))?;
    Ok((bytes, events))
}

/// Adds the files below a folder by name. What begins with a dot is being written.
fn add_folder(archive: &mut ArchiveWriter, folder: &DataFolder, name: &str) -> anyhow::Result<()> {
    let place = folder.path().join(name);
    if !place.is_dir() {
        return Ok(());
    }
    let mut entries = fs::read_dir(&place)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("listing {}", place.display()))?;
    entries.sort_unstable_by_key(DirEntry::file_name);
    for entry in entries {
        let inner = entry.file_name().to_string_lossy().into_owned();
        let name = format!("{name}/{inner}");
        if inner.starts_with('.') || IN_PASSING.contains(&name.as_str()) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_folder(archive, folder, &name)?;
        } else if kind.is_file() {
            match archive.add_file(&name, &entry.path()) {
                Err(ArchiveError::Io { cause, .. })
                    if may_go(&name) && cause.kind() == ErrorKind::NotFound => {}
                added => added?,
            }
        } else {
            // A link is no file of the server's, and may lead anywhere.
            return Err(ArchiveError::Name(name).into());
        }
    }
    Ok(())
}

/// Whether a file may be gone once it was listed: a tape that is erased meanwhile. Nothing else is ever removed.
fn may_go(name: &str) -> bool {
    name.starts_with("tapes/")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::left_out;

    #[test]
    fn a_store_that_lost_events_is_not_backed_up() {
        assert_eq!(left_out(7, 7).unwrap(), 0);
        assert_eq!(left_out(9, 7).unwrap(), 2);
        let told = left_out(6, 7).unwrap_err().to_string();
        assert!(
            told.contains("has 6 events") && told.contains("for 7"),
            "{told}"
        );
    }
}
