//! What is refused, by which words, and that nothing happened at the target.

use portcullis_ports::conformance::port::Port;
use portcullis_ports::control::CloseCause;

use super::control::Lease;
use super::hostile::{raw, text_until};
use super::sshd::new_key;
use super::world::{World, ended};

#[tokio::test]
async fn what_no_grant_covers_is_refused_with_reason_and_next_step() {
    let world = World::new().await;
    let message = "no grant covers a shell on web-1\nnext: portcullis request web-1 shell";
    world.control.script().refuses = Some(message.to_owned());
    let ran = world.run(&[], &["id"]).await;
    assert_eq!((ran.status, ran.out.len()), (Some(3), 0), "{ran:?}");
    for line in message.lines() {
        assert!(ran.err.contains(&format!("portcullis: {line}")), "{ran:?}");
    }
    assert_eq!(world.sshd.log(), "");
}

#[tokio::test]
async fn a_target_with_another_host_key_is_not_signed_in_to() {
    let world = World::new().await;
    world.control.script().host_keys = vec![new_key(99).1];
    let ran = world.run(&[], &["id"]).await;
    assert_eq!((ran.status, ran.out.len()), (Some(255), 0), "{ran:?}");
    assert!(ran.err.contains("shows the host key SHA256:"), "{ran:?}");
    assert!(
        ran.err.contains("host_keys"),
        "what to do is missing: {ran:?}"
    );
    let cause = world.control.closed(0).await.cause;
    assert!(matches!(cause, CloseCause::TargetLost { .. }), "{cause:?}");
    assert!(
        !world.sshd.log().contains("Accepted"),
        "{}",
        world.sshd.log()
    );
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_or_does_not_let_in_is_told_apart() {
    let world = World::new().await;
    // Held and not listened on: nobody else comes to listen there meanwhile.
    let port = Port::take().unwrap();
    let nobody = format!("127.0.0.1:{}", port.number());
    let there = std::mem::replace(&mut world.control.script().target, nobody);
    let ran = world.run(&[], &["id"]).await;
    assert!(ran.err.contains("cannot be reached"), "{ran:?}");
    // Where it is, is not for who is brought there: neither at the client nor on their record.
    let cause = world.control.closed(0).await.cause;
    let told = format!("{ran:?} {cause:?}");
    assert!(!told.contains("127.0.0.1"), "{told}");
    assert!(!told.contains(&port.number().to_string()), "{told}");

    world.control.script().target = there;
    let stranger = format!("nobody-{}@web-1", std::process::id());
    let ran = ended(world.ssh_as(&stranger, &[], &["id"]).spawn().unwrap()).await;
    assert_eq!(ran.status, Some(255), "{ran:?}");
    assert!(ran.err.contains("does not let nobody-"), "{ran:?}");
}

#[tokio::test]
async fn a_lease_that_is_not_exactly_for_this_opens_nothing() {
    for lease in [
        Lease::OtherSigner,
        Lease::OtherAction,
        Lease::OtherAccount,
        Lease::OtherSession,
        Lease::OtherBody,
        Lease::OrdinaryPath,
        Lease::Late,
    ] {
        let world = World::new().await;
        world.control.script().lease = lease;
        let ran = world.run(&[], &["id"]).await;
        assert_eq!((ran.status, ran.out.len()), (Some(255), 0), "{ran:?}");
        assert!(ran.err.contains("lease"), "{ran:?}");
        let cause = world.control.closed(0).await.cause;
        assert!(matches!(cause, CloseCause::TargetLost { .. }), "{cause:?}");
        assert_eq!(world.sshd.log(), "");
    }
}

#[tokio::test]
async fn subsystems_are_refused_by_name() {
    let world = World::new().await;
    let ran = world.run(&["-s"], &["sftp"]).await;
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.err.contains("portcullis: subsystem sftp is refused"),
        "{ran:?}"
    );
    reported(&world, "subsystem sftp").await;
}

#[tokio::test]
async fn forwards_from_the_client_are_refused_by_name() {
    let world = World::new().await;
    let ran = world.run(&["-W", "127.0.0.1:22"], &[]).await;
    assert_ne!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("administratively prohibited")
            && ran.err.contains("forwarding to 127.0.0.1:22 is refused"),
        "{ran:?}"
    );
    reported(&world, "forwarding to 127.0.0.1:22").await;
}

#[tokio::test]
async fn listeners_for_the_client_are_refused() {
    let world = World::new().await;
    let options = ["-R", "0:127.0.0.1:22", "-o", "ExitOnForwardFailure=yes"];
    let ran = world.run(&options, &["true"]).await;
    assert_eq!(ran.status, Some(255), "{ran:?}");
    reported(&world, "remote forwarding").await;
}

#[tokio::test]
async fn agent_screen_and_unix_sockets_are_refused_by_name() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let client = raw(&world, &world.user()).await;
    let mut channel = client.channel_open_session().await.unwrap();
    channel.agent_forward(true).await.unwrap();
    text_until(&mut channel, "agent forwarding is refused").await;
    channel
        .request_x11(true, false, "MIT-MAGIC-COOKIE-1", "00", 0)
        .await
        .unwrap();
    text_until(&mut channel, "X11 forwarding is refused").await;

    let direct = client
        .channel_open_direct_streamlocal("/run/docker.sock")
        .await;
    assert!(direct.is_err());
    assert!(client.streamlocal_forward("/tmp/listen").await.is_err());
    assert!(client.tcpip_forward("127.0.0.1", 0).await.is_err());
    assert!(
        client
            .channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1)
            .await
            .is_err()
    );
    for what in [
        "agent forwarding",
        "X11 forwarding",
        "forwarding to /run/docker.sock",
        "remote forwarding of /tmp/listen",
        "remote forwarding of 127.0.0.1:0",
        "forwarding to 127.0.0.1:22",
    ] {
        reported(&world, what).await;
    }
    // A shell on the channel where the agent was refused still runs.
    channel.exec(true, "echo after").await.unwrap();
    text_until(&mut channel, "after").await;
}

#[tokio::test]
async fn one_more_channel_than_allowed_is_refused() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let client = raw(&world, &world.user()).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(client.channel_open_session().await.unwrap());
    }
    assert!(client.channel_open_session().await.is_err());
    // A place is free again once a channel is over.
    open.pop().unwrap().close().await.unwrap();
    let deadline = tokio::time::Instant::now() + super::world::DEADLINE;
    while client.channel_open_session().await.is_err() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "no place becomes free"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_command_that_is_no_text_is_refused() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let client = raw(&world, &world.user()).await;
    let mut channel = client.channel_open_session().await.unwrap();
    channel.exec(true, &b"echo \xff"[..]).await.unwrap();
    text_until(&mut channel, "not UTF-8").await;
    assert!(world.control.record().order.is_empty());
}

/// Control hears of a refusal by its name.
async fn reported(world: &World, what: &str) {
    world
        .control
        .until(what, |record| {
            record
                .refused
                .iter()
                .any(|name| name.contains(what))
                .then_some(())
        })
        .await;
}
