//! What the door offers to strangers, read off the wire.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::world::{DEADLINE, World};

/// The name lists of the server's `SSH_MSG_KEXINIT` (RFC 4253, 7.1), in their order.
async fn offers(world: &World) -> Vec<Vec<String>> {
    let stream = TcpStream::connect(world.door).await.unwrap();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"SSH-2.0-stranger\r\n").await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("SSH-2.0-"), "{line}");
    let length = usize::try_from(stream.read_u32().await.unwrap()).unwrap();
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await.unwrap();
    // Padding length, message number, cookie.
    assert_eq!(packet[1], 20);
    let mut rest = &packet[18..];
    let mut lists = Vec::new();
    while lists.len() < 10 {
        let (length, behind) = rest.split_first_chunk::<4>().unwrap();
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let (names, after) = behind.split_at(length);
        let names = std::str::from_utf8(names).unwrap();
        lists.push(names.split(',').map(str::to_owned).collect());
        rest = after;
    }
    lists
}

#[tokio::test]
async fn the_door_offers_strict_key_exchange_no_compression_and_nothing_weak() {
    let world = World::new().await;
    let offers = timeout(DEADLINE, offers(&world)).await.unwrap();
    let [
        kex,
        host_keys,
        to_server,
        to_client,
        mac_in,
        mac_out,
        zip_in,
        zip_out,
        ..,
    ] = &offers[..]
    else {
        panic!("{offers:?}");
    };
    // The answer to Terrapin.
    assert!(
        kex.contains(&"kex-strict-s-v00@openssh.com".to_owned()),
        "{kex:?}"
    );
    // What is never decompressed is no bomb.
    assert_eq!((zip_in, zip_out), (&vec!["none".to_owned()], zip_in));
    for (what, names) in [
        ("key exchange", kex),
        ("host key", host_keys),
        ("cipher", to_server),
        ("cipher", to_client),
        ("MAC", mac_in),
        ("MAC", mac_out),
    ] {
        for name in names {
            let weak = [
                "sha1", "cbc", "arcfour", "3des", "md5", "none", "dss", "group1-",
            ];
            assert!(
                !weak.iter().any(|word| name.contains(word)),
                "{what} {name}"
            );
            assert_ne!(name, "ssh-rsa");
        }
    }
    // A client that would like to compress does without.
    let ran = world.run(&["-C"], &["echo in"]).await;
    assert_eq!(ran.out, b"in\n", "{ran:?}");
}
