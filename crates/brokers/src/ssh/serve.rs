//! The door: accepts connections, keeps strangers few, and closes when it is told to.

use std::sync::Arc;
use std::time::Duration;

use portcullis_policy::{LeaseVerifier, VerifyingKey};
use portcullis_ports::clock::random;
use portcullis_ports::control::{CloseCause, RUN_KEY_VARIABLE};
use portcullis_ports::{BrokerError, BrokerSettings, Entropy};
use portcullis_wire::ssh::{HostKey, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::admission::Admission;
use super::limits::{ATTEMPTS, CHANNELS, FRONT, REFUSED_STATUS, SHUTDOWN};
use super::orders::Orders;
use super::relay::Shared;
use super::shell::{self, Arrival};

/// What strangers read first. Clients that cannot be asked for a code fail after it.
const BANNER: &str = "portcullis: sessions are recorded. Sign in with your key and a one-time code; \
                      where no code can be typed, run `portcullis step-up` first.\r\n";

/// A pause when the machine is out of sockets.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// Serves until shut down.
pub async fn serve(listener: TcpListener, settings: BrokerSettings) -> Result<(), BrokerError> {
    let BrokerSettings {
        host_key,
        control,
        clock,
        entropy,
        mut shutdown,
    } = settings;
    let config = Arc::new(config(
        HostKey::parse(&host_key).map_err(|error| BrokerError::HostKey(error.to_string()))?,
    ));
    let key = VerifyingKey::from_array(control.lease_key().await);
    let shared = Arc::new(Shared {
        control: Arc::clone(&control),
        clock,
        verifier: LeaseVerifier::new(key),
        orders: Orders::new(),
    });
    let orders = shared.orders.clone();
    let mut connections = JoinSet::new();
    let accepting = async {
        let admission = Admission::default();
        let closing = shutdown.clone();
        loop {
            tokio::select! {
                biased;
                () = shell::closing(&mut shutdown) => return,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => {
                    let Ok((socket, source)) = accepted else {
                        sleep(OUT_OF_SOCKETS).await;
                        continue;
                    };
                    if let Some(arrival) = arrive(socket, source, &admission, entropy.as_ref()) {
                        let (shared, config) = (Arc::clone(&shared), Arc::clone(&config));
                        let closing = closing.clone();
                        connections.spawn(shell::serve(shared, config, arrival, closing));
                    }
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        never = orders.poll(control.as_ref()) => match never {},
    }
    orders.close(&CloseCause::Killed {
        reason: "the door is closing".to_owned(),
    });
    let ended = async { while connections.join_next().await.is_some() {} };
    // Sessions that take longer are cut by being dropped.
    let _ = timeout(SHUTDOWN, ended).await;
    Ok(())
}

fn config(host_key: HostKey) -> ServerConfig {
    ServerConfig {
        host_key,
        banner: BANNER.to_owned(),
        limits: FRONT,
        attempts: ATTEMPTS,
        channels: CHANNELS,
        passes_variable: is_taken,
        refusal_status: REFUSED_STATUS,
    }
}

/// What sshds take by default, and what cannot change what a command does beyond its language; and the name of a run,
/// which the gate keeps to itself.
fn is_taken(name: &str) -> bool {
    name == "LANG" || name.starts_with("LC_") || name == RUN_KEY_VARIABLE
}

/// Lets a connection in, unless there are too many strangers: then it is closed without a word.
fn arrive(
    socket: TcpStream,
    source: std::net::SocketAddr,
    admission: &Admission,
    entropy: &dyn Entropy,
) -> Option<Arrival> {
    let stranger = admission.admit(source.ip())?;
    Some(Arrival {
        socket,
        source,
        stranger,
        name: hex::encode(random::<8>(entropy)),
    })
}
