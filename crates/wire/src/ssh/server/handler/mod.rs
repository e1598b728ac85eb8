//! What the callbacks of one connection have in common: its queues, and how something is refused.

mod callbacks;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use russh::server::{self, ChannelOpenHandle, Session};
use russh::{ChannelId, ChannelOpenFailure};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{FrontEvent, FrontInput, ServerConfig};
use crate::ssh::channel::{Refused, Start};
use crate::ssh::stream::{Charged, Valve};

/// RFC 4254, section 5.1: administratively prohibited.
const PROHIBITED: u32 = 1;

/// One channel's queue, and what was asked on it.
struct Lane {
    inputs: mpsc::Sender<Charged<FrontInput>>,
    /// Dropped with the lane, which is what the other end waits for.
    _alive: oneshot::Sender<Infallible>,
    has_terminal: bool,
    started: bool,
}

type RusshError = russh::Error;

/// One connection's callbacks.
pub(super) struct Handler {
    events: mpsc::Sender<FrontEvent>,
    valve: Valve,
    lanes: HashMap<ChannelId, Lane>,
    slots: Arc<Semaphore>,
    config: ServerConfig,
    handle: Option<server::Handle>,
}

impl Handler {
    pub(super) fn new(
        config: ServerConfig,
        valve: Valve,
        events: mpsc::Sender<FrontEvent>,
    ) -> Self {
        Self {
            events,
            valve,
            lanes: HashMap::new(),
            slots: Arc::new(Semaphore::new(config.channels)),
            config,
            handle: None,
        }
    }

    /// The owner acts at once, so a full queue means a client that asks for the sake of asking.
    fn tell(&self, event: FrontEvent) {
        if self.events.try_send(event).is_err() {
            self.valve.cut();
        }
    }

    fn put(&self, channel: ChannelId, input: FrontInput, bytes: usize) {
        let Some(lane) = self.lanes.get(&channel) else {
            return;
        };
        let charged = Charged {
            item: input,
            charge: self.valve.charge(bytes),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = lane.inputs.try_send(charged) {
            self.valve.cut();
        }
    }

    fn refuse(&self, what: Refused) -> String {
        let words = format!("portcullis: {what} is refused");
        self.tell(FrontEvent::Refused(what));
        words
    }

    async fn refuse_open(&self, what: Refused, reply: ChannelOpenHandle) {
        let reason = self.refuse(what);
        reply.reject(prohibited(reason)).await;
    }

    async fn asked<T>(&self, event: FrontEvent, answer: oneshot::Receiver<T>) -> Option<T> {
        self.tell(event);
        answer.await.ok()
    }

    fn start(
        &mut self,
        channel: ChannelId,
        start: Start,
        session: &mut Session,
    ) -> Result<(), RusshError> {
        match self.lanes.get_mut(&channel) {
            Some(lane) if !lane.started => lane.started = true,
            _ => return session.channel_failure(channel),
        }
        let bytes = match &start {
            Start::Shell => 0,
            Start::Exec(command) => command.len(),
        };
        self.put(channel, FrontInput::Start(start), bytes);
        session.channel_success(channel)
    }
}

fn prohibited(reason: String) -> ChannelOpenFailure {
    ChannelOpenFailure::Other {
        code: PROHIBITED,
        reason,
    }
}
