//! The listener: who may hold how many connections, for how long, and how the door closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::auth::Peer;
use crate::finish::Calls;
use crate::seats::{Seat, Seats, Standing};
use crate::tls::{ApiError, TlsIdentity};
use crate::vigil::Closing;

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
    let acceptor = TlsAcceptor::from(Arc::new(tls.config()?));
    serve(listener, router, Some(acceptor), shutdown).await;
    Ok(())
}

/// The same without TLS, for what keeps no secret and is asked by nobody's password.
pub async fn serve_http(listener: TcpListener, router: Router, shutdown: watch::Receiver<bool>) {
    serve(listener, router, None, shutdown).await;
}

async fn serve(
    listener: TcpListener,
    router: Router,
    acceptor: Option<TlsAcceptor>,
    shutdown: watch::Receiver<bool>,
) {
    let door = Arc::new(Door {
        acceptor,
        router,
        closing: Closing(shutdown),
        calls: Calls::new(),
    });
    let seats = Seats::default();
    let mut closing = door.closing.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.wait() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, peer, mut seat) = next(&seats, &listener) => {
                let door = Arc::clone(&door);
                connections.spawn(async move {
                    let standing = seat.standing();
                    tokio::select! {
                        () = door.attend(stream, peer, standing) => {}
                        () = seat.sent_away() => tracing::debug!(%peer, "a stranger made room"),
                    }
                });
            }
        }
    }
    drop(listener);
    // Each connection ends by itself within `CLOSE_WITHIN`.
    while connections.join_next().await.is_some() {}
    door.calls.close();
    if tokio::time::timeout(CLOSE_WITHIN, door.calls.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            calls = door.calls.len(),
            "calls that change something broke off at the end"
        );
    }
}

/// What every connection is served with.
struct Door {
    /// Without one, whoever comes is talked to in the clear.
    acceptor: Option<TlsAcceptor>,
    router: Router,
    closing: Closing,
    /// Those whose callers may be gone.
    calls: Calls,
}

impl Door {
    async fn attend(&self, stream: TcpStream, peer: SocketAddr, standing: Standing) {
        let Some(acceptor) = &self.acceptor else {
            return self.converse(stream, peer, standing).await;
        };
        let mut closing = self.closing.clone();
        let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream));
        let stream = tokio::select! {
            () = closing.wait() => return,
            shaken = handshake => match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%peer, %error, "a handshake failed"),
                Err(_) => return tracing::debug!(%peer, "a handshake took too long"),
            },
        };
        self.converse(stream, peer, standing).await;
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: SocketAddr,
        standing: Standing,
    ) {
        let mut closing = self.closing.clone();
        let service =
            hyper::service::service_fn(|request| self.call(request, peer, standing.clone()));
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
        standing: Standing,
    ) -> <Router as Service<Request>>::Future {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(standing);
        request.extensions_mut().insert(self.calls.clone());
        self.closing.mark(&mut request);
        self.router.clone().call(request)
    }
}

/// The next connection that finds a place.
async fn next(seats: &Seats, listener: &TcpListener) -> (TcpStream, SocketAddr, Seat) {
    loop {
        let free = seats.free().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Some(seat) = seats.take(free, peer.ip()) {
                    return (stream, peer, seat);
                }
                tracing::debug!(%peer, "a network has too many connections");
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
