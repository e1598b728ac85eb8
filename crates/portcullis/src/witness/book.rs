//! What a witness keeps: the last checkpoint it put its name to, of each ledger it was given the key of.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use portcullis_ledger::{Checkpoint, NoteVerifier, Refusal, SignedCheckpoint, WitnessRequest};

use crate::server::folder::replace_private;

/// The book, in a folder.
pub(super) struct Book {
    logs: BTreeMap<String, Log>,
    _lock: File,
}

struct Log {
    key: NoteVerifier,
    file: PathBuf,
    /// Held from the look at it until its successor is on the disk.
    latest: Mutex<Option<Checkpoint>>,
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    /// By the rule that a witness goes by.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What is to be signed could not be kept.
    #[error("{0:#}")]
    NotKept(anyhow::Error),
}

impl Book {
    /// Opens it, for this process alone. What was kept and cannot be read is an error: to begin anew would be to forget.
    pub(super) fn open(folder: &Path, keys: Vec<NoteVerifier>) -> anyhow::Result<Self> {
        let lock = lock(folder)?;
        let mut logs = BTreeMap::new();
        for key in keys {
            let file = folder.join(format!("{}.checkpoint", file_name(key.name())));
            let latest = Mutex::new(kept(&file, &key)?);
            let name = key.name().to_owned();
            if logs.contains_key(&name) {
                bail!("two keys were given for the ledger {name}: which one signs it now?");
            }
            logs.insert(name, Log { key, file, latest });
        }
        Ok(Self { logs, _lock: lock })
    }

    /// Signs the checkpoint that a request shows, once it is on the disk. Nothing else of its ledger is signed meanwhile.
    pub(super) fn enter(
        &self,
        request: &[u8],
        sign: impl FnOnce(&SignedCheckpoint) -> String,
    ) -> Result<String, Unsigned> {
        let request = WitnessRequest::parse(request)?;
        let origin = request.origin().to_owned();
        let Some(log) = self.logs.get(&origin) else {
            return Err(Refusal::UnknownLog { origin }.into());
        };
        let mut latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = request.judge(&log.key, latest.as_ref())?;
        if latest.as_ref() != Some(signed.checkpoint()) {
            let note = signed.note().to_string();
            replace_private(&log.file, note.as_bytes()).map_err(Unsigned::NotKept)?;
            *latest = Some(signed.checkpoint().clone());
        }
        Ok(sign(&signed))
    }
}

/// Two that keep one book would each sign what the other does not know of.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let opening = || format!("opening {}", path.display());
    let lock = options.open(&path).with_context(opening)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another witness runs in {}", folder.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(opening),
    }
}

fn kept(file: &Path, key: &NoteVerifier) -> anyhow::Result<Option<Checkpoint>> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let signed = SignedCheckpoint::open(&bytes, std::slice::from_ref(key))
        .with_context(|| format!("in {}: put it back from a copy", file.display()))?;
    Ok(Some(signed.checkpoint().clone()))
}

/// A ledger's name as that of a file: no two share one, and none leads elsewhere.
fn file_name(origin: &str) -> String {
    let mut name = String::new();
    for byte in origin.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(name, "%{byte:02x}")),
        }
    }
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use portcullis_ledger::{GrowthProof, Hash, NoteSigner};

    use super::*;

    const ORIGIN: &str = "portcullis/ins_1";

    fn signer() -> NoteSigner {
        NoteSigner::from_seed(ORIGIN, &[7; 32]).unwrap()
    }

    /// A request for a checkpoint of that many entries. Only a first one needs no proof.
    fn request(old_size: u64, size: u64) -> Vec<u8> {
        let checkpoint = Checkpoint::new(ORIGIN, size, Hash::from_bytes([1; 32]));
        let proof = GrowthProof {
            old_size,
            path: Vec::new(),
            checkpoint: checkpoint.sign(&signer()).unwrap().note().clone(),
        };
        proof.to_string().into_bytes()
    }

    fn opened(folder: &Path) -> anyhow::Result<Book> {
        Book::open(folder, vec![signer().verifier().clone()])
    }

    fn enter(book: &Book, request: &[u8]) -> Result<String, Unsigned> {
        book.enter(request, |signed| signed.checkpoint().size().to_string())
    }

    /// Where it is kept.
    fn page(folder: &Path) -> PathBuf {
        folder.join(format!("{}.checkpoint", file_name(ORIGIN)))
    }

    #[test]
    fn what_was_signed_is_known_after_a_restart_and_a_smaller_tree_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let book = opened(folder.path()).unwrap();
        assert_eq!(enter(&book, &request(0, 9)).unwrap(), "9");
        drop(book);
        let again = opened(folder.path()).unwrap();
        for smaller in [request(0, 8), request(8, 8)] {
            let refused = enter(&again, &smaller).unwrap_err();
            let known = matches!(refused, Unsigned::Refused(Refusal::Elsewhere { size: 9 }));
            assert!(known, "{refused}");
        }
        enter(&again, &request(9, 9)).unwrap();
    }

    #[test]
    fn what_cannot_be_kept_is_not_signed() {
        let folder = tempfile::tempdir().unwrap();
        let book = opened(folder.path()).unwrap();
        fs::create_dir_all(page(folder.path()).join("in the way")).unwrap();
        let refused = enter(&book, &request(0, 9)).unwrap_err();
        assert!(matches!(refused, Unsigned::NotKept(_)), "{refused}");
    }

    #[test]
    fn a_witness_that_cannot_read_what_it_kept_does_not_begin_anew() {
        let folder = tempfile::tempdir().unwrap();
        enter(&opened(folder.path()).unwrap(), &request(0, 9)).unwrap();
        fs::write(page(folder.path()), "portcullis/ins_1\n9\n").unwrap();
        let told = format!("{:#}", opened(folder.path()).err().unwrap());
        assert!(told.contains("put it back from a copy"), "{told}");
    }

    #[test]
    fn no_two_witnesses_keep_one_book_and_no_ledger_has_two_keys() {
        let folder = tempfile::tempdir().unwrap();
        let first = opened(folder.path()).unwrap();
        let told = opened(folder.path()).err().unwrap().to_string();
        assert!(told.contains("another witness runs"), "{told}");
        drop(first);
        let other = NoteSigner::from_seed(ORIGIN, &[8; 32]).unwrap();
        let keys = [signer(), other].map(|signer| signer.verifier().clone());
        let told = Book::open(folder.path(), keys.to_vec()).err().unwrap();
        assert!(told.to_string().contains("two keys"), "{told}");
    }

    #[test]
    fn no_name_of_a_ledger_leads_out_of_the_folder() {
        assert_eq!(file_name("../a b"), "%2e%2e%2fa%20b");
        assert_ne!(file_name("a/b"), file_name("a%2fb"));
    }
}
