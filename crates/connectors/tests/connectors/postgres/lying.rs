//! A server that lets everybody in and then never stops talking.

use std::time::Duration;

use portcullis_connectors::all;
use portcullis_ports::ConnectorError;
use portcullis_ports::conformance::connector::target;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::{PASSWORD, resource};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

/// By how much the memory of this process may grow: a fraction of what the server would send in that time.
const MOST_GROWTH_KIB: u64 = 256 * 1024;

/// What it says without an end.
#[derive(Clone, Copy)]
enum Lie {
    /// Parameters, before it lets anybody in.
    Greeting,
    /// Parameters, in the middle of an answer.
    Parameters,
    /// Rows without a column.
    SmallRows,
    /// Rows of a mebibyte.
    LargeRows,
    /// A row that is said to be as long as one can be.
    OneRow,
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

impl Lie {
    fn next(self, place: u64) -> Vec<u8> {
        match self {
            Self::Greeting | Self::Parameters => message(b'S', format!("{place:x}\0\0").as_bytes()),
            Self::SmallRows => message(b'D', &[0, 0]),
            Self::LargeRows => {
                let value = vec![b'x'; 1 << 20];
                let length = (1_u32 << 20).to_be_bytes();
                message(b'D', &[&[0, 1], &length[..], &value].concat())
            }
            Self::OneRow if place == 0 => [&b"D"[..], &i32::MAX.to_be_bytes()[..]].concat(),
            Self::OneRow => vec![0; 1 << 16],
        }
    }

    /// The columns of its rows: one of text for those that have any.
    fn columns(self) -> Vec<u8> {
        match self {
            Self::LargeRows => {
                b"\0\x01c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0".to_vec()
            }
            _ => vec![0, 0],
        }
    }

    /// Talks until nobody listens any more; how much was taken.
    async fn tell(self, socket: &mut TcpStream) -> u64 {
        let mut sent = 0;
        for place in 0.. {
            let part: Vec<u8> = match self {
                Self::LargeRows | Self::OneRow => self.next(place),
                _ => (0..1_000)
                    .flat_map(|n| self.next(place * 1_000 + n))
                    .collect(),
            };
            if socket.write_all(&part).await.is_err() {
                break;
            }
            sent += u64::try_from(part.len()).unwrap();
        }
        sent
    }

    /// Serves one connection; how many bytes of the lie were taken.
    async fn serve(self, listener: TcpListener) -> u64 {
        let (mut socket, _) = listener.accept().await.unwrap();
        let length = socket.read_u32().await.unwrap();
        let mut startup = vec![0; usize::try_from(length).unwrap() - 4];
        socket.read_exact(&mut startup).await.unwrap();
        let mut greeting = message(b'R', &[0; 4]);
        if matches!(self, Self::Greeting) {
            socket.write_all(&greeting).await.unwrap();
            return self.tell(&mut socket).await;
        }
        greeting.extend(ready());
        socket.write_all(&greeting).await.unwrap();
        loop {
            let tag = socket.read_u8().await.unwrap();
            let length = socket.read_u32().await.unwrap();
            let mut body = vec![0; usize::try_from(length).unwrap() - 4];
            socket.read_exact(&mut body).await.unwrap();
            let answer = match tag {
                b'Q' => [message(b'C', b"BEGIN\0"), ready()].concat(),
                b'P' => message(b'1', &[]),
                b'D' => [
                    message(b't', &[0, 0]),
                    message(b'T', &self.columns()),
                    ready(),
                ]
                .concat(),
                b'E' => {
                    socket.write_all(&message(b'2', &[])).await.unwrap();
                    return self.tell(&mut socket).await;
                }
                _ => Vec::new(),
            };
            socket.write_all(&answer).await.unwrap();
        }
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads from a server that lies, and tells what came of it and how much of the lie was taken.
async fn read_from(lie: Lie) -> (ConnectorError, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(lie.serve(listener));
    let connectors = all();
    let connector = connectors
        .iter()
        .find(|connector| connector.descriptor().name == "postgres")
        .unwrap();
    let resource = resource(json!({
        "host": "127.0.0.1", "port": port, "database": "postgres", "user": "portcullis",
        "entitlements": {"read": "readers"},
    }));
    let action = connector.parse(&resource, &["read".to_owned()]).unwrap();
    let target = target(&resource, PASSWORD.as_bytes());
    let before = resident_kib();
    let read = connector.effective(&target, &action);
    let error = tokio::time::timeout(PATIENCE, read)
        .await
        .unwrap()
        .unwrap_err();
    let sent = tokio::time::timeout(PATIENCE, server)
        .await
        .unwrap()
        .unwrap();
    let grown = resident_kib() - before;
    assert!(grown < MOST_GROWTH_KIB, "{grown} KiB more");
    (error, sent)
}

#[tokio::test]
async fn what_a_server_says_without_an_end_is_read_to_a_limit_and_refused() {
    for lie in [Lie::SmallRows, Lie::LargeRows, Lie::OneRow, Lie::Parameters] {
        let (error, sent) = read_from(lie).await;
        let told = error.to_string();
        assert!(told.contains("more than is read"), "{told}");
        // What the sockets hold was sent, but not read.
        assert!(sent < 64 << 20, "{sent} bytes");
    }
}

#[tokio::test]
async fn a_server_that_never_lets_us_in_is_listened_to_less_still() {
    let (error, sent) = read_from(Lie::Greeting).await;
    assert!(
        matches!(error, ConnectorError::Unreachable { .. }),
        "{error}"
    );
    assert!(sent < 32 << 20, "{sent} bytes");
}
