//! The evidence file: several leaves of one log, each with its proof, under one checkpoint.
//! Self-contained text, readable by eye; see [`EvidenceFile`] for the format.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::growth::read_path;
use crate::hash::{Hash, leaf_hash};
use crate::lines::{Lines, decimal};
use crate::note::{Note, NoteError, NoteSignature, NoteSigner, NoteVerifier};
use crate::proof::{ProofError, verify_inclusion};
use crate::prove::Prover;
use crate::tile::{MAX_LEAF_BYTES, TileError, TileReader, read_leaf};
use crate::tlog_proof::TlogProof;

const MAGIC: &str = "portcullis/evidence@v1";
const FAMILY: &str = "portcullis/evidence@";
const END: &str = "end\n";

/// Leaves of one log tied to one checkpoint, verifiable offline with nothing but the log's key.
///
/// ```text
/// portcullis/evidence@v1
/// key log.example+1a2b3c4d+AX…          for display; must be one of the keys that signed
/// leaves 17 21                          all that belong here, ascending
/// — log.example BASE64                  that key's signature of this list under this checkpoint
///
/// leaf 17                               ascending
/// data BASE64                           the leaf as it was logged
/// hash BASE64                           its leaf hash, to tell an altered leaf from an altered proof
/// BASE64                                inclusion proof, leaf's sibling first
///
/// leaf 21
/// …
///
/// log.example                           the checkpoint, verbatim
/// 42
/// BASE64
///
/// — log.example BASE64
/// end
/// ```
///
/// What the list's signature is made of is a note of three lines, which no checkpoint can be:
///
/// ```text
/// portcullis/evidence@v1
/// leaves 17 21
/// tree 42 BASE64                        size and root hash of the checkpoint
/// ```
///
/// Nobody but the log can take a leaf out and make the list fit. Whether the log listed all that belongs to
/// a story follows from what its leaves say about each other; that is not this crate's to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFile {
    pub(crate) key: NoteVerifier,
    pub(crate) list: NoteSignature,
    pub(crate) leaves: Vec<EvidenceLeaf>,
    pub(crate) checkpoint: Note,
}

/// One leaf with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceLeaf {
    /// Index in the log.
    pub index: u64,
    /// The leaf as it was logged.
    pub data: Vec<u8>,
    /// Leaf hash as the file states it.
    pub hash: Hash,
    /// Inclusion proof.
    pub path: Vec<Hash>,
}

/// Why bytes are not an evidence file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Another kind of file.
    #[error("not an evidence file: it does not begin with {MAGIC:?}")]
    NotEvidence,
    /// A format of another version.
    #[error("evidence format {0:?} is not known here; use a newer release to verify it")]
    Version(String),
    /// The end is missing.
    #[error("truncated file: the last line is not \"end\"; get the whole file again")]
    Truncated,
    /// A line cannot be read.
    #[error("line {line} is malformed, expected {expected}: the file was altered")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A leaf that the file lists is not in it.
    #[error("entry dropped: leaf {index} is listed at the head of the file and missing from it")]
    LeafDropped {
        /// Index of the first one missing.
        index: u64,
    },
    /// A leaf that the file does not list is in it.
    #[error("entry added: leaf {index} is not listed at the head of the file")]
    LeafAdded {
        /// Index of the first one too many.
        index: u64,
    },
    /// Leaves are not ascending.
    #[error("entries reordered: leaf {index} comes after leaf {after}")]
    Reordered {
        /// Index of the leaf out of order.
        index: u64,
        /// Index before it in the file.
        after: u64,
    },
    /// The checkpoint or the key cannot be read.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Why evidence could not be put together from a stored log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// The stored log is incomplete or malformed.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// The stored log contradicts the checkpoint.
    #[error(
        "stored entry {index} does not lead to the checkpoint's root: {source}; run the log's audit"
    )]
    Proof {
        /// Index of the entry.
        index: u64,
        /// What does not fit.
        source: ProofError,
    },
    /// No leaf was asked for, and evidence of nothing proves nothing.
    #[error("no leaves were named: evidence needs at least one")]
    Nothing,
    /// The checkpoint carries no signature of the log's key.
    #[error("the checkpoint is not signed by {key}")]
    Unsigned {
        /// The key asked for, as text.
        key: String,
    },
}

impl EvidenceFile {
    /// Collects leaves of a stored log under a checkpoint; indexes may be in any order. The log's own `signer`
    /// signs that these are all.
    ///
    /// Every proof is verified before it is handed out.
    ///
    /// # Errors
    /// [`GatherError`] when the stored log is damaged or `signer` did not sign the checkpoint.
    pub fn gather(
        reader: &dyn TileReader,
        signed: &SignedCheckpoint,
        signer: &NoteSigner,
        indexes: &[u64],
    ) -> Result<Self, GatherError> {
        let key = signer.verifier();
        if !signed.signers().verified.contains(&key.to_string()) {
            return Err(GatherError::Unsigned {
                key: key.to_string(),
            });
        }
        if indexes.is_empty() {
            return Err(GatherError::Nothing);
        }
        let mut sorted = indexes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut prover = Prover::new(reader, signed.checkpoint().size());
        let leaves = sorted
            .into_iter()
            .map(|index| EvidenceLeaf::gather(reader, &mut prover, signed, index))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            key: key.clone(),
            list: signer.sign_text(&list_text(&leaves, signed.checkpoint())),
            leaves,
            checkpoint: signed.note().clone(),
        })
    }

    /// Reads the text form; verifies nothing but form, order and that what is listed is there.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let mut lines = Lines::new(body(bytes)?);
        lines.next();
        let key = lines.field("key").ok_or(EvidenceError::Malformed {
            line: 2,
            expected: "\"key\" and the log's verifier key",
        })?;
        let key = NoteVerifier::parse(key)?;
        let listed = lines.field("leaves").and_then(ascending);
        let listed = listed.ok_or(EvidenceError::Malformed {
            line: 3,
            expected: "\"leaves\" and their indexes, ascending, at least one",
        })?;
        let list = expect(&mut lines, "the signature of the list of leaves", |line| {
            NoteSignature::parse(line)
        })?;
        expect(&mut lines, "a blank line", |line| {
            line.is_empty().then_some(())
        })?;
        let leaves = parse_leaves(&mut lines)?;
        compare(&listed, &leaves)?;
        let checkpoint = Note::parse(lines.rest().as_bytes())?;
        Ok(Self {
            key,
            list,
            leaves,
            checkpoint,
        })
    }

    /// The key the file shows. Shown, not trusted: trust comes from elsewhere.
    pub fn key(&self) -> &NoteVerifier {
        &self.key
    }

    /// The leaves, ascending, not verified.
    pub fn leaves(&self) -> &[EvidenceLeaf] {
        &self.leaves
    }

    /// The checkpoint, not verified.
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// Checks that the key which the file shows signed this list of leaves under `checkpoint`.
    pub(crate) fn verify_list(&self, checkpoint: &Checkpoint) -> Result<(), NoteError> {
        let list = Note::detached(list_text(&self.leaves, checkpoint), self.list.clone());
        list.verify(std::slice::from_ref(&self.key)).map(drop)
    }

    /// The standard `tlog-proof` of one of the leaves; `None` if it is not in the file.
    pub fn tlog_proof(&self, index: u64) -> Option<TlogProof> {
        let leaf = self.leaves.iter().find(|leaf| leaf.index == index)?;
        Some(TlogProof {
            extra: None,
            index,
            path: leaf.path.clone(),
            checkpoint: self.checkpoint.clone(),
        })
    }
}

impl fmt::Display for EvidenceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC}\nkey {}", self.key)?;
        writeln!(f, "{}\n{}", list_line(&self.leaves), self.list)?;
        for leaf in &self.leaves {
            writeln!(f, "leaf {}", leaf.index)?;
            writeln!(f, "data {}", STANDARD.encode(&leaf.data))?;
            writeln!(f, "hash {}", leaf.hash)?;
            leaf.path
                .iter()
                .try_for_each(|hash| writeln!(f, "{hash}"))?;
            writeln!(f)?;
        }
        write!(f, "{}{END}", self.checkpoint)
    }
}

impl EvidenceLeaf {
    fn gather(
        reader: &dyn TileReader,
        prover: &mut Prover<'_>,
        signed: &SignedCheckpoint,
        index: u64,
    ) -> Result<Self, GatherError> {
        let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
        let data = read_leaf(reader, size, index)?;
        let leaf = Self {
            index,
            hash: leaf_hash(&data),
            data,
            path: prover.inclusion(index)?,
        };
        verify_inclusion(index, size, &leaf.hash, &leaf.path, root)
            .map_err(|source| GatherError::Proof { index, source })?;
        Ok(leaf)
    }

    fn parse(lines: &mut Lines<'_>, index: u64) -> Result<Self, EvidenceError> {
        let data = expect(lines, "\"data\" and a leaf in base64", |line| {
            let data = STANDARD.decode(line.strip_prefix("data ")?).ok()?;
            (data.len() <= MAX_LEAF_BYTES).then_some(data)
        })?;
        let hash = expect(lines, "\"hash\" and the leaf's hash in base64", |line| {
            Hash::from_base64(line.strip_prefix("hash ")?)
        })?;
        let path = read_path(lines).ok_or_else(|| EvidenceError::Malformed {
            line: lines.upcoming(),
            expected: "a hash in base64, or a blank line after the last one",
        })?;
        Ok(Self {
            index,
            data,
            hash,
            path,
        })
    }
}

/// The text between the first line and the end mark, which must both be there.
fn body(bytes: &[u8]) -> Result<&str, EvidenceError> {
    let text = std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        None => EvidenceError::Truncated,
        Some(_) => EvidenceError::NotEvidence,
    })?;
    let first = text.split('\n').next().unwrap_or_default();
    if first != MAGIC {
        return Err(match first.strip_prefix(FAMILY) {
            Some(_) if text.contains('\n') => EvidenceError::Version(first.to_owned()),
            _ if MAGIC.starts_with(text) => EvidenceError::Truncated,
            _ => EvidenceError::NotEvidence,
        });
    }
    text.strip_suffix(END)
        .filter(|body| body.ends_with('\n'))
        .ok_or(EvidenceError::Truncated)
}

/// What says which leaves belong to the file.
fn list_line(leaves: &[EvidenceLeaf]) -> String {
    leaves.iter().fold("leaves".to_owned(), |line, leaf| {
        format!("{line} {}", leaf.index)
    })
}

fn list_text(leaves: &[EvidenceLeaf], checkpoint: &Checkpoint) -> String {
    let (size, root) = (checkpoint.size(), checkpoint.root());
    format!("{MAGIC}\n{}\ntree {size} {root}\n", list_line(leaves))
}

/// Numbers behind each other, each larger than the one before.
fn ascending(text: &str) -> Option<Vec<u64>> {
    let indexes: Vec<u64> = text.split(' ').map(decimal).collect::<Option<_>>()?;
    indexes
        .is_sorted_by(|one, next| one < next)
        .then_some(indexes)
}

fn parse_leaves(lines: &mut Lines<'_>) -> Result<Vec<EvidenceLeaf>, EvidenceError> {
    let mut leaves: Vec<EvidenceLeaf> = Vec::new();
    loop {
        let line = lines.upcoming();
        let Some(text) = lines.field("leaf") else {
            return Ok(leaves);
        };
        let index = decimal(text).ok_or(EvidenceError::Malformed {
            line,
            expected: "\"leaf\" and its index",
        })?;
        if let Some(last) = leaves.last()
            && last.index >= index
        {
            return Err(EvidenceError::Reordered {
                index,
                after: last.index,
            });
        }
        leaves.push(EvidenceLeaf::parse(lines, index)?);
    }
}

fn compare(listed: &[u64], leaves: &[EvidenceLeaf]) -> Result<(), EvidenceError> {
    let found: Vec<u64> = leaves.iter().map(|leaf| leaf.index).collect();
    let lacks = |among: &[u64], index: &u64| among.binary_search(index).is_err();
    if let Some(index) = listed.iter().find(|index| lacks(&found, index)) {
        return Err(EvidenceError::LeafDropped { index: *index });
    }
    match found.iter().find(|index| lacks(listed, index)) {
        Some(index) => Err(EvidenceError::LeafAdded { index: *index }),
        None => Ok(()),
    }
}

fn expect<T>(
    lines: &mut Lines<'_>,
    expected: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, EvidenceError> {
    let line = lines.upcoming();
    lines
        .next()
        .and_then(read)
        .ok_or(EvidenceError::Malformed { line, expected })
}
