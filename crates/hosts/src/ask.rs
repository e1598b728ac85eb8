//! What is asked of a host, and its answers: one line each way for each.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The one constant command that answers. It is given the path of sshd's configuration and then what is asked, on its input;
/// it holds no single quote, so that any login shell hands it on as it is.
pub const LOOK: &str = include_str!("look.sh");

/// The most lines of anything that are read: more of them count as not read at all.
const MOST_LINES: usize = 100_000;

/// Something to be told about a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// What a file holds.
    File(String),
    /// What is in a folder.
    Folder(String),
    /// What sshd would do for an account.
    Settings(String),
    /// All accounts.
    Accounts,
    /// All groups.
    Groups,
    /// Which accounts have a password, and which an empty one.
    Passwords,
    /// Every sshd that waits for clients.
    Listeners,
    /// The files that say whom a PostgreSQL lets in.
    Databases,
    /// Programs that add and remove accounts.
    Tools,
}

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A file, and what surrounds it.
    File {
        /// Its rights, such as 0o644.
        mode: u32,
        /// Whose it is.
        uid: u32,
        /// How many names it has.
        names: u32,
        /// Whether the path asked for is a link to it.
        is_link: bool,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// Lines.
    Text(String),
    /// There is nothing.
    Absent,
    /// There is something that cannot be told, and why.
    Not(String),
}

/// A host that answers otherwise than it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the host's answer is not what was asked for ({0}): is something in its shell's start-up files printing?"
)]
pub struct Garbled(pub String);

impl Ask {
    /// The line that asks.
    fn line(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", STANDARD.encode(path)),
            Self::Folder(path) => format!("folder {}", STANDARD.encode(path)),
            Self::Settings(account) => format!("settings {}", STANDARD.encode(account)),
            Self::Accounts => "accounts".to_owned(),
            Self::Groups => "groups".to_owned(),
            Self::Passwords => "passwords".to_owned(),
            Self::Listeners => "listeners".to_owned(),
            Self::Databases => "databases".to_owned(),
            Self::Tools => "tools".to_owned(),
        }
    }

    /// Everything that [`LOOK`] reads to answer these, of the sshd with this configuration.
    pub fn input(config: &str, asks: &[Self]) -> String {
        let first = std::iter::once(STANDARD.encode(config));
        let lines = first.chain(asks.iter().map(Self::line));
        lines.map(|line| line + "\n").collect()
    }

    /// Reads what it answered, in the order it was asked.
    pub fn answers(asks: &[Self], told: &[u8]) -> Result<Vec<Answer>, Garbled> {
        let text = std::str::from_utf8(told).map_err(|_| Garbled("it is no text".to_owned()))?;
        let mut lines = text.split_terminator('\n');
        let mut answers = Vec::new();
        for ask in asks {
            let line = lines
                .next()
                .ok_or_else(|| Garbled(format!("it ends before {ask}")))?;
            let answer = Answer::read(line).ok_or_else(|| Garbled(format!("to {ask}")))?;
            answers.push(answer);
        }
        if lines.next() != Some("end") || lines.next().is_some() {
            return Err(Garbled("it does not end where it should".to_owned()));
        }
        Ok(answers)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Folder(path) => f.write_str(path),
            Self::Settings(account) => write!(f, "what sshd does for {account}"),
            Self::Accounts => f.write_str("the accounts"),
            Self::Groups => f.write_str("the groups"),
            Self::Passwords => f.write_str("who has a password"),
            Self::Listeners => f.write_str("the servers that run"),
            Self::Databases => f.write_str("the databases"),
            Self::Tools => f.write_str("the programs for accounts"),
        }
    }
}

impl Answer {
    fn read(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "absent" if rest.is_empty() => Some(Self::Absent),
            "text" => Some(Self::Text(decoded_text(rest)?)),
            "not" => Some(Self::Not(decoded_text(rest)?)),
            "file" => {
                let mut words = rest.split(' ');
                let size: usize = words.next()?.parse().ok()?;
                let mode = u32::from_str_radix(words.next()?, 8).ok()?;
                let uid = words.next()?.parse().ok()?;
                let _group: u32 = words.next()?.parse().ok()?;
                let names = words.next()?.parse().ok()?;
                let is_link = match words.next()? {
                    "0" => false,
                    "1" => true,
                    _ => return None,
                };
                let bytes = STANDARD.decode(words.next().unwrap_or_default()).ok()?;
                if words.next().is_some() {
                    return None;
                }
                if bytes.len() != size {
                    return Some(Self::Not("it cannot be read whole".to_owned()));
                }
                Some(Self::File {
                    mode,
                    uid,
                    names,
                    is_link,
                    bytes,
                })
            }
            _ => None,
        }
    }

    /// What it says, whatever alphabet it is in; nothing where there is none, or more lines than are believed.
    pub(crate) fn text(&self) -> Option<String> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            Self::Absent | Self::Not(_) => return None,
        };
        (text.lines().count() <= MOST_LINES).then_some(text)
    }
}

/// What is no text is shown as far as it is: somebody at the host may write anything where we look.
fn decoded_text(encoded: &str) -> Option<String> {
    let bytes = STANDARD.decode(encoded).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_within_its_quotes() {
        assert!(!LOOK.contains('\''));
    }

    #[test]
    fn what_is_asked_is_one_line_each_whatever_it_names() {
        let asks = [Ask::File("/a b\n'\"".to_owned()), Ask::Accounts];
        let input = Ask::input("/etc/ssh/sshd_config", &asks);
        assert_eq!(input.lines().count(), 3);
        assert!(!input.contains('\'') && !input.contains('"'));
    }

    #[test]
    fn answers_are_read_in_their_order() {
        let asks = [
            Ask::File("/a".to_owned()),
            Ask::File("/b".to_owned()),
            Ask::Accounts,
            Ask::Settings("x".to_owned()),
        ];
        let told = b"file 2 644 0 0 1 1 aGk=\nabsent\ntext \nnot bm8=\nend\n";
        let answers = Ask::answers(&asks, told).unwrap();
        assert_eq!(
            answers.first().unwrap(),
            &Answer::File {
                mode: 0o644,
                uid: 0,
                names: 1,
                is_link: true,
                bytes: b"hi".to_vec()
            }
        );
        assert_eq!(
            answers[1..],
            [
                Answer::Absent,
                Answer::Text(String::new()),
                Answer::Not("no".to_owned())
            ]
        );
    }

    #[test]
    fn what_could_not_be_read_whole_is_known_not_to_be() {
        let answers = Ask::answers(&[Ask::Accounts], b"file 3 644 0 0 1 0 aGk=\nend\n").unwrap();
        assert!(matches!(answers.as_slice(), [Answer::Not(_)]));
    }

    #[test]
    fn what_is_in_no_alphabet_is_text_all_the_same() {
        let answers = Ask::answers(&[Ask::Listeners], b"text gIGC\nend\n").unwrap();
        assert!(matches!(answers.as_slice(), [Answer::Text(_)]));
    }

    #[test]
    fn an_answer_that_lacks_something_or_says_more_is_none() {
        let asks = [Ask::Accounts];
        for told in [
            "",
            "end\n",
            "text aGk=\n",
            "text aGk=\nend\nmore\n",
            "Welcome!\ntext aGk=\nend\n",
            "text ***\nend\n",
            "file 2 644 0 0 1 2 aGk=\nend\n",
            "file 2 999 0 0 1 0 aGk=\nend\n",
            "file 2 644 0 0 1 0 aGk= more\nend\n",
            "absent x\nend\n",
            "sings aGk=\nend\n",
        ] {
            assert!(Ask::answers(&asks, told.as_bytes()).is_err(), "{told:?}");
        }
    }
}
