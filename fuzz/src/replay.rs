//! The inputs that are kept: what every target must take, in every build and without libFuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::TARGETS;

const FOLDERS: [&str; 2] = ["seeds", "regressions"];

/// Hands a target all its seeds and regressions, and names the first that breaks a promise.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let mut seen = 0;
    for folder in FOLDERS {
        for file in files(&folder_of(folder, target)) {
            let bytes = fs::read(&file).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| check(&bytes)));
            assert!(outcome.is_ok(), "{} breaks a promise", file.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "{target} has no seed in fuzz/seeds/{target}");
}

/// Writes seeds where they are kept.
pub(crate) fn write(target: &str, seeds: &[(&str, Vec<u8>)]) {
    let folder = folder_of("seeds", target);
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn folder_of(folder: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(target)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn no_input_is_kept_for_a_target_that_does_not_exist() {
    let known: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    for folder in FOLDERS {
        for found in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let name = found.file_name().unwrap().to_string_lossy().into_owned();
            assert!(known.contains(&name), "{} is of no target", found.display());
        }
    }
}
