//! One command at a target, for the product's own work: what it reads is data, what it runs is ours.

use std::time::Duration;

use bytes::Bytes;
use portcullis_model::Secret;
use tokio::time::timeout;

use super::channel::Start;
use super::client::{ConnectError, Destination, Target, TargetEvent, connect};
use super::stream::{Charged, StreamLimits};

/// The most of each output that is kept, in bytes; the rest is read and dropped.
const MOST_KEPT: usize = 16 << 10;

/// What a command left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; nothing when a signal ended it or the connection was lost.
    pub status: Option<u32>,
    /// Its standard output, as far as it is kept.
    pub output: Vec<u8>,
    /// Its standard error, as far as it is kept.
    pub error: Vec<u8>,
}

/// Connects, runs `command` with `input` on its standard input, and waits for its end. A command is text of
/// the program's own, never put together: what varies is input. Each step takes at most `patience`.
pub async fn run(
    destination: Destination,
    command: &'static str,
    input: &Secret<Vec<u8>>,
    limits: StreamLimits,
    patience: Duration,
) -> Result<Ran, ConnectError> {
    let mut target = connect(destination, limits, patience).await?;
    let ran = timeout(patience, exchange(&mut target, command, input)).await;
    target.valve.cut();
    ran.ok().flatten().ok_or(ConnectError::Protocol {
        reason: "the command did not end, or its connection went away".to_owned(),
    })
}

async fn exchange(
    target: &mut Target,
    command: &'static str,
    input: &Secret<Vec<u8>>,
) -> Option<Ran> {
    let start = Start::Exec(command.as_bytes().to_vec());
    target.input.start(start).await.ok()?;
    let bytes = Bytes::copy_from_slice(input.expose());
    target.input.data(bytes).await.ok()?;
    target.input.eof().await.ok()?;
    let mut ran = Ran::default();
    while let Some(Charged { item, charge }) = target.events.recv().await {
        match item {
            TargetEvent::Output(bytes) => keep(&mut ran.output, &bytes),
            TargetEvent::ErrorOutput(bytes) => keep(&mut ran.error, &bytes),
            TargetEvent::ExitStatus(status) => ran.status = Some(status),
            TargetEvent::Closed => return Some(ran),
            TargetEvent::NotStarted => return None,
            TargetEvent::ExitSignal(_) | TargetEvent::Eof => {}
        }
        drop(charge);
    }
    None
}

fn keep(kept: &mut Vec<u8>, bytes: &Bytes) {
    let room = MOST_KEPT.saturating_sub(kept.len());
    kept.extend(bytes.iter().take(room));
}
