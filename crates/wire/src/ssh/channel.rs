//! What a session channel carries, in terms both sides share.

use portcullis_model::visible;
use russh::{Pty, Sig};

/// The size of a terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns of text.
    pub columns: u32,
    /// Rows of text.
    pub rows: u32,
    /// Width in pixels, 0 when unknown.
    pub width: u32,
    /// Height in pixels, 0 when unknown.
    pub height: u32,
}

/// A terminal as the client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// The value of `TERM`.
    pub term: String,
    /// Its size.
    pub size: TerminalSize,
    pub(crate) modes: Vec<(Pty, u32)>,
}

impl Terminal {
    /// A terminal with the target's own modes.
    pub fn new(term: impl Into<String>, size: TerminalSize) -> Self {
        Self {
            term: term.into(),
            size,
            modes: Vec::new(),
        }
    }
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The account's login shell.
    Shell,
    /// A command line.
    Exec(Vec<u8>),
}

/// How a program ended that a signal ended (RFC 4254, section 6.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitSignal {
    /// The signal's name without `SIG`.
    pub name: String,
    /// Whether memory was written to a file.
    pub core_dumped: bool,
    /// The target's words.
    pub message: String,
}

impl ExitSignal {
    /// Bytes of a target's own words in it: the name is one of them, since any will do.
    pub(crate) const fn bytes(&self) -> usize {
        self.name.len().saturating_add(self.message.len())
    }
}

/// Something that is refused by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A subsystem, such as `sftp`.
    Subsystem(String),
    /// A connection from the client through the target: `-L`, `-D`, `-W`, or a Unix socket.
    Forward(String),
    /// A listener at the target for the client: `-R`.
    RemoteForward(String),
    /// The client's key agent: `-A`.
    Agent,
    /// The client's screen: `-X`.
    X11,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Subsystem(name) => write!(f, "subsystem {}", plain(name)),
            Self::Forward(to) => write!(f, "forwarding to {}", plain(to)),
            Self::RemoteForward(from) => write!(f, "remote forwarding of {}", plain(from)),
            Self::Agent => f.write_str("agent forwarding"),
            Self::X11 => f.write_str("X11 forwarding"),
        }
    }
}

/// A client's text, short and harmless to a terminal, for messages and records.
fn plain(text: &str) -> String {
    visible(&text.chars().take(100).collect::<String>())
}

pub(crate) fn signal_name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}

/// On the wire a signal is its name, whatever variant carries it.
pub(crate) fn signal(name: &str) -> Sig {
    Sig::Custom(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_keep_their_names() {
        assert_eq!(signal_name(&Sig::TERM), "TERM");
        assert_eq!(signal_name(&signal("WINCH")), "WINCH");
    }

    #[test]
    fn the_name_that_a_target_gives_a_signal_is_paid_for_like_its_message() {
        let signal = ExitSignal {
            name: signal_name(&signal(&"X".repeat(1000))),
            core_dumped: false,
            message: "over".to_owned(),
        };
        assert_eq!(signal.bytes(), 1004);
    }

    #[test]
    fn what_a_client_names_cannot_break_a_line() {
        let sneaky = Refused::Subsystem("sftp\r\n\u{1b}[2J\u{202e}".to_owned()).to_string();
        assert!(!sneaky.chars().any(portcullis_model::acts), "{sneaky:?}");
    }
}
