//! The ledger's folder, altered, and two histories of one installation.

use std::path::{Path, PathBuf};

use super::{holds, path, refused};
use crate::folders::{copy, files};
use crate::installation::{init, serve};
use crate::world::text;

/// A ledger's folder as it lies in a data folder, in a place where it can be altered.
struct Copy {
    folder: PathBuf,
    key: String,
}

impl Copy {
    fn of(data: &Path, to: &Path, key: &str) -> Self {
        copy(&data.join("ledger"), to);
        Self {
            folder: to.to_path_buf(),
            key: key.to_owned(),
        }
    }

    fn verify<'a>(&'a self, options: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["ledger", "verify", path(&self.folder), "--key", &self.key];
        words.extend(options);
        words
    }

    /// The file below the folder whose name begins so; of those of a growing tile the last one, which counts.
    fn file(&self, prefix: &str) -> PathBuf {
        let all = files(&self.folder);
        let below = all.into_iter().filter(|file| {
            let inner = file.strip_prefix(&self.folder).unwrap();
            inner.to_string_lossy().starts_with(prefix)
        });
        let width = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy();
            name.parse::<u16>().unwrap_or(0)
        };
        below.max_by_key(width).expect("a file")
    }

    /// Changes a file, expects a refusal, and puts the file back.
    #[track_caller]
    fn altered(&self, file: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>, why: &str) {
        let whole = std::fs::read(file).unwrap();
        std::fs::write(file, change(whole.clone())).unwrap();
        refused(&self.verify(&[]), why);
        std::fs::write(file, whole).unwrap();
        holds(&self.verify(&[]));
    }
}

/// The entries of a bundle, each behind its length.
fn entries(bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let (entry, after) = behind.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push([length.as_slice(), entry].concat());
        rest = after;
    }
    entries
}

#[test]
fn an_altered_or_forked_ledger_is_refused_offline_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let product = folder.path().join("product");
    let made = init(&product, "a passphrase for the offline slot");
    let key = text(&made["ledger_key"]);
    let token = text(&made["enrolment_tokens"]["maria"]);
    let pockets = folder.path().join("pockets");
    let world = serve(&product, &pockets, &[]);
    let long = Some("evaluation only, but longer");
    world.enroll("maria", &token, long, &[]);
    world.login(&["maria"]);
    drop(world);

    let ledger = Copy::of(&product.join("data"), &folder.path().join("copy"), &key);
    holds(&ledger.verify(&[]));
    the_stored_log_is_checked(&ledger);
    a_ledger_that_was_removed_is_written_again(&product, &pockets, &ledger);
    two_histories_are_a_fork(folder.path(), &product, &ledger);
}

fn the_stored_log_is_checked(ledger: &Copy) {
    let bundle = ledger.file("tile/entries/");
    let hashes = ledger.file("tile/0/");
    let checkpoint = ledger.file("checkpoint");
    let flipped = |mut bytes: Vec<u8>| {
        bytes[40] ^= 1;
        bytes
    };
    ledger.altered(&bundle, flipped, "entry altered at index");
    ledger.altered(
        &bundle,
        |bytes| {
            let mut all = entries(&bytes);
            all.remove(2);
            all.concat()
        },
        "entry dropped",
    );
    ledger.altered(
        &bundle,
        |bytes| {
            let mut all = entries(&bytes);
            all.swap(1, 2);
            all.concat()
        },
        "entries reordered",
    );
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 3);
        bytes
    };
    for (file, name) in [(&bundle, "tile/entries/"), (&hashes, "tile/0/")] {
        ledger.altered(file, cut, name);
        ledger.altered(file, cut, "truncated");
    }
    ledger.altered(&hashes, flipped, "at index 1");
    // Byte 40 of a checkpoint lies in the name of its log, which no trusted key bears then.
    ledger.altered(&checkpoint, flipped, "signature of");
    let unsigned = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.split('—').next().unwrap().as_bytes().to_vec()
    };
    ledger.altered(&checkpoint, unsigned, "never signed");
    std::fs::rename(&bundle, bundle.with_extension("away")).unwrap();
    refused(&ledger.verify(&[]), "is missing");
    std::fs::rename(bundle.with_extension("away"), &bundle).unwrap();
}

/// The ledger cannot be switched off: a server whose ledger was taken away writes it anew, the same.
fn a_ledger_that_was_removed_is_written_again(product: &Path, pockets: &Path, before: &Copy) {
    let data = product.join("data");
    std::fs::remove_dir_all(data.join("ledger")).unwrap();
    drop(serve(product, pockets, &[]));
    let again = Copy::of(&data, &product.join("again"), &before.key);
    let kept = before.folder.join("checkpoint");
    holds(&again.verify(&["--since", path(&kept)]));
}

fn two_histories_are_a_fork(folder: &Path, product: &Path, base: &Copy) {
    let other = folder.join("other");
    copy(product, &other);
    let mut ledgers = Vec::new();
    for (name, from) in [("one", product), ("two", &other)] {
        let pockets = folder.join("pockets");
        let world = serve(from, &pockets, &[]);
        // What signing in writes is never the same twice.
        let long = Some("evaluation only, but longer");
        world.knows("maria", long);
        world.login(&["maria"]);
        drop(world);
        ledgers.push(Copy::of(&from.join("data"), &folder.join(name), &base.key));
    }
    let [one, two] = &ledgers[..] else {
        panic!("two ledgers");
    };
    let kept = [one, two].map(|ledger| ledger.folder.join("checkpoint"));
    let common = base.folder.join("checkpoint");
    for ledger in [one, two] {
        holds(&ledger.verify(&["--since", path(&common)]));
    }
    refused(&two.verify(&["--since", path(&kept[0])]), "fork");
    refused(&one.verify(&["--since", path(&kept[1])]), "fork");
    refused(&base.verify(&["--since", path(&kept[0])]), "rollback");
}
