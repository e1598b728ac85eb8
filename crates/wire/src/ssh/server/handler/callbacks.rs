//! The callbacks of russh: each becomes an event on a bounded queue, or a refusal by name.

use std::sync::Arc;

use bytes::Bytes;
use portcullis_model::Secret;
use russh::server::{
    self, Auth, ChannelOpenHandle, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty, Sig};
use tokio::sync::{mpsc, oneshot};

use super::{Handler, Lane, RusshError};
use crate::ssh::algorithms;
use crate::ssh::channel::{self, Refused, Start, Terminal, TerminalSize};
use crate::ssh::keys::PublicKey;
use crate::ssh::server::{Answer, FrontChannel, FrontEvent, FrontInput, FrontOutput, STDERR};

/// RFC 4254, section 5.1: resource shortage.
const SHORTAGE: u32 = 4;

impl server::Handler for Handler {
    type Error = RusshError;

    async fn authentication_banner(&mut self) -> Result<Option<String>, RusshError> {
        self.tell(FrontEvent::Encrypted);
        Ok(Some(self.config.banner.clone()).filter(|banner| !banner.is_empty()))
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, RusshError> {
        if !algorithms::is_usable(&offer.public_key.algorithm()) {
            return Ok(Answer::RefuseKey.into_auth());
        }
        let (answer, answered) = oneshot::channel();
        let event = FrontEvent::Offered {
            user: user.to_owned(),
            key: PublicKey::from_wire(offer.public_key),
            answer,
        };
        let worth = self.asked(event, answered).await.unwrap_or(false);
        Ok(if worth {
            Auth::Accept
        } else {
            Answer::RefuseKey.into_auth()
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        verified: VerifiedPublicKey<'_>,
    ) -> Result<Auth, RusshError> {
        let (answer, answered) = oneshot::channel();
        let event = FrontEvent::Proved {
            user: user.to_owned(),
            key: PublicKey::from_wire(verified.public_key),
            answer,
        };
        let answer = self.asked(event, answered).await;
        Ok(answer.unwrap_or(Answer::RefuseAll).into_auth())
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, RusshError> {
        let (answer, answered) = oneshot::channel();
        let code = response.map(|mut answers| {
            let first = answers.next().unwrap_or_default();
            Secret::new(String::from_utf8_lossy(&first).into_owned())
        });
        let event = FrontEvent::Coded {
            user: user.to_owned(),
            code,
            answer,
        };
        let answer = self.asked(event, answered).await;
        Ok(answer.unwrap_or(Answer::RefuseAll).into_auth())
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), RusshError> {
        self.valve.signed_in();
        self.handle = Some(session.handle());
        self.tell(FrontEvent::SignedIn);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<server::Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), RusshError> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            let reason = format!(
                "portcullis: {} sessions on one connection are enough; open another connection",
                self.config.channels
            );
            let failure = ChannelOpenFailure::Other {
                code: SHORTAGE,
                reason,
            };
            reply.reject(failure).await;
            return Ok(());
        };
        let (inputs, receiver) = mpsc::channel(self.config.limits.messages());
        let (alive, gone) = oneshot::channel();
        let lane = Lane {
            inputs,
            _alive: alive,
            has_terminal: false,
            started: false,
        };
        self.lanes.insert(channel.id(), lane);
        // The read half's queue would stop the connection when nobody empties it; the callbacks do not.
        let (_, half) = channel.split();
        reply.accept().await;
        self.tell(FrontEvent::Opened(FrontChannel {
            inputs: receiver,
            gone,
            output: FrontOutput {
                half,
                handle: self.handle.clone().unwrap_or_else(|| session.handle()),
                _slot: slot,
            },
        }));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<server::Msg>,
        host: &str,
        port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        self.refuse_open(Refused::Forward(format!("{host}:{port}")), reply)
            .await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<server::Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        self.refuse_open(Refused::Forward(path.to_owned()), reply)
            .await;
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _session: &mut Session,
    ) -> Result<bool, RusshError> {
        self.refuse(Refused::RemoteForward(format!("{address}:{port}")));
        Ok(false)
    }

    async fn streamlocal_forward(
        &mut self,
        path: &str,
        _session: &mut Session,
    ) -> Result<bool, RusshError> {
        self.refuse(Refused::RemoteForward(path.to_owned()));
        Ok(false)
    }

    async fn agent_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<bool, RusshError> {
        let words = self.refuse(Refused::Agent);
        session.extended_data(channel, STDERR, words + "\r\n")?;
        Ok(false)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), RusshError> {
        let words = self.refuse(Refused::X11);
        session.extended_data(channel, STDERR, words + "\r\n")?;
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), RusshError> {
        let words = self.refuse(Refused::Subsystem(name.to_owned()));
        self.lanes.remove(&channel);
        // By failure the words would be lost: OpenSSH closes before it prints them.
        session.channel_success(channel)?;
        session.extended_data(channel, STDERR, words + "\r\n")?;
        session.exit_status_request(channel, self.config.refusal_status)?;
        session.eof(channel)?;
        session.close(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), RusshError> {
        match self.lanes.get_mut(&channel) {
            Some(lane) if !lane.started && !lane.has_terminal => lane.has_terminal = true,
            _ => return session.channel_failure(channel),
        }
        let terminal = Terminal {
            term: term.to_owned(),
            size: TerminalSize {
                columns,
                rows,
                width,
                height,
            },
            modes: modes.to_vec(),
        };
        let bytes = term.len().saturating_add(size_of_val(modes));
        self.put(channel, FrontInput::Terminal(terminal), bytes);
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), RusshError> {
        if !(self.config.passes_variable)(name) {
            return session.channel_failure(channel);
        }
        let input = FrontInput::Variable {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        self.put(channel, input, name.len().saturating_add(value.len()));
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), RusshError> {
        self.start(channel, Start::Shell, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), RusshError> {
        self.start(channel, Start::Exec(command.to_vec()), session)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        let size = TerminalSize {
            columns,
            rows,
            width,
            height,
        };
        self.put(channel, FrontInput::Resize(size), 0);
        Ok(())
    }

    async fn signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        let name = channel::signal_name(&signal);
        let bytes = name.len();
        self.put(channel, FrontInput::Signal(name), bytes);
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        let input = FrontInput::Data(Bytes::copy_from_slice(data));
        self.put(channel, input, data.len());
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        self.put(channel, FrontInput::Eof, 0);
        Ok(())
    }

    fn adjust_window(&mut self, _channel: ChannelId, _current: u32) -> u32 {
        self.valve.window()
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), RusshError> {
        self.lanes.remove(&channel);
        Ok(())
    }
}
