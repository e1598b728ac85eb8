//! The slots of an installation, and whether they would survive the loss of one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use portcullis_model::{InstallationId, Secret};
use serde::{Deserialize, Serialize};

use super::{Custody, Slot, SlotError};
use crate::key::KEY_LEN;
use crate::root::InstallationRoot;

const VERSION: u32 = 1;
const FEWEST: usize = 2;

/// What is wrong with a set of slots; its text says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotProblem {
    /// Losing one slot would lose everything.
    TooFew {
        /// How many whole, different slots there are.
        have: usize,
    },
    /// Losing the machine, its cloud or its hardware module would lose everything.
    NoneOffline,
    /// A slot's bytes are not what was written.
    Damaged {
        /// The slot.
        label: String,
    },
    /// Two slots share a label, so that neither can be named.
    SameLabel {
        /// The label.
        label: String,
    },
    /// Two slots are one under two names.
    SameContents {
        /// The one that was there first.
        first: String,
        /// Its copy.
        copy: String,
    },
}

impl fmt::Display for SlotProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { have } => write!(
                f,
                "{have} of at least {FEWEST} slots are usable, so losing one could lose every secret; add a slot"
            ),
            Self::NoneOffline => f.write_str(
                "no slot is kept offline, so losing this machine could lose every secret; add a passphrase slot",
            ),
            Self::Damaged { label } => {
                write!(f, "slot {label:?} is damaged; add another, then remove it")
            }
            Self::SameLabel { label } => {
                write!(f, "two slots are labelled {label:?}; rename one")
            }
            Self::SameContents { first, copy } => write!(
                f,
                "slot {copy:?} is a copy of {first:?} and opens no second way; replace it"
            ),
        }
    }
}

/// All slots of one installation. At least two are whole and different, and at least one is offline.
#[derive(Clone, PartialEq, Eq)]
pub struct Slots {
    installation: InstallationId,
    /// Derived from the root: tells it from others and nothing about it.
    recognition: [u8; KEY_LEN],
    held: Vec<Slot>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    installation: InstallationId,
    recognition: String,
    slots: Vec<Slot>,
}

impl Slots {
    /// The first slots of an installation; refused unless [`Slots::check`] finds nothing.
    pub fn new(
        installation: InstallationId,
        root: &InstallationRoot,
        slots: Vec<Slot>,
    ) -> Result<Self, SlotError> {
        let new = Self {
            installation,
            recognition: *root.recognition()?.expose(),
            held: slots,
        };
        new.sufficient()
    }

    /// Reads a stored set. One that [`Slots::check`] complains about is still read: it may be all there is to open
    /// the vault with.
    pub fn from_json(text: &str) -> Result<Self, SlotError> {
        let stored: Stored =
            serde_json::from_str(text).map_err(|error| SlotError::Json(error.to_string()))?;
        if stored.version != VERSION {
            return Err(SlotError::SetVersion(stored.version));
        }
        let recognition = BASE64.decode(&stored.recognition).ok();
        let recognition = recognition.and_then(|bytes| <[u8; KEY_LEN]>::try_from(bytes).ok());
        Ok(Self {
            installation: stored.installation,
            recognition: recognition
                .ok_or_else(|| SlotError::Json("recognition is not 32 bytes of base64".into()))?,
            held: stored.slots,
        })
    }

    /// The text to store. It holds no key in clear; a passphrase can be guessed at with it, at the slot's cost.
    pub fn to_json(&self) -> Result<String, SlotError> {
        let stored = Stored {
            version: VERSION,
            installation: self.installation,
            recognition: BASE64.encode(self.recognition),
            slots: self.held.clone(),
        };
        serde_json::to_string_pretty(&stored).map_err(|error| SlotError::Json(error.to_string()))
    }

    /// Everything that is wrong with the set; nothing when it is sound.
    pub fn check(&self) -> Vec<SlotProblem> {
        let mut problems = Vec::new();
        let mut usable: Vec<&Slot> = Vec::new();
        for (place, slot) in self.held.iter().enumerate() {
            let label = slot.label.clone();
            let mut before = self.held.iter().take(place);
            if before.any(|other| other.label == slot.label) {
                problems.push(SlotProblem::SameLabel {
                    label: label.clone(),
                });
            }
            if slot.wrapped().is_err() {
                problems.push(SlotProblem::Damaged { label });
            } else if let Some(first) = usable.iter().find(|other| other.blob == slot.blob) {
                let first = first.label.clone();
                problems.push(SlotProblem::SameContents { first, copy: label });
            } else {
                usable.push(slot);
            }
        }
        if usable.len() < FEWEST {
            problems.push(SlotProblem::TooFew { have: usable.len() });
        }
        if !usable.iter().any(|slot| slot.custody == Custody::Offline) {
            problems.push(SlotProblem::NoneOffline);
        }
        problems
    }

    /// Adds a slot.
    pub fn add(&mut self, slot: Slot) -> Result<(), SlotError> {
        if self.get(&slot.label).is_some() {
            return Err(SlotError::DuplicateLabel { label: slot.label });
        }
        self.held.push(slot);
        Ok(())
    }

    /// Removes a slot; refused if what remains would not be sound.
    pub fn remove(&mut self, label: &str) -> Result<Slot, SlotError> {
        let place = self.held.iter().position(|slot| slot.label == label);
        let place = place.ok_or_else(|| SlotError::NoSuchSlot {
            label: label.to_owned(),
        })?;
        let mut rest = self.clone();
        let removed = rest.held.remove(place);
        *self = rest.sufficient()?;
        Ok(removed)
    }

    /// A slot by label.
    pub fn get(&self, label: &str) -> Option<&Slot> {
        self.held.iter().find(|slot| slot.label == label)
    }

    /// The slots, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.held.iter()
    }

    /// Whose slots these are.
    pub const fn installation(&self) -> InstallationId {
        self.installation
    }

    /// Checks that a root which came out of a slot is this installation's.
    pub fn recognise(&self, root: &InstallationRoot) -> Result<(), SlotError> {
        let found = root.recognition()?;
        if Secret::new(*found.expose()) == Secret::new(self.recognition) {
            return Ok(());
        }
        Err(SlotError::WrongRoot {
            installation: self.installation,
        })
    }

    /// Opens a passphrase slot and checks that it gave this installation's root.
    pub fn open_with_passphrase(
        &self,
        label: &str,
        given: &Secret<String>,
    ) -> Result<InstallationRoot, SlotError> {
        let slot = self.get(label).ok_or_else(|| SlotError::NoSuchSlot {
            label: label.to_owned(),
        })?;
        let root = slot.open_with_passphrase(self.installation, given)?;
        self.recognise(&root)?;
        Ok(root)
    }

    fn sufficient(self) -> Result<Self, SlotError> {
        match self.check() {
            problems if problems.is_empty() => Ok(self),
            problems => Err(SlotError::Insufficient(problems)),
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("installation", &self.installation)
            .field("slots", &self.held)
            .finish_non_exhaustive()
    }
}

pub(super) fn in_words(problems: &[SlotProblem]) -> String {
    let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
    words.join("; ")
}
