//! The callbacks of russh: each becomes an event on a bounded queue.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use russh::client::ChannelOpenHandle;
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId, Sig, client};
use tokio::sync::mpsc;

use super::{RusshError, TargetEvent};
use crate::ssh::channel::{self, ExitSignal};
use crate::ssh::keys::PublicKey;
use crate::ssh::stream::{Charged, Valve};

pub(super) struct Handler {
    events: mpsc::Sender<Charged<TargetEvent>>,
    valve: Valve,
    /// The channel that events are of, once it is open.
    session: Arc<OnceLock<ChannelId>>,
    pinned: Vec<PublicKey>,
    /// The fingerprint of a key that is not pinned.
    wrong: Arc<Mutex<Option<String>>>,
}

impl Handler {
    pub(super) fn new(
        events: mpsc::Sender<Charged<TargetEvent>>,
        valve: Valve,
        session: Arc<OnceLock<ChannelId>>,
        pinned: Vec<PublicKey>,
        wrong: Arc<Mutex<Option<String>>>,
    ) -> Self {
        Self {
            events,
            valve,
            session,
            pinned,
            wrong,
        }
    }

    fn put(&self, channel: ChannelId, event: TargetEvent, bytes: usize) {
        if self
            .session
            .get()
            .is_some_and(|session| *session != channel)
        {
            return;
        }
        let charged = Charged {
            item: event,
            charge: self.valve.charge(bytes),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(charged) {
            self.valve.cut();
        }
    }

    /// Ends the connection with a target that opens a channel towards us: nothing that it was asked for makes it do
    /// so. By itself russh would let it, and keep every channel for as long as the target likes.
    fn turned_around(&self) -> Result<(), RusshError> {
        self.valve.cut();
        Err(RusshError::Disconnect)
    }
}

impl client::Handler for Handler {
    type Error = RusshError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, RusshError> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        let key = PublicKey::from_wire(key);
        let known = self.pinned.contains(&key);
        if !known {
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            *wrong = Some(key.fingerprint());
        }
        Ok(known)
    }

    async fn channel_failure(
        &mut self,
        channel: ChannelId,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        // Only the start was asked with a wish for an answer.
        self.put(channel, TargetEvent::NotStarted, 0);
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.put(
            channel,
            TargetEvent::Output(Bytes::copy_from_slice(data)),
            data.len(),
        );
        Ok(())
    }

    async fn extended_data(
        &mut self,
        channel: ChannelId,
        _stream: u32,
        data: &[u8],
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        let event = TargetEvent::ErrorOutput(Bytes::copy_from_slice(data));
        self.put(channel, event, data.len());
        Ok(())
    }

    async fn exit_status(
        &mut self,
        channel: ChannelId,
        status: u32,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.put(channel, TargetEvent::ExitStatus(status), 0);
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        core_dumped: bool,
        message: &str,
        _language: &str,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        let signal = ExitSignal {
            name: channel::signal_name(&signal),
            core_dumped,
            message: message.to_owned(),
        };
        let bytes = signal.bytes();
        self.put(channel, TargetEvent::ExitSignal(signal), bytes);
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.put(channel, TargetEvent::Eof, 0);
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.put(channel, TargetEvent::Closed, 0);
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<client::Msg>,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<client::Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<client::Msg>,
        _socket_path: &str,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<client::Msg>,
        _connected_address: &str,
        _connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<client::Msg>,
        _socket_path: &str,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<client::Msg>,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<client::Msg>,
        _originator_address: &str,
        _originator_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), RusshError> {
        self.turned_around()
    }

    async fn should_accept_unknown_server_channel(&mut self, _id: ChannelId, _kind: &str) -> bool {
        let _ended = self.turned_around();
        false
    }
}
