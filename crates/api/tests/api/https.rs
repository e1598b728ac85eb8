//! The door itself: TLS, and closing while somebody still listens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_api::{ApiError, TlsIdentity, self_signed, serve_https};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// A served world.
struct Door {
    address: SocketAddr,
    certificate: String,
    close: watch::Sender<bool>,
    served: JoinHandle<Result<(), ApiError>>,
}

impl Door {
    async fn open(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cert_pem, key) = self_signed(&["localhost".to_owned()]).unwrap();
        let certificate = cert_pem.clone();
        let (close, closing) = watch::channel(false);
        let tls = TlsIdentity { cert_pem, key };
        let served = tokio::spawn(serve_https(listener, world.router.clone(), tls, closing));
        Self {
            address,
            certificate,
            close,
            served,
        }
    }

    /// Connects, trusting a certificate.
    async fn connect(&self, trusted: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let trusted = CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap();
        roots.add(trusted).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>, path: &str, token: &str) {
    let request = format!(
        "GET /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

async fn read_until(stream: &mut TlsStream<TcpStream>, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        let mut buffer = [0; 4096];
        let reading = tokio::time::timeout(PATIENCE, stream.read(&mut buffer));
        let count = reading.await.expect("nothing came").unwrap();
        assert_ne!(count, 0, "the connection ended after {read}");
        read += std::str::from_utf8(&buffer[..count]).unwrap();
    }
    read
}

#[tokio::test]
async fn a_client_that_has_the_certificate_is_served_and_another_is_not() {
    let world = World::new().await;
    let door = Door::open(&world).await;
    let mut stream = door.connect(&door.certificate).await.unwrap();
    ask(&mut stream, "/health", "none").await;
    let answer = read_until(&mut stream, "{\"status\":\"ok\"}").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let (foreign, _) = self_signed(&["localhost".to_owned()]).unwrap();
    assert!(door.connect(&foreign).await.is_err());
}

#[tokio::test]
async fn nothing_is_served_without_tls() {
    let world = World::new().await;
    let door = Door::open(&world).await;
    let mut plain = TcpStream::connect(door.address).await.unwrap();
    plain
        .write_all(b"GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut answer));
    // The end may come as a reset.
    let _ = reading.await.expect("the connection stayed open");
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"));
}

#[tokio::test]
async fn the_door_closes_while_somebody_still_listens() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let door = Door::open(&world).await;
    let mut listening = door.connect(&door.certificate).await.unwrap();
    ask(&mut listening, "/events", &rosa).await;
    read_until(&mut listening, "text/event-stream").await;
    let idle = door.connect(&door.certificate).await.unwrap();

    door.close.send_replace(true);
    let served = tokio::time::timeout(PATIENCE, door.served).await;
    served.expect("the door did not close").unwrap().unwrap();
    drop((listening, idle));
}

#[tokio::test]
async fn a_door_without_a_usable_certificate_does_not_open() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, key) = self_signed(&["localhost".to_owned()]).unwrap();
    let tls = TlsIdentity {
        cert_pem: "nothing".to_owned(),
        key,
    };
    let (_close, closing) = watch::channel(false);
    let served = serve_https(listener, world.router.clone(), tls, closing).await;
    assert!(matches!(served, Err(ApiError::Certificate(_))));
}

/// The place of somebody who is signed in is not theirs who come in numbers, though from the same network.
#[tokio::test]
async fn who_is_signed_in_keeps_their_connection_while_strangers_crowd_in() {
    let world = World::new().await;
    let rosa = world.sign_in("rosa").await;
    let door = Door::open(&world).await;
    let mut known = door.connect(&door.certificate).await.unwrap();
    ask(&mut known, "/whoami", &rosa).await;
    read_until(&mut known, "rosa").await;
    let crowd = door.strangers("127.0.0.1", 255).await;
    let others = door.strangers("127.0.0.3", 3).await;
    for mut oldest in crowd.into_iter().take(2) {
        let mut end = [0];
        let reading = tokio::time::timeout(PATIENCE, oldest.read(&mut end));
        let read = reading
            .await
            .expect("the oldest stranger was not sent away");
        assert!(!matches!(read, Ok(1..)));
    }
    ask(&mut known, "/whoami", &rosa).await;
    read_until(&mut known, "rosa").await;
    drop(others);
}

impl Door {
    /// Connections from an address that say nothing, oldest first.
    async fn strangers(&self, from: &str, many: usize) -> Vec<TcpStream> {
        let mut strangers = Vec::new();
        for _ in 0..many {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
            strangers.push(socket.connect(self.address).await.unwrap());
        }
        strangers
    }
}
