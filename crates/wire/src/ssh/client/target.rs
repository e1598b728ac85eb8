//! A target's session channel, as its owner holds it: what comes back, and the way there.

use bytes::Bytes;
use russh::{ChannelWriteHalf, client};
use tokio::sync::mpsc;

use super::handler::Handler;
use crate::ssh::channel::{self, ExitSignal, Start, Terminal, TerminalSize};
use crate::ssh::stream::{Charged, Valve};
use crate::ssh::{Gone, gone};

/// What a target does. When there are no more, the connection is gone.
#[derive(Debug)]
pub enum TargetEvent {
    /// Standard output.
    Output(Bytes),
    /// Standard error.
    ErrorOutput(Bytes),
    /// The program's exit status.
    ExitStatus(u32),
    /// The signal that ended the program.
    ExitSignal(ExitSignal),
    /// The target will not run what it was asked to.
    NotStarted,
    /// No more output.
    Eof,
    /// The channel is over.
    Closed,
}

/// A signed-in connection with one open session channel. Dropping it does not end the connection at once:
/// cut the valve.
pub struct Target {
    /// What the target does.
    pub events: mpsc::Receiver<Charged<TargetEvent>>,
    /// The way there.
    pub input: TargetInput,
    /// What ends it.
    pub valve: Valve,
    /// The connection itself.
    pub beside: Beside,
}

/// The connection a target's channel is on. russh ends it when nobody holds this.
pub struct Beside(pub(super) client::Handle<Handler>);

impl Beside {
    /// Runs something on a channel of its own. Nothing is heard of it.
    pub async fn run(&self, command: &str) -> Result<(), Gone> {
        let channel = self.0.channel_open_session().await.map_err(gone)?;
        channel.exec(false, command).await.map_err(gone)
    }
}

/// The way to a target's channel. Everything waits for the target's window and keeps its order.
#[derive(Debug)]
pub struct TargetInput(pub(super) ChannelWriteHalf<client::Msg>);

impl TargetInput {
    /// Asks for a terminal; the answer is not waited for.
    pub async fn terminal(&self, terminal: &Terminal) -> Result<(), Gone> {
        let size = terminal.size;
        self.0
            .request_pty(
                false,
                &terminal.term,
                size.columns,
                size.rows,
                size.width,
                size.height,
                &terminal.modes,
            )
            .await
            .map_err(gone)
    }

    /// Passes on a variable; the target decides whether it takes it.
    pub async fn variable(&self, name: &str, value: &str) -> Result<(), Gone> {
        self.0.set_env(false, name, value).await.map_err(gone)
    }

    /// Runs something.
    pub async fn start(&self, start: Start) -> Result<(), Gone> {
        match start {
            Start::Shell => self.0.request_shell(true).await,
            Start::Exec(command) => self.0.exec(true, command).await,
        }
        .map_err(gone)
    }

    /// Standard input.
    pub async fn data(&self, bytes: Bytes) -> Result<(), Gone> {
        self.0.data_bytes(bytes).await.map_err(gone)
    }

    /// The terminal has another size.
    pub async fn resize(&self, size: TerminalSize) -> Result<(), Gone> {
        self.0
            .window_change(size.columns, size.rows, size.width, size.height)
            .await
            .map_err(gone)
    }

    /// A signal, without `SIG`.
    pub async fn signal(&self, name: &str) -> Result<(), Gone> {
        self.0.signal(channel::signal(name)).await.map_err(gone)
    }

    /// Standard input ended.
    pub async fn eof(&self) -> Result<(), Gone> {
        self.0.eof().await.map_err(gone)
    }
}
