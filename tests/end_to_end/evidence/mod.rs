//! What an outsider finds, offline, when evidence, ledger or tape were altered.

mod ledger;
mod stories;
mod tape;

use std::path::Path;
use std::process::Output;

use crate::installation::{bare, init};
use crate::world::{said, text};

/// A verification with nothing but the files: how it ended, and what it said.
fn told(words: &[&str]) -> (Option<i32>, String) {
    let output: Output = bare(words, b"");
    (output.status.code(), said(&output))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The ledger key of an installation that has nothing to do with this one.
pub fn another_installations_key() -> String {
    let folder = tempfile::tempdir().unwrap();
    let made = init(folder.path(), "a passphrase for the offline slot");
    text(&made["ledger_key"])
}

#[track_caller]
fn holds(words: &[&str]) {
    let (code, said) = told(words);
    assert_eq!(code, Some(0), "{said}");
}

#[track_caller]
fn refused(words: &[&str], why: &str) {
    let (code, said) = told(words);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(why), "{why:?} is not in: {said}");
}
