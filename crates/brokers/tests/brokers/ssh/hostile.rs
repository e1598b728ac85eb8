//! Clients that do what OpenSSH never would.

use std::sync::Arc;

use russh::client::{self, KeyboardInteractiveAuthResponse};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::control::CODE;
use super::sshd::new_key;
use super::world::{ANA, DEADLINE, World};

pub struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

fn key() -> PrivateKeyWithHashAlg {
    let key = PrivateKey::from_openssh(new_key(ANA).0).unwrap();
    PrivateKeyWithHashAlg::new(Arc::new(key), None)
}

async fn connect(world: &World) -> client::Handle<Trusting> {
    client::connect(Arc::default(), world.door, Trusting)
        .await
        .unwrap()
}

/// Signed in with the known key alone.
pub async fn raw(world: &World, user: &str) -> client::Handle<Trusting> {
    let mut client = connect(world).await;
    let answer = client.authenticate_publickey(user, key()).await.unwrap();
    assert!(answer.success(), "{answer:?}");
    client
}

/// Reads both outputs until they hold a text.
pub async fn text_until(channel: &mut Channel<client::Msg>, wanted: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(wanted) {
            match channel.wait().await {
                Some(ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. }) => {
                    text += &String::from_utf8_lossy(&data);
                }
                Some(_) => {}
                None => panic!("the channel ended before {wanted:?} came"),
            }
        }
    };
    timeout(DEADLINE, reading)
        .await
        .unwrap_or_else(|_| panic!("{wanted:?} never came"));
    text
}

#[tokio::test]
async fn a_code_under_another_user_name_than_the_keys_is_not_even_looked_at() {
    let world = World::new().await;
    let mut client = connect(&world).await;
    let other = format!("{}@web-2", world.account);
    let answer = client
        .authenticate_publickey(world.user(), key())
        .await
        .unwrap();
    assert!(!answer.success());
    let answer = client
        .authenticate_keyboard_interactive_start(&other, None)
        .await
        .unwrap();
    assert!(
        matches!(answer, KeyboardInteractiveAuthResponse::Failure { .. }),
        "{answer:?}"
    );
    // Nor does going back to the first name help: what the key proved is void.
    let answer = client
        .authenticate_keyboard_interactive_start(world.user(), None)
        .await;
    assert!(!matches!(
        answer,
        Ok(KeyboardInteractiveAuthResponse::InfoRequest { .. }
            | KeyboardInteractiveAuthResponse::Success)
    ));
    assert!(world.control.record().codes.is_empty());
    assert_eq!(world.control.record().forgotten.len(), 1);
}

#[tokio::test]
async fn the_same_client_under_one_user_name_is_let_in() {
    let world = World::new().await;
    let mut client = connect(&world).await;
    client
        .authenticate_publickey(world.user(), key())
        .await
        .unwrap();
    let answer = client
        .authenticate_keyboard_interactive_start(world.user(), None)
        .await
        .unwrap();
    assert!(matches!(
        answer,
        KeyboardInteractiveAuthResponse::InfoRequest { .. }
    ));
    let answer = client
        .authenticate_keyboard_interactive_respond(vec![CODE.to_owned()])
        .await
        .unwrap();
    assert!(matches!(answer, KeyboardInteractiveAuthResponse::Success));
}

#[tokio::test]
async fn a_client_that_goes_on_guessing_has_three_codes_looked_at() {
    let world = World::new().await;
    let mut client = connect(&world).await;
    client
        .authenticate_publickey(world.user(), key())
        .await
        .unwrap();
    for _ in 0..10 {
        let user = world.user();
        // The connection may be over by now, which is a refusal as well.
        let Ok(KeyboardInteractiveAuthResponse::InfoRequest { .. }) = client
            .authenticate_keyboard_interactive_start(user, None)
            .await
        else {
            break;
        };
        let guess = vec!["000000".to_owned()];
        let answer = client
            .authenticate_keyboard_interactive_respond(guess)
            .await;
        assert!(!matches!(
            answer,
            Ok(KeyboardInteractiveAuthResponse::Success)
        ));
    }
    assert_eq!(world.control.record().codes.len(), 3);
    // What the key proved is void.
    assert_eq!(world.control.record().forgotten.len(), 1);
}

#[tokio::test]
async fn a_code_without_a_key_is_not_even_looked_at() {
    let world = World::new().await;
    let mut client = connect(&world).await;
    let answer = client
        .authenticate_keyboard_interactive_start(world.user(), None)
        .await
        .unwrap();
    assert!(matches!(
        answer,
        KeyboardInteractiveAuthResponse::Failure { .. }
    ));
    // The connection may be over by now, which is a refusal as well.
    let answer = client.authenticate_password(world.user(), CODE).await;
    assert!(!answer.is_ok_and(|answer| answer.success()));
    let answer = client.authenticate_none(world.user()).await;
    assert!(!answer.is_ok_and(|answer| answer.success()));
    assert!(world.control.record().codes.is_empty());
}

#[tokio::test]
async fn too_many_attempts_end_the_connection() {
    let world = World::new().await;
    let mut client = connect(&world).await;
    let mut refused = 0;
    while refused < 20 {
        match client.authenticate_password(world.user(), "guess").await {
            Ok(answer) => assert!(!answer.success()),
            Err(_) => break,
        }
        refused += 1;
    }
    assert!(refused <= 7, "{refused} attempts on one connection");
}

#[tokio::test]
async fn a_stranger_who_says_nothing_or_nonsense_does_not_stay() {
    let world = World::new().await;
    let mut silent = TcpStream::connect(world.door).await.unwrap();
    let mut greeted = TcpStream::connect(world.door).await.unwrap();
    greeted.write_all(b"SSH-2.0-x\r\n").await.unwrap();
    let mut huge = TcpStream::connect(world.door).await.unwrap();
    huge.write_all(b"SSH-2.0-x\r\n\x7f\xff\xff\xff")
        .await
        .unwrap();
    for stranger in [&mut silent, &mut greeted, &mut huge] {
        let mut said = Vec::new();
        // An error is an end as well.
        let _ = timeout(DEADLINE, stranger.read_to_end(&mut said))
            .await
            .expect("it is ended");
    }
}

#[tokio::test]
async fn one_source_has_few_unauthenticated_connections_and_gets_them_back() {
    let world = World::new().await;
    let mut inside = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(world.door).await.unwrap();
        assert!(greeted(&mut stream).await);
        inside.push(stream);
    }
    let mut ninth = TcpStream::connect(world.door).await.unwrap();
    assert!(!greeted(&mut ninth).await);
    inside.clear();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let mut stream = TcpStream::connect(world.door).await.unwrap();
        if greeted(&mut stream).await {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no place becomes free"
        );
        tokio::task::yield_now().await;
    }
}

/// Whether the door says its first line.
async fn greeted(stream: &mut TcpStream) -> bool {
    let mut line = [0; 7];
    let read = timeout(DEADLINE, stream.read_exact(&mut line))
        .await
        .unwrap();
    read.is_ok() && &line == b"SSH-2.0"
}

#[tokio::test]
async fn a_flood_of_refused_requests_fills_no_record_and_ends_no_door() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let client = raw(&world, &world.user()).await;
    let flood = async {
        for port in 1..500 {
            let to = client.channel_open_direct_tcpip("127.0.0.1", port, "127.0.0.1", 1);
            assert!(to.await.is_err());
        }
    };
    timeout(DEADLINE, flood).await.unwrap();
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!(ran.out, b"in\n", "{ran:?}");
    let refused = world.control.record().refused.clone();
    assert!(refused.len() <= 65, "{}", refused.len());
}
