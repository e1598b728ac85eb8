//! Key slots: the only form in which an installation root is stored. Each is opened by something else.

mod blob;
mod passphrase;
mod set;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use portcullis_model::{InstallationId, Secret, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::framing::FormatError;
use crate::root::InstallationRoot;

pub use passphrase::{KdfCost, MIN_PASSPHRASE_CHARS, Passphrase};
pub use set::{SlotProblem, Slots};

const MAX_LABEL_CHARS: usize = 64;
const MAX_KIND_LEN: usize = 32;

/// Why a slot cannot be made, read or opened, or a set of slots not be changed. It never holds a key or passphrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// The blob is no well-formed slot.
    #[error("slot {label:?}: {error}")]
    Format {
        /// The slot.
        label: String,
        /// What is wrong.
        error: FormatError,
    },
    /// The blob is not what was written.
    #[error(
        "slot {label:?} is damaged: its checksum does not match; use another slot, then replace this one"
    )]
    Damaged {
        /// The slot.
        label: String,
    },
    /// The record says one kind, the blob another.
    #[error("slot {label:?} is recorded as {recorded} but made as {made}; restore the record")]
    KindMismatch {
        /// The slot.
        label: String,
        /// The kind in the record.
        recorded: SlotKind,
        /// The kind in the blob.
        made: String,
    },
    /// A passphrase was given for a slot that something else opens.
    #[error("slot {label:?} is opened by {kind}, not by a passphrase")]
    NotByPassphrase {
        /// The slot.
        label: String,
        /// Its kind.
        kind: SlotKind,
    },
    /// The slot was made for another installation.
    #[error("slot {label:?} belongs to {found}, not to {wanted}; check which slots were read")]
    OtherInstallation {
        /// The slot.
        label: String,
        /// The installation that is to be opened.
        wanted: InstallationId,
        /// The installation the slot names.
        found: String,
    },
    /// The slot is whole, the passphrase is not the one it was made with.
    #[error("the passphrase does not open slot {label:?}; try again")]
    WrongPassphrase {
        /// The slot.
        label: String,
    },
    /// Checksum and passphrase are right, the wrapped root is not: somebody rewrote it.
    #[error(
        "slot {label:?} was altered on purpose: its checksum is right, its contents are not; use another slot"
    )]
    Altered {
        /// The slot.
        label: String,
    },
    /// What came out of a slot is not this installation's root.
    #[error("this installation root is not the one of {installation}; check which slot was opened")]
    WrongRoot {
        /// The installation.
        installation: InstallationId,
    },
    /// Too short to withstand guessing.
    #[error("a slot's passphrase has at least {MIN_PASSPHRASE_CHARS} characters")]
    WeakPassphrase,
    /// Outside the range of [`KdfCost::new`].
    #[error(
        "Argon2id with {memory_kib} KiB, {passes} passes, {lanes} lanes is out of range; see the limits of key slots"
    )]
    CostOutOfRange {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// Argon2id failed, for lack of memory or because the input is longer than 4 GiB.
    #[error("Argon2id failed: {0}")]
    Kdf(String),
    /// No good label.
    #[error("a slot's label has 1 to {MAX_LABEL_CHARS} characters and no control characters")]
    Label,
    /// No good kind.
    #[error("{0:?} is not a kind of slot: at most {MAX_KIND_LEN} of a-z, 0-9 and -")]
    Kind(String),
    /// There is a slot of that label.
    #[error("there is a slot {label:?} already; choose another label")]
    DuplicateLabel {
        /// The label.
        label: String,
    },
    /// There is no slot of that label.
    #[error("there is no slot {label:?}")]
    NoSuchSlot {
        /// The label.
        label: String,
    },
    /// The set would not be safe to live with.
    #[error("the slots would not do: {}", set::in_words(.0))]
    Insufficient(Vec<SlotProblem>),
    /// The stored set is not the JSON it should be.
    #[error("the stored slots cannot be read: {0}")]
    Json(String),
    /// The stored set has a version this build does not know.
    #[error(
        "the stored slots have format version {0}, which this build does not know; use a newer build"
    )]
    SetVersion(u32),
    /// Keys could not be handled.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What opens a slot: `passphrase`, `age`, … A name, so that a new kind needs no change here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SlotKind(Cow<'static, str>);

impl SlotKind {
    /// A passphrase, through Argon2id.
    pub const PASSPHRASE: Self = Self(Cow::Borrowed("passphrase"));

    /// A kind by name: at most 32 of `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, SlotError> {
        let good = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if good && !name.is_empty() && name.len() <= MAX_KIND_LEN {
            return Ok(Self(Cow::Owned(name.to_owned())));
        }
        Err(SlotError::Kind(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SlotKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Where the thing is that opens a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// On the machine, or at a service it can reach: it opens unattended and is lost with them.
    Online,
    /// With a person or in a safe, independent of any machine, cloud or hardware module.
    Offline,
}

/// The installation root, wrapped so that one thing opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    kind: SlotKind,
    label: String,
    custody: Custody,
    created_at: Timestamp,
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    blob: Vec<u8>,
}

impl Slot {
    /// A slot that a passphrase opens. Takes the time and memory of [`KdfCost`]: not for an event loop.
    pub fn from_passphrase(
        label: &str,
        created_at: Timestamp,
        root: &InstallationRoot,
        by: &Passphrase<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, SlotError> {
        let body = passphrase::seal(root, by, entropy)?;
        Self::of_body(
            SlotKind::PASSPHRASE,
            label,
            Custody::Offline,
            created_at,
            &body,
        )
    }

    /// A slot whose contents something else wrapped, such as an age file. What is in it is not looked at: whoever
    /// makes one opens it once and asks [`Slots::recognise`].
    pub fn from_sealer(
        kind: SlotKind,
        label: &str,
        custody: Custody,
        created_at: Timestamp,
        wrapped: &[u8],
    ) -> Result<Self, SlotError> {
        if kind == SlotKind::PASSPHRASE {
            return Err(SlotError::Kind(kind.to_string()));
        }
        Self::of_body(kind, label, custody, created_at, wrapped)
    }

    fn of_body(
        kind: SlotKind,
        label: &str,
        custody: Custody,
        created_at: Timestamp,
        body: &[u8],
    ) -> Result<Self, SlotError> {
        let chars = label.chars().count();
        if chars == 0 || chars > MAX_LABEL_CHARS || label.chars().any(char::is_control) {
            return Err(SlotError::Label);
        }
        Ok(Self {
            blob: blob::write(&kind, body),
            kind,
            label: label.to_owned(),
            custody,
            created_at,
        })
    }

    /// What the sealer wrapped, after its checksum was checked.
    pub fn wrapped(&self) -> Result<&[u8], SlotError> {
        blob::read(self)
    }

    /// Opens a slot made by [`Slot::from_passphrase`]. Tells a wrong passphrase from a damaged slot, and both from
    /// one that somebody rewrote. Takes the time and memory recorded in the slot.
    pub fn open_with_passphrase(
        &self,
        installation: InstallationId,
        given: &Secret<String>,
    ) -> Result<InstallationRoot, SlotError> {
        if self.kind != SlotKind::PASSPHRASE {
            return Err(SlotError::NotByPassphrase {
                label: self.label.clone(),
                kind: self.kind.clone(),
            });
        }
        passphrase::open(&self.label, self.wrapped()?, installation, given)
    }

    /// What opens it.
    pub const fn kind(&self) -> &SlotKind {
        &self.kind
    }

    /// Its name among the slots.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Where the thing is that opens it.
    pub const fn custody(&self) -> Custody {
        self.custody
    }

    /// When it was made.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("kind", &self.kind.as_str())
            .field("label", &self.label)
            .field("custody", &self.custody)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    BASE64
        .decode(String::deserialize(deserializer)?)
        .map_err(de::Error::custom)
}
