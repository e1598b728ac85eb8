//! What a tape records: typed events on numbered tracks, each with its time.
//! The same for every format version; how they are written is the version's own affair.

use serde::{Deserialize, Serialize};

/// One recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Track it belongs to.
    pub track: u32,
    /// Milliseconds since the session's start.
    pub at_ms: u64,
    /// What happened.
    pub event: Event,
}

/// What happened on a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A track begins that the header does not name.
    TrackOpened(TrackKind),
    /// Bytes the target sent, or a command's standard output.
    Output(Vec<u8>),
    /// A command's standard error.
    ErrorOutput(Vec<u8>),
    /// Bytes the person sent. Recorded where no terminal echoes them; what is typed at a terminal may be a
    /// password, and shows in its output unless it is.
    Input(Vec<u8>),
    /// The terminal's size, at its start and when it changes.
    Resize {
        /// Columns of text.
        columns: u16,
        /// Rows of text.
        rows: u16,
    },
    /// The command that was executed, as bytes of its canonical form.
    Command(Vec<u8>),
    /// The program on the track ended.
    Exit(Exit),
    /// Something the product did or told.
    Notice(Notice),
    /// An event of a kind this release does not know; kept as it is.
    Other {
        /// Kind number in the format.
        kind: u8,
        /// Payload as recorded.
        payload: Vec<u8>,
    },
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With an exit status.
    Status(u32),
    /// By a signal, named as in SSH (`KILL`, `TERM`).
    Signal(String),
    /// The connection to it was lost; how it ended is not known.
    Lost,
}

/// Something the product did during a session, or told those in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case", deny_unknown_fields)]
pub enum Notice {
    /// Somebody began to watch.
    WatcherJoined {
        /// Their identity.
        who: String,
    },
    /// Somebody ceased to watch.
    WatcherLeft {
        /// Their identity.
        who: String,
    },
    /// A message was shown in the session.
    Message {
        /// Its author.
        from: String,
        /// Its text.
        text: String,
    },
    /// The session was ended from outside.
    Killed {
        /// By whom, or by which rule.
        by: String,
        /// Why.
        reason: String,
    },
    /// A decision was made within the session.
    Decision {
        /// What was to be done.
        action: String,
        /// Whether it was allowed.
        allowed: bool,
        /// Why, as told to the person.
        reason: String,
    },
}

/// What a track records. Kinds for files, SQL, HTTP and screens are reserved in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// An interactive terminal.
    Terminal,
    /// One command without a terminal.
    Exec,
    /// The session as a whole: watchers, messages, decisions.
    Event,
}
