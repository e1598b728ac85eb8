//! The side towards a client. Handlers only enqueue; those for authentication await their owner's answer,
//! since the protocol takes it as their return value. Dropping the owner's end ends them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use portcullis_model::Secret;
use russh::server::{
    self, Auth, ChannelOpenHandle, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Disconnect, MethodKind, MethodSet,
    Pty, Sig,
};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::channel::{self, ExitSignal, Refused, Start, Terminal, TerminalSize};
use super::keys::{HostKey, PublicKey};
use super::stream::{Charged, Stream, StreamLimits, Valve};
use super::{Gone, PACKET, algorithms};

/// Events that may wait for the connection's owner; a client that causes more before it acts is cut.
const EVENTS: usize = 256;

/// RFC 4254, section 5.1: administratively prohibited; resource shortage.
const PROHIBITED: u32 = 1;
const SHORTAGE: u32 = 4;

/// RFC 4254, section 5.2: the stream of standard error.
const STDERR: u32 = 1;

type RusshError = russh::Error;

/// How to serve one connection.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The door's key.
    pub host_key: HostKey,
    /// A line shown before sign-in.
    pub banner: String,
    /// How many bytes may wait.
    pub limits: StreamLimits,
    /// Sign-in attempts, the first one without any method not counted.
    pub attempts: usize,
    /// Session channels at a time.
    pub channels: usize,
    /// Which environment variables are passed on; the others are refused silently, as OpenSSH does.
    pub passes_variable: fn(&str) -> bool,
    /// The exit status of what is refused after it was accepted, for the sake of a message.
    pub refusal_status: u32,
}

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
    fn into_auth(self) -> Auth {
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
    half: ChannelWriteHalf<server::Msg>,
    handle: server::Handle,
    _slot: OwnedSemaphorePermit,
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

fn gone(_: RusshError) -> Gone {
    Gone
}

/// A connection as a whole.
#[derive(Debug, Clone)]
pub struct Front {
    handle: server::Handle,
    /// What ends it.
    pub valve: Valve,
}

impl Front {
    /// Says farewell. It may never be heard: cut the valve a moment later.
    pub async fn disconnect(&self, words: &str) -> Result<(), Gone> {
        self.handle
            .disconnect(Disconnect::ByApplication, words.to_owned(), String::new())
            .await
            .map_err(gone)
    }
}

/// Speaks with a client until its first line is read. Dropping the future closes the socket.
pub async fn accept(
    config: &ServerConfig,
    socket: TcpStream,
) -> Result<(Front, mpsc::Receiver<FrontEvent>), Gone> {
    let (stream, valve) = Stream::new(socket, config.limits).map_err(|_| Gone)?;
    let (events, receiver) = mpsc::channel(EVENTS);
    let handler = Handler {
        events,
        valve: valve.clone(),
        lanes: HashMap::new(),
        slots: Arc::new(Semaphore::new(config.channels)),
        config: config.clone(),
        handle: None,
    };
    let running = server::run_stream(Arc::new(settings(config)), stream, handler)
        .await
        .map_err(gone)?;
    let handle = running.handle();
    Ok((Front { handle, valve }, receiver))
}

fn settings(config: &ServerConfig) -> server::Config {
    server::Config {
        server_id: russh::SshId::Standard(Cow::Borrowed("SSH-2.0-Portcullis")),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        // Refusals are delayed by the owner; russh's own delay would stop the whole connection.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![config.host_key.private()],
        window_size: config.limits.window,
        maximum_packet_size: PACKET,
        preferred: algorithms::served(),
        // russh answers one more than this, which is OpenSSH's first request: it names no method.
        max_auth_attempts: config.attempts,
        inactivity_timeout: None,
        // russh would send them while a person looks for a code, and OpenSSH refuses anything but
        // answers then.
        keepalive_interval: None,
        ..server::Config::default()
    }
}

/// One channel's queue, and what was asked on it.
struct Lane {
    inputs: mpsc::Sender<Charged<FrontInput>>,
    /// Dropped with the lane, which is what the other end waits for.
    _alive: oneshot::Sender<Infallible>,
    has_terminal: bool,
    started: bool,
}

struct Handler {
    events: mpsc::Sender<FrontEvent>,
    valve: Valve,
    lanes: HashMap<ChannelId, Lane>,
    slots: Arc<Semaphore>,
    config: ServerConfig,
    handle: Option<server::Handle>,
}

impl Handler {
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
