//! The side towards a target: one connection, one signed-in session channel on it.
//!
//! russh's client ignores what `adjust_window` answers, so a target is held back by not reading its
//! socket above the hard limit; with one channel a connection nothing else waits behind it.

mod destination;
mod handler;
mod target;

pub use destination::{ConnectError, Credential, Destination};
pub use target::{Beside, Target, TargetEvent, TargetInput};

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use russh::client;
use russh::keys::{Certificate, PrivateKeyWithHashAlg};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::keys::{self, KeyError, PublicKey};
use super::stream::{Stream, StreamLimits, Valve};
use super::{KEEPALIVE, PACKET, algorithms};
use handler::Handler;

type RusshError = russh::Error;

/// Connects, checks the host's key, signs in and opens a session channel; each of the first two steps
/// takes at most `patience`. Dropping the future closes the socket.
pub async fn connect(
    destination: Destination,
    limits: StreamLimits,
    patience: Duration,
) -> Result<Target, ConnectError> {
    let unreachable = |reason: String| ConnectError::Unreachable { reason };
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
        host_keys,
        account,
        credential,
        ..
    } = destination;
    let protocol = |error: RusshError| ConnectError::Protocol {
        reason: error.to_string(),
    };
    let (sender, events) = mpsc::channel(limits.messages());
    let session = Arc::new(OnceLock::new());
    let shown = Arc::new(Mutex::new(None));
    let handler = Handler::new(
        sender,
        valve.clone(),
        Arc::clone(&session),
        host_keys.clone(),
        Arc::clone(&shown),
    );
    let settings = Arc::new(settings(&host_keys, limits));
    let mut handle = match client::connect_stream(settings, stream, handler).await {
        Ok(handle) => handle,
        Err(error) => {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(match shown {
                Some(shown) => ConnectError::HostKey {
                    known: fingerprints(&host_keys),
                    shown,
                },
                None => protocol(error),
            });
        }
    };
    if !sign_in(&mut handle, &account, credential).await? {
        return Err(ConnectError::NotLetIn { account });
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
            reason: error.to_string(),
        })
}
