//! SSH, both sides: a thin layer over russh that owns the socket, and the only code that names russh.
//!
//! Callbacks become events on bounded queues; nothing here decides. What the two sides have queued is
//! charged to a [`Valve`], which holds the sender back and can cut the socket whatever russh is doing.

mod algorithms;
mod channel;
mod client;
mod keys;
mod run;
mod server;
mod stream;

pub use channel::{ExitSignal, Refused, Start, Terminal, TerminalSize};
pub use client::{
    Beside, ConnectError, Credential, Destination, Target, TargetEvent, TargetInput, connect,
};
pub use keys::{HostKey, KeyError, PublicKey, check_private_key};
pub use run::{Ran, run};
pub use server::{
    Answer, Front, FrontChannel, FrontEvent, FrontInput, FrontOutput, ServerConfig, accept,
};
pub use stream::{Charge, Charged, StreamLimits, Valve};

/// Largest packet either side may send, in bytes.
const PACKET: u32 = 65_535;

/// A connection whose other side answers nothing for four of these is gone.
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(15);

/// The other side, or its connection, is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is gone")]
pub struct Gone;

fn gone(_: russh::Error) -> Gone {
    Gone
}
