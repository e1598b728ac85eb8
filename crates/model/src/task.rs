//! A task: one program at a host, the arguments it takes, the account it runs as, and what was seen of both.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, ResourceId, TaskId};

/// A task as its owner declared it and three owners signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its identifier.
    pub id: TaskId,
    /// Where it runs.
    pub resource: ResourceId,
    /// Its name, unique on the resource: what people type.
    pub name: String,
    /// The account it runs as.
    pub account: String,
    /// The program's absolute path.
    pub program: String,
    /// Its arguments, in order.
    pub arguments: Vec<Argument>,
    /// What was seen at the host when it was declared. Whatever differs later is refused.
    pub seen: Probed,
}

/// One argument: fixed, or of a type a caller's word is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "argument", rename_all = "snake_case", deny_unknown_fields)]
pub enum Argument {
    /// Always this; callers do not type it.
    Literal {
        /// The word.
        text: String,
    },
    /// One of these words.
    Choice {
        /// The words.
        of: Vec<String>,
    },
    /// A whole number, without sign or leading zero.
    Number {
        /// The least.
        least: u64,
        /// The greatest.
        most: u64,
    },
    /// A service, timer or socket of systemd.
    Unit {},
    /// A file below a folder.
    Path {
        /// The folder, absolute.
        under: String,
    },
}

/// As `tasks add` reads it and `tasks show` prints it: `{unit}`, `{1-100}`, `{a|b}`, `{/var/log/…}`; anything else is a literal.
impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal { text } => f.write_str(text),
            Self::Choice { of } => write!(f, "{{{}}}", of.join("|")),
            Self::Number { least, most } => write!(f, "{{{least}-{most}}}"),
            Self::Unit {} => f.write_str("{unit}"),
            Self::Path { under } => write!(f, "{{{under}/…}}"),
        }
    }
}

impl Argument {
    /// Whether a caller types it.
    pub const fn is_typed(&self) -> bool {
        !matches!(self, Self::Literal { .. })
    }
}

/// What a task's account and program are, once nothing was found against them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    /// The account's number; never 0.
    pub uid: u32,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// Its login shell.
    pub shell: String,
    /// The SHA-256 of the program.
    pub program: Digest,
}

/// Everything a look at a host found, before it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The account's number.
    pub uid: u32,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// Its login shell.
    pub shell: String,
    /// What others than root can change and must not: its home, rc files, shell, the program, folders above them.
    pub held: Vec<String>,
    /// Variables of its environment that make shells or programs run something else.
    pub environment: BTreeSet<String>,
    /// Programs that let it do more, without asking.
    pub elevates: BTreeSet<String>,
    /// Where the program's path leads.
    pub leads_to: String,
    /// What is there, in the words of `stat`.
    pub kind: String,
    /// Whether it runs as somebody else than the account.
    pub switches_identity: bool,
    /// Whether the account can run it.
    pub executable: bool,
    /// Its SHA-256, when the account can read it.
    pub digest: Option<Digest>,
}
