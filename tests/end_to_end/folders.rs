//! Folders that a test copies, lists and compares.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Every file below a folder with what it holds, so that one can say that nothing was lost.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(contents(&path));
        } else {
            let size = path.metadata().map_or(0, |found| found.size());
            // The reserve is empty and large.
            let bytes = if size > 32 << 20 {
                size.to_be_bytes().to_vec()
            } else {
                fs::read(&path).unwrap_or_default()
            };
            found.insert(path, bytes);
        }
    }
    found
}

/// Copies a folder with its permissions.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else if entry.file_name() == "reserve" {
            // 64 MiB of nothing.
            fs::hard_link(entry.path(), there).unwrap();
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
