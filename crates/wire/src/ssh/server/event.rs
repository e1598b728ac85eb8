//! What a client does, and what its owner may answer.

use std::borrow::Cow;

use bytes::Bytes;
use portcullis_model::Secret;
use russh::server::Auth;
use russh::{MethodKind, MethodSet};
use tokio::sync::oneshot;

use super::FrontChannel;
use crate::ssh::channel::{Refused, Start, Terminal, TerminalSize};
use crate::ssh::keys::PublicKey;

/// What a client may still do after it was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is in.
    Accept,
    /// This much is proved; a code comes next.
    NextFactor,
    /// Ask for this.
    Ask {
        /// The words of the prompt.
        prompt: String,
    },
    /// No; it may try another key.
    RefuseKey,
    /// No; it may try another code.
    RefuseCode,
    /// No, and nothing is left to try.
    RefuseAll,
}

impl Answer {
    pub(super) fn into_auth(self) -> Auth {
        match self {
            Self::Accept => Auth::Accept,
            Self::Ask { prompt } => Auth::Partial {
                name: Cow::Borrowed(""),
                instructions: Cow::Borrowed(""),
                prompts: Cow::Owned(vec![(Cow::Owned(prompt), false)]),
            },
            Self::NextFactor => rejected(&[MethodKind::KeyboardInteractive], true),
            Self::RefuseKey => rejected(&[MethodKind::PublicKey], false),
            Self::RefuseCode => rejected(&[MethodKind::KeyboardInteractive], false),
            Self::RefuseAll => rejected(&[], false),
        }
    }
}

fn rejected(left: &[MethodKind], partial_success: bool) -> Auth {
    Auth::Reject {
        proceed_with_methods: Some(MethodSet::from(left)),
        partial_success,
    }
}

/// What a client did, for the connection's owner. When there are no more, the connection is gone.
#[derive(Debug)]
pub enum FrontEvent {
    /// The transport is encrypted; sign-in begins.
    Encrypted,
    /// A key was named, without or before its signature. Proves nothing; nothing may be recorded of it.
    Offered {
        /// The user name.
        user: String,
        /// The key.
        key: PublicKey,
        /// Whether a signature is worth asking for.
        answer: oneshot::Sender<bool>,
    },
    /// A key whose signature over this very connection was verified.
    Proved {
        /// The user name.
        user: String,
        /// The key.
        key: PublicKey,
        /// What it is worth.
        answer: oneshot::Sender<Answer>,
    },
    /// A prompt is wanted, or was answered. Comes whatever was advertised: the owner checks that it is time.
    Coded {
        /// The user name.
        user: String,
        /// The answer to the prompt, once there was one.
        code: Option<Secret<String>>,
        /// What it is worth.
        answer: oneshot::Sender<Answer>,
    },
    /// The client was let in.
    SignedIn,
    /// A session channel was opened and accepted; nothing runs on it yet.
    Opened(FrontChannel),
    /// Something was refused by name.
    Refused(Refused),
}

/// What a client does on its channel. When there are no more, the channel or the connection is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrontInput {
    /// A terminal is wanted.
    Terminal(Terminal),
    /// A variable to be passed on.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Something is to be run; once a channel.
    Start(Start),
    /// Standard input.
    Data(Bytes),
    /// The terminal has another size.
    Resize(TerminalSize),
    /// A signal, without `SIG`.
    Signal(String),
    /// Standard input ended.
    Eof,
}
