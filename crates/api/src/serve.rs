//! The HTTPS listener: who may hold how many connections, for how long, and how the door closes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::auth::Peer;
use crate::tls::{ApiError, TlsIdentity};
use crate::vigil::Closing;

/// The most connections at once; more wait to be accepted.
const MOST_CONNECTIONS: usize = 1024;

/// The most connections from one address; more are closed at once.
const MOST_PER_ADDRESS: usize = 256;

/// How long the TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How long the headers of a request may take, and how long a connection may be idle.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// How long a call under way may go on once the door closes.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait when the system has no socket to give.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` turns true, then lets calls under way finish for a few seconds. Streams
/// end at once. HTTP/1.1 only: the fewer protocols face strangers, the better.
pub async fn serve_https(
    listener: TcpListener,
    router: Router,
    tls: TlsIdentity,
    shutdown: watch::Receiver<bool>,
) -> Result<(), ApiError> {
    let door = Arc::new(Door {
        acceptor: TlsAcceptor::from(Arc::new(tls.config()?)),
        router,
        closing: Closing(shutdown),
    });
    let seats = Seats::default();
    let mut closing = door.closing.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.wait() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, peer, seat) = seats.next(&listener) => {
                let door = Arc::clone(&door);
                connections.spawn(async move {
                    door.attend(stream, peer).await;
                    drop(seat);
                });
            }
        }
    }
    drop(listener);
    // Each connection ends by itself within `CLOSE_WITHIN`.
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// What every connection is served with.
struct Door {
    acceptor: TlsAcceptor,
    router: Router,
    closing: Closing,
}

impl Door {
    async fn attend(&self, stream: TcpStream, peer: SocketAddr) {
        let mut closing = self.closing.clone();
        let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, self.acceptor.accept(stream));
        let stream = tokio::select! {
            () = closing.wait() => return,
            shaken = handshake => match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%peer, %error, "a handshake failed"),
                Err(_) => return tracing::debug!(%peer, "a handshake took too long"),
            },
        };
        let service = hyper::service::service_fn(|request| self.call(request, peer));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing.wait() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(CLOSE_WITHIN, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection broke");
        }
    }

    fn call(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
        peer: SocketAddr,
    ) -> <Router as Service<Request>>::Future {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer));
        self.closing.mark(&mut request);
        self.router.clone().call(request)
    }
}

/// Connections there are, in all and by address.
struct Seats {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Default for Seats {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            taken: Arc::default(),
        }
    }
}

/// One connection's place; given back when dropped.
struct Seat {
    _free: OwnedSemaphorePermit,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Seats {
    /// The next connection that finds a place.
    async fn next(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, Seat) {
        loop {
            let Ok(free) = Arc::clone(&self.free).acquire_owned().await else {
                return std::future::pending().await;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Some(seat) = self.take(free, peer.ip()) {
                        return (stream, peer, seat);
                    }
                    tracing::debug!(%peer, "an address has too many connections");
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn take(&self, free: OwnedSemaphorePermit, address: IpAddr) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let held = taken.entry(address).or_insert(0);
        if *held >= MOST_PER_ADDRESS {
            return None;
        }
        *held += 1;
        Some(Seat {
            _free: free,
            taken: Arc::clone(&self.taken),
            address,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = taken.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_the_places_of_others_and_gets_its_own_back() {
        let seats = Seats::default();
        let free = || Arc::clone(&seats.free).try_acquire_owned().unwrap();
        let one = IpAddr::from([192, 0, 2, 1]);
        let other = IpAddr::from([192, 0, 2, 2]);
        let held: Vec<_> = (0..MOST_PER_ADDRESS)
            .map(|_| seats.take(free(), one).unwrap())
            .collect();
        assert!(seats.take(free(), one).is_none());
        assert!(seats.take(free(), other).is_some());
        drop(held);
        assert!(seats.take(free(), one).is_some());
        assert_eq!(seats.free.available_permits(), MOST_CONNECTIONS);
    }
}
