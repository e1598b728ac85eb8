//! The side towards a client. Handlers only enqueue; those for authentication await their owner's answer,
//! since the protocol takes it as their return value. Dropping the owner's end ends them.

mod channel;
mod event;
mod handler;

pub use channel::{FrontChannel, FrontOutput};
pub use event::{Answer, FrontEvent, FrontInput};

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::{Disconnect, MethodKind, MethodSet, server};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::keys::HostKey;
use super::stream::{Stream, StreamLimits, Valve};
use super::{Gone, PACKET, algorithms, gone};
use handler::Handler;

/// Events that may wait for the connection's owner; a client that causes more before it acts is cut.
const EVENTS: usize = 256;

/// RFC 4254, section 5.2: the stream of standard error.
const STDERR: u32 = 1;

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
    let handler = Handler::new(config.clone(), valve.clone(), events);
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
