//! What is done at a host, step by step. Each step changes only what it was planned to change, finds out by itself whether it
//! was done already, and is there whole or not at all: what was interrupted is done again from its beginning.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_model::Digest;

/// The one constant command that does it. It is given the path of sshd's configuration and then the steps, on its input; it
/// holds no single quote, so that any login shell hands it on as it is.
pub const ACT: &str = include_str!("act.sh");

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Keeps a plan before anything of it is done.
    Begin(String),
    /// Makes an account that nobody can sign in to by a password.
    Account(String),
    /// Writes a file that was absent, or held something else.
    Put {
        /// What it is kept under, if it was there.
        number: usize,
        /// Which.
        path: String,
        /// What it was; nothing if it was absent.
        before: Option<Digest>,
        /// The rights of a new one.
        mode: u32,
        /// All it is to hold.
        content: String,
        /// What of that is ours.
        added: String,
    },
    /// Gives a file back what it was.
    Back {
        /// What it is kept under.
        number: usize,
        /// Which.
        path: String,
        /// What it was; nothing if it was absent.
        before: Option<Digest>,
        /// What it is now.
        now: Digest,
    },
    /// Writes a file that others have changed since.
    Edit {
        /// Which.
        path: String,
        /// What it is now.
        now: Digest,
        /// All it is to hold.
        content: String,
    },
    /// Removes an account that was made.
    Unaccount(String),
    /// Asks sshd whether it would start so.
    Check,
    /// Has the sshd that runs as this process read its configuration again.
    Reload(u32),
    /// Records that the plan is done.
    Finish,
    /// Forgets the plan.
    Forget,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    /// All of it is done.
    Well,
    /// A step was not done, nor any after it, and why.
    Stopped {
        /// Which of the steps, from 0.
        at: usize,
        /// Why.
        why: String,
    },
    /// The host says no more after so many steps: the last of them and the next may be done or not.
    Silent {
        /// How many steps were said to be done.
        after: usize,
    },
}

impl Act {
    /// The line that has it done.
    fn line(&self) -> String {
        let encoded = |text: &str| STANDARD.encode(text);
        let known =
            |digest: &Option<Digest>| digest.map_or("absent".to_owned(), |it| it.to_string());
        match self {
            Self::Begin(plan) => format!("begin {}", encoded(plan)),
            Self::Account(name) => format!("account {name}"),
            Self::Put {
                number,
                path,
                before,
                mode,
                content,
                added: _,
            } => format!(
                "put {number} {} {} {} {mode:o} {}",
                encoded(path),
                known(before),
                Digest::of_bytes(content.as_bytes()),
                encoded(content)
            ),
            Self::Back {
                number,
                path,
                before,
                now,
            } => format!("back {number} {} {} {now}", encoded(path), known(before)),
            Self::Edit { path, now, content } => format!(
                "edit {} {now} {} {}",
                encoded(path),
                Digest::of_bytes(content.as_bytes()),
                encoded(content)
            ),
            Self::Unaccount(name) => format!("unaccount {name}"),
            Self::Check => "check".to_owned(),
            Self::Reload(process) => format!("reload {process}"),
            Self::Finish => "finish".to_owned(),
            Self::Forget => "forget".to_owned(),
        }
    }

    /// Steps as they are kept.
    pub(crate) fn text(acts: &[Self]) -> String {
        acts.iter().map(|act| act.line() + "\n").collect()
    }

    /// Everything that [`ACT`] reads to do these, of the sshd with this configuration.
    pub fn input(config: &str, acts: &[Self]) -> String {
        format!("{}\n{}", STANDARD.encode(config), Self::text(acts))
    }

    /// Reads how it went, from what was said about this many steps.
    pub fn went(steps: usize, told: &[u8]) -> Went {
        let text = String::from_utf8_lossy(told);
        let mut lines = text.lines();
        for at in 0..steps {
            match lines.next() {
                Some("done") => {}
                Some(line) if line.starts_with("failed ") => {
                    let encoded = line.trim_start_matches("failed ");
                    let why = STANDARD.decode(encoded).unwrap_or_default();
                    let why = String::from_utf8_lossy(&why).into_owned();
                    return Went::Stopped { at, why };
                }
                _ => return Went::Silent { after: at },
            }
        }
        if lines.next() == Some("end") {
            Went::Well
        } else {
            Went::Silent { after: steps }
        }
    }
}

/// As it is told beforehand.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(_) => write!(f, "keep what was there before, in {}", crate::KEPT),
            Self::Account(name) => write!(
                f,
                "add the account {name}: no password, no home, no group but its own, /bin/sh"
            ),
            Self::Put {
                path,
                before: None,
                content,
                ..
            } => write!(f, "write {path}:{}", Indented(content)),
            Self::Put { path, added, .. } => write!(f, "add to {path}:{}", Indented(added)),
            Self::Back {
                path, before: None, ..
            } => write!(f, "remove {path}"),
            Self::Back { path, .. } => write!(f, "put {path} back as it was"),
            Self::Edit { path, .. } => write!(
                f,
                "take our lines out of {path}, which others have changed since"
            ),
            Self::Unaccount(name) => write!(f, "remove the account {name}"),
            Self::Check => f.write_str("ask sshd whether it would start so"),
            Self::Reload(process) => {
                write!(f, "have sshd (process {process}) read it; sessions stay")
            }
            Self::Finish => write!(f, "record in {} that it is done", crate::KEPT),
            Self::Forget => write!(f, "remove {}", crate::KEPT),
        }
    }
}

struct Indented<'a>(&'a str);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .lines()
            .try_for_each(|line| write!(f, "\n      {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_within_its_quotes_and_keeps_where_it_is_said_to() {
        assert!(!ACT.contains('\''));
        assert!(ACT.contains(&format!("kept={}\n", crate::KEPT)));
    }

    #[test]
    fn how_it_went_is_read_from_what_was_said() {
        assert_eq!(Act::went(2, b"done\ndone\nend\n"), Went::Well);
        assert_eq!(Act::went(2, b"done\n"), Went::Silent { after: 1 });
        assert_eq!(Act::went(2, b"done\ndone\n"), Went::Silent { after: 2 });
        assert_eq!(
            Act::went(2, b"Welcome!\ndone\ndone\nend\n"),
            Went::Silent { after: 0 }
        );
        let stopped = Went::Stopped {
            at: 1,
            why: "no".to_owned(),
        };
        assert_eq!(Act::went(3, b"done\nfailed bm8=\n"), stopped);
    }
}
