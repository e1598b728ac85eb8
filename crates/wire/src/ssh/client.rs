//! The side towards a target: one connection, one signed-in session channel on it.
//!
//! russh's client ignores what `adjust_window` answers, so a target is held back by not reading its
//! socket above the hard limit; with one channel a connection nothing else waits behind it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use portcullis_model::Secret;
use russh::keys::{Certificate, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelWriteHalf, Sig, client};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::channel::{self, ExitSignal, Start, Terminal, TerminalSize};
use super::keys::{self, KeyError, PublicKey};
use super::stream::{Charged, Stream, StreamLimits, Valve};
use super::{Gone, KEEPALIVE, PACKET, algorithms};

type RusshError = russh::Error;

/// Where to go, as whom.
#[derive(Debug)]
pub struct Destination {
    /// `host:port`.
    pub address: String,
    /// The keys the host may show; never empty.
    pub host_keys: Vec<PublicKey>,
    /// The account.
    pub account: String,
    /// What opens it.
    pub credential: Credential,
}

/// What opens an account.
#[derive(Debug)]
pub enum Credential {
    /// A key and the certificate made for it, OpenSSH text.
    Certificate {
        /// The private key.
        private_key: Secret<String>,
        /// The certificate.
        certificate: String,
    },
    /// A private key, OpenSSH text.
    Key(Secret<String>),
    /// A password.
    Password(Secret<String>),
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there, or nobody answers.
    #[error("{address} cannot be reached: {reason}; check the resource's address and the network")]
    Unreachable {
        /// Where.
        address: String,
        /// What was seen.
        reason: String,
    },
    /// It is another host, or has another key.
    #[error(
        "{address} shows the host key {shown}, which is not the one on record ({known}); if the host was \
         reinstalled, compare with `ssh-keygen -lf` on the host itself and change the resource's host_keys, \
         otherwise somebody may be in between"
    )]
    HostKey {
        /// Where.
        address: String,
        /// The fingerprint it shows.
        shown: String,
        /// Those on record.
        known: String,
    },
    /// The credential cannot be used.
    #[error("the credential for {account} cannot be used: {reason}")]
    Credential {
        /// The account.
        account: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The target did not let us in.
    #[error(
        "{address} does not let {account} in with the injected credential; check the lines that \
         `portcullis resources show` prints for its sshd_config"
    )]
    NotLetIn {
        /// Where.
        address: String,
        /// The account.
        account: String,
    },
    /// The two have no common language, or the connection broke.
    #[error("the SSH connection to {address} failed: {reason}")]
    Protocol {
        /// Where.
        address: String,
        /// What was seen.
        reason: String,
    },
}

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
pub struct Beside(client::Handle<Handler>);

impl Beside {
    /// Runs something on a channel of its own. Nothing is heard of it.
    pub async fn run(&self, command: &str) -> Result<(), Gone> {
        let channel = self.0.channel_open_session().await.map_err(gone)?;
        channel.exec(false, command).await.map_err(gone)
    }
}

/// The way to a target's channel. Everything waits for the target's window and keeps its order.
#[derive(Debug)]
pub struct TargetInput(ChannelWriteHalf<client::Msg>);

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

fn gone(_: RusshError) -> Gone {
    Gone
}

/// Connects, checks the host's key, signs in and opens a session channel; each of the first two steps
/// takes at most `patience`. Dropping the future closes the socket.
pub async fn connect(
    destination: Destination,
    limits: StreamLimits,
    patience: Duration,
) -> Result<Target, ConnectError> {
    let address = destination.address.clone();
    let unreachable = |reason: String| ConnectError::Unreachable {
        address: address.clone(),
        reason,
    };
    let socket = timeout(patience, TcpStream::connect(&destination.address))
        .await
        .map_err(|_| unreachable(format!("no answer within {} s", patience.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let (stream, valve) =
        Stream::new(socket, limits).map_err(|error| unreachable(error.to_string()))?;
    // Nobody else watches this socket yet: an abandoned attempt must not leave it open.
    let guard = CutUnlessDone(Some(valve.clone()));
    let target = timeout(patience, establish(destination, limits, stream, valve))
        .await
        .map_err(|_| unreachable(format!("no sign-in within {} s", patience.as_secs())))??;
    guard.done();
    Ok(target)
}

struct CutUnlessDone(Option<Valve>);

impl CutUnlessDone {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for CutUnlessDone {
    fn drop(&mut self) {
        if let Some(valve) = &self.0 {
            valve.cut();
        }
    }
}

async fn establish(
    destination: Destination,
    limits: StreamLimits,
    stream: Stream,
    valve: Valve,
) -> Result<Target, ConnectError> {
    let Destination {
        address,
        host_keys,
        account,
        credential,
    } = destination;
    let protocol = |error: RusshError| ConnectError::Protocol {
        address: address.clone(),
        reason: error.to_string(),
    };
    let (sender, events) = mpsc::channel(limits.messages());
    let session = Arc::new(OnceLock::new());
    let shown = Arc::new(Mutex::new(None));
    let handler = Handler {
        events: sender,
        valve: valve.clone(),
        session: Arc::clone(&session),
        pinned: host_keys.clone(),
        wrong: Arc::clone(&shown),
    };
    let settings = Arc::new(settings(&host_keys, limits));
    let mut handle = match client::connect_stream(settings, stream, handler).await {
        Ok(handle) => handle,
        Err(error) => {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(match shown {
                Some(shown) => ConnectError::HostKey {
                    known: fingerprints(&host_keys),
                    address,
                    shown,
                },
                None => protocol(error),
            });
        }
    };
    if !sign_in(&mut handle, &account, credential, &address).await? {
        return Err(ConnectError::NotLetIn { address, account });
    }
    valve.signed_in();
    let channel = handle.channel_open_session().await.map_err(protocol)?;
    let _first = session.set(channel.id());
    let (_, half) = channel.split();
    Ok(Target {
        events,
        input: TargetInput(half),
        valve,
        beside: Beside(handle),
    })
}

fn settings(host_keys: &[PublicKey], limits: StreamLimits) -> client::Config {
    let expected: Vec<_> = host_keys.iter().map(PublicKey::algorithm).collect();
    client::Config {
        client_id: russh::SshId::Standard("SSH-2.0-Portcullis".into()),
        window_size: limits.window,
        maximum_packet_size: PACKET,
        preferred: algorithms::asked(&expected),
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        ..client::Config::default()
    }
}

fn fingerprints(keys: &[PublicKey]) -> String {
    let all: Vec<_> = keys.iter().map(PublicKey::fingerprint).collect();
    all.join(", ")
}

async fn sign_in(
    handle: &mut client::Handle<Handler>,
    account: &str,
    credential: Credential,
    address: &str,
) -> Result<bool, ConnectError> {
    let unusable = |reason: String| ConnectError::Credential {
        account: account.to_owned(),
        reason,
    };
    let bad_key = |error: KeyError| unusable(error.to_string());
    let answer = match credential {
        Credential::Certificate {
            private_key,
            certificate,
        } => {
            let key = Arc::new(keys::private_key(&private_key).map_err(bad_key)?);
            let certificate = Certificate::from_openssh(&certificate)
                .map_err(|error| unusable(error.to_string()))?;
            handle
                .authenticate_openssh_cert(account, key, certificate)
                .await
        }
        Credential::Key(private_key) => {
            let key = Arc::new(keys::private_key(&private_key).map_err(bad_key)?);
            let key = PrivateKeyWithHashAlg::new(key, None);
            handle.authenticate_publickey(account, key).await
        }
        Credential::Password(password) => {
            handle
                .authenticate_password(account, password.expose().as_str())
                .await
        }
    };
    answer
        .map(|answer| answer.success())
        .map_err(|error| ConnectError::Protocol {
            address: address.to_owned(),
            reason: error.to_string(),
        })
}

struct Handler {
    events: mpsc::Sender<Charged<TargetEvent>>,
    valve: Valve,
    /// The channel that events are of, once it is open.
    session: Arc<OnceLock<ChannelId>>,
    pinned: Vec<PublicKey>,
    /// The fingerprint of a key that is not pinned.
    wrong: Arc<Mutex<Option<String>>>,
}

impl Handler {
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
        self.put(channel, TargetEvent::ExitSignal(signal), message.len());
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
}
