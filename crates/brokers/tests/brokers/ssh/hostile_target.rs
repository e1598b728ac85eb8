//! Targets that do what sshd never would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use portcullis_ports::control::CloseCause;
use russh::keys::{Certificate, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session, run_stream};
use russh::{Channel, ChannelId};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::sshd::new_key;
use super::world::{DEADLINE, World, ended};

const HOST: u8 = 0x66;

/// When a target begins.
#[derive(Clone, Copy, PartialEq)]
enum When {
    SignedIn,
    Started,
}

/// What it opens, by number.
const KINDS: usize = 7;

async fn opens(handle: Handle, kind: usize) -> bool {
    match kind {
        0 => handle.channel_open_session().await,
        1 => handle.channel_open_agent().await,
        2 => handle.channel_open_x11("127.0.0.1", 1).await,
        3 => {
            let opened = handle.channel_open_forwarded_tcpip("127.0.0.1", 1, "127.0.0.1", 2);
            opened.await
        }
        4 => handle.channel_open_forwarded_streamlocal("/x").await,
        5 => {
            let opened = handle.channel_open_direct_tcpip("127.0.0.1", 1, "127.0.0.1", 2);
            opened.await
        }
        _ => handle.channel_open_direct_streamlocal("/x").await,
    }
    .is_ok()
}

/// Lets everybody in, starts whatever is asked for, and opens a channel towards whoever came.
#[derive(Clone)]
struct Opener {
    when: When,
    kind: usize,
    opened: mpsc::Sender<bool>,
}

impl Opener {
    fn open(&self, session: &Session) {
        let (handle, kind, opened) = (session.handle(), self.kind, self.opened.clone());
        tokio::spawn(async move {
            let _nobody_hears = opened.send(opens(handle, kind).await).await;
        });
    }
}

impl Handler for Opener {
    type Error = russh::Error;

    async fn auth_openssh_certificate(
        &mut self,
        _: &str,
        _: &Certificate,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        if self.when == When::SignedIn {
            self.open(session);
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        if self.when == When::Started {
            self.open(session);
        }
        Ok(())
    }
}

/// A host whose n-th connection opens the n-th kind of channel; whether it could is sent.
async fn host(when: When) -> (SocketAddr, mpsc::Receiver<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (opened, tried) = mpsc::channel(1);
    let config = Arc::new(Config {
        keys: vec![PrivateKey::from_openssh(new_key(HOST).0).unwrap()],
        ..Config::default()
    });
    let kinds = AtomicUsize::new(0);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let opener = Opener {
                when,
                kind: kinds.fetch_add(1, SeqCst),
                opened: opened.clone(),
            };
            let running = run_stream(Arc::clone(&config), socket, opener);
            tokio::spawn(async move {
                // How it ends is the other side's to say.
                let _ = running.await.unwrap().await;
            });
        }
    });
    (address, tried)
}

#[tokio::test]
async fn a_target_that_opens_channels_towards_us_is_let_open_none_and_is_cut() {
    for when in [When::SignedIn, When::Started] {
        let world = World::new().await;
        let (address, mut tried) = host(when).await;
        world.control.script().target = address.to_string();
        world.control.script().host_keys = vec![new_key(HOST).1];
        for kind in 0..KINDS {
            let client = world.ssh(&[], &["anything"]).spawn().unwrap();
            let opened = timeout(DEADLINE, tried.recv()).await.unwrap().unwrap();
            assert!(!opened, "it could open kind {kind}");
            // What it runs never ends by itself.
            assert_eq!(ended(client).await.status, Some(255), "kind {kind}");
            let cause = world.control.closed(kind).await.cause;
            assert!(matches!(cause, CloseCause::TargetLost { .. }), "{cause:?}");
        }
    }
}
