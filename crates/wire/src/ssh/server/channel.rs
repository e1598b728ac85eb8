//! A client's session channel, as its owner holds it: what comes in, and the way back.

use std::convert::Infallible;

use bytes::Bytes;
use russh::{ChannelWriteHalf, server};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{FrontInput, STDERR};
use crate::ssh::channel::{self, ExitSignal};
use crate::ssh::stream::Charged;
use crate::ssh::{Gone, gone};

/// A session channel of a client.
#[derive(Debug)]
pub struct FrontChannel {
    /// What the client does.
    pub inputs: mpsc::Receiver<Charged<FrontInput>>,
    /// Resolves as soon as the channel or the connection is gone, though inputs may still wait.
    pub gone: oneshot::Receiver<Infallible>,
    /// The way back.
    pub output: FrontOutput,
}

/// The way back to a client on one channel. Everything waits for the client's window and keeps its order.
#[derive(Debug)]
pub struct FrontOutput {
    pub(super) half: ChannelWriteHalf<server::Msg>,
    pub(super) handle: server::Handle,
    pub(super) _slot: OwnedSemaphorePermit,
}

impl FrontOutput {
    /// Standard output.
    pub async fn data(&self, bytes: Bytes) -> Result<(), Gone> {
        self.half.data_bytes(bytes).await.map_err(gone)
    }

    /// Standard error.
    pub async fn error(&self, bytes: Bytes) -> Result<(), Gone> {
        self.half
            .extended_data_bytes(STDERR, bytes)
            .await
            .map_err(gone)
    }

    /// No more output.
    pub async fn eof(&self) -> Result<(), Gone> {
        self.half.eof().await.map_err(gone)
    }

    /// The program's exit status.
    pub async fn exit_status(&self, status: u32) -> Result<(), Gone> {
        self.half.exit_status(status).await.map_err(gone)
    }

    /// The signal that ended the program.
    pub async fn exit_signal(&self, signal: &ExitSignal) -> Result<(), Gone> {
        self.handle
            .exit_signal_request(
                self.half.id(),
                channel::signal(&signal.name),
                signal.core_dumped,
                signal.message.clone(),
                String::new(),
            )
            .await
            .map_err(|()| Gone)
    }

    /// The channel is over.
    pub async fn close(&self) -> Result<(), Gone> {
        self.half.close().await.map_err(gone)
    }
}
