//! What a person does all day, and what is left of it on the tape.

use std::process::Stdio;
use std::time::Duration;

use portcullis_model::Action;
use portcullis_ports::control::CloseCause;
use portcullis_tape::{Ending, Event, Exit, Notice};
use russh::ChannelMsg;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use super::control::{With, last_head, own_head};
use super::hostile::{raw, text_until};
use super::world::{DEADLINE, World, ended};

fn output(events: &[Event]) -> Vec<u8> {
    let chunks = events.iter().filter_map(|event| match event {
        Event::Output(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    chunks.flatten().copied().collect()
}

#[tokio::test]
async fn a_command_gives_both_outputs_and_its_exit_status_and_a_tape_that_verifies() {
    let world = World::new().await;
    let command = "echo out; echo err >&2; exit 7";
    let ran = world.run(&[], &[command]).await;
    assert_eq!(
        (ran.status, ran.out.as_slice()),
        (Some(7), &b"out\n"[..]),
        "{ran:?}"
    );
    assert!(ran.err.contains("err\n"), "{ran:?}");

    let closing = world.control.closed(0).await;
    assert_eq!(
        (closing.cause, closing.exit),
        (CloseCause::Completed, Some(7))
    );
    assert_eq!((closing.bytes_in, closing.bytes_out), (0, 8));
    let session = world.control.opened(0).await;
    let (verified, events) = world.control.tape(session);
    assert!(matches!(verified.ending, Ending::Finished(Some(_))));
    assert_eq!(
        last_head(&world.control.record().sessions[&session]),
        Some(own_head(&verified.head))
    );
    assert_eq!(output(&events), b"out\n");
    assert!(events.contains(&Event::Command(command.as_bytes().to_vec())));
    assert!(events.contains(&Event::ErrorOutput(b"err\n".to_vec())));
    assert!(events.contains(&Event::Exit(Exit::Status(7))));
    let action = Action::named("exec").with("account", world.account.clone());
    let record = world.control.record();
    let asked = &record.sessions[&session].wish.action;
    assert_eq!(*asked, action.with("command", command));
}

#[tokio::test]
async fn a_shell_has_a_terminal_and_ends_with_its_own_status() {
    let world = World::new().await;
    let input = b"tty; echo term=$TERM; exit 4\n";
    let ran = world.run_with(&["-tt"], &[], input).await;
    assert_eq!(ran.status, Some(4), "{ran:?}");
    let shown = String::from_utf8_lossy(&ran.out).into_owned();
    assert!(shown.contains("/dev/pts/"), "{shown}");
    let session = world.control.opened(0).await;
    let action = Action::named("shell").with("account", world.account.clone());
    assert_eq!(
        world.control.record().sessions[&session].wish.action,
        action
    );
    world.control.closed(0).await;
    let (_, events) = world.control.tape(session);
    assert!(output(&events).ends_with(&ran.out[ran.out.len() - 4..]));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Resize { .. }))
    );
}

#[tokio::test]
async fn the_terminal_follows_its_window_and_the_tape_knows_both_sizes() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let client = raw(&world, &world.user()).await;
    let mut channel = client.channel_open_session().await.unwrap();
    channel
        .request_pty(true, "xterm", 80, 24, 0, 0, &[])
        .await
        .unwrap();
    channel.request_shell(true).await.unwrap();
    channel
        .data(&b"stty -echo; echo at $(stty size)\n"[..])
        .await
        .unwrap();
    text_until(&mut channel, "at 24 80").await;
    channel.window_change(132, 43, 0, 0).await.unwrap();
    channel
        .data(&b"echo now $(stty size); exit\n"[..])
        .await
        .unwrap();
    text_until(&mut channel, "now 43 132").await;
    world.control.closed(0).await;
    let (_, events) = world.control.tape(world.control.opened(0).await);
    for (columns, rows) in [(80, 24), (132, 43)] {
        assert!(
            events.contains(&Event::Resize { columns, rows }),
            "{columns}"
        );
    }
}

#[tokio::test]
async fn standard_input_reaches_its_end() {
    let world = World::new().await;
    let input = vec![b'x'; 200_000];
    let ran = world.run_with(&[], &["wc -c"], &input).await;
    assert_eq!(
        String::from_utf8_lossy(&ran.out).trim(),
        "200000",
        "{ran:?}"
    );
    assert_eq!(world.control.closed(0).await.bytes_in, 200_000);
}

/// Everything a client sent, as the tape of its session has it.
async fn typed(world: &World, nth: usize) -> Vec<u8> {
    world.control.closed(nth).await;
    let (_, events) = world.control.tape(world.control.opened(nth).await);
    let chunks = events.iter().filter_map(|event| match event {
        Event::Input(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    chunks.flatten().copied().collect()
}

#[tokio::test]
async fn what_no_terminal_echoes_is_on_the_tape() {
    let world = World::new().await;
    let script = b"echo quiet >/dev/null; exit 0\n";
    let ways: [(&[&str], &[&str]); 2] = [(&["-T"], &[]), (&[], &["sh"])];
    for (nth, (options, command)) in ways.into_iter().enumerate() {
        let ran = world.run_with(options, command, script).await;
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert_eq!(typed(&world, nth).await, script);
    }
}

#[tokio::test]
async fn what_a_terminal_may_hide_is_not_on_the_tape() {
    let world = World::new().await;
    let ran = world.run_with(&["-tt"], &[], b"exit 0\n").await;
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(typed(&world, 0).await.is_empty());
}

#[tokio::test]
async fn sixty_four_megabytes_pass_whole_each_way() {
    let world = World::new().await;
    let size = 64 << 20;
    let ran = world.run(&[], &["head -c 67108864 /dev/zero"]).await;
    assert_eq!((ran.status, ran.out.len()), (Some(0), size), "{}", ran.err);
    let ran = world.run_with(&[], &["wc -c"], &vec![0; size]).await;
    assert_eq!(String::from_utf8_lossy(&ran.out).trim(), size.to_string());
    let (verified, events) = world.control.tape(world.control.opened(0).await);
    assert!(matches!(verified.ending, Ending::Finished(_)));
    assert_eq!(output(&events).len(), size);
}

#[tokio::test]
async fn two_dozen_downloads_at_once_all_arrive_whole_and_all_end() {
    let world = World::new().await;
    world.control.script().needs_code = false;
    let size = 4 << 20;
    let mut downloads = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let client = std::sync::Arc::new(raw(&world, &world.user()).await);
        for _ in 0..8 {
            let client = std::sync::Arc::clone(&client);
            downloads.spawn(async move {
                let mut channel = client.channel_open_session().await.unwrap();
                let command = format!("head -c {size} /dev/zero; exit 7");
                channel.exec(true, command).await.unwrap();
                let (mut bytes, mut words, mut status) = (0, 0, None);
                // Until the channel is closed from the other side.
                while let Some(message) = channel.wait().await {
                    match message {
                        ChannelMsg::Data { data } => bytes += data.len(),
                        ChannelMsg::ExtendedData { data, .. } => words += data.len(),
                        ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                        _ => {}
                    }
                }
                assert_eq!((bytes, status), (size, Some(7)));
                bytes + words
            });
        }
    }
    let all = timeout(DEADLINE, downloads.join_all()).await.unwrap();
    assert_eq!(all.len(), 24);
    let mut told = 0;
    for n in 0..24 {
        let closing = world.control.closed(n).await;
        assert_eq!(closing.cause, CloseCause::Completed);
        told += usize::try_from(closing.bytes_out).unwrap();
    }
    assert_eq!(all.iter().sum::<usize>(), told);
}

#[tokio::test]
async fn what_goes_in_comes_back_while_more_goes_in() {
    let world = World::new().await;
    let input: Vec<u8> = (0_u32..8 << 20).flat_map(u32::to_le_bytes).collect();
    let ran = world.run_with(&[], &["cat"], &input).await;
    assert!(ran.out == input, "{} of {}", ran.out.len(), input.len());
}

#[tokio::test]
async fn a_program_that_a_signal_ended_is_reported_with_it() {
    let world = World::new().await;
    let ran = world.run(&[], &["kill -TERM $$"]).await;
    assert_eq!(ran.status, Some(255), "{ran:?}");
    let closing = world.control.closed(0).await;
    assert_eq!(closing.cause, CloseCause::Completed);
    assert_eq!(
        (closing.exit, closing.signal.as_deref()),
        (None, Some("TERM"))
    );
}

#[tokio::test]
async fn the_language_is_passed_on_and_no_other_variable() {
    let world = World::new().await;
    let ran = world
        .run(
            &["-o", "SetEnv=LC_SAMPLE=yes FOO=no"],
            &["echo $LC_SAMPLE-$FOO"],
        )
        .await;
    assert_eq!(ran.out, b"yes-\n", "{ran:?}");
    world.control.closed(0).await;
    let (_, events) = world.control.tape(world.control.opened(0).await);
    let text = "environment LC_SAMPLE=yes".to_owned();
    let from = "client".to_owned();
    assert!(events.contains(&Event::Notice(Notice::Message { from, text })));
}

#[tokio::test]
async fn a_vaulted_key_opens_a_target_that_does_not_know_the_authority() {
    let world = World::new().await;
    world.control.script().with = With::VaultedKey;
    let ran = world.run(&[], &["echo in"]).await;
    assert_eq!(ran.out, b"in\n", "{ran:?}");
    let log = world.sshd.log();
    assert!(
        log.contains("Accepted publickey") && !log.contains("CA ED25519"),
        "{log}"
    );
}

#[tokio::test]
async fn a_second_channel_is_a_second_wish_a_second_login_and_a_second_tape() {
    let world = World::new().await;
    let socket = format!("ControlPath={}", world.path("master").display());
    let mut first = world.ssh(
        &["-o", &socket, "-o", "ControlMaster=yes"],
        &["echo ready; cat"],
    );
    let mut first = first.stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    let ready = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(ready.as_deref(), Some("ready"));

    let second = world.run(&["-o", &socket], &["echo second"]).await;
    assert_eq!(second.out, b"second\n", "{second:?}");
    {
        let record = world.control.record();
        assert_eq!((record.proved.len(), record.order.len()), (1, 2));
        let wishes: Vec<_> = record
            .order
            .iter()
            .map(|id| &record.sessions[id].wish)
            .collect();
        assert_eq!(wishes[0].connection, wishes[1].connection);
        assert_ne!(wishes[0].action, wishes[1].action);
    }
    world.control.script().refuses = Some("no grant covers this".to_owned());
    let third = world.run(&["-o", &socket], &["echo third"]).await;
    assert_eq!((third.status, third.out.len()), (Some(3), 0), "{third:?}");
    assert!(third.err.contains("no grant covers this"), "{third:?}");

    // The first one goes on as if nothing had happened.
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(b"still here\n").await.unwrap();
    let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
    assert_eq!(line.as_deref(), Some("still here"));
    drop(stdin);
    assert_eq!(ended(first).await.status, Some(0));
    for n in 0..2 {
        assert_eq!(world.control.closed(n).await.cause, CloseCause::Completed);
        let (verified, _) = world.control.tape(world.control.opened(n).await);
        assert!(matches!(verified.ending, Ending::Finished(_)));
    }
}

#[tokio::test]
async fn a_program_that_says_no_more_before_it_ends_still_says_how_it_ended() {
    let world = World::new().await;
    let socket = format!("ControlPath={}", world.path("master").display());
    let master = ["-o", &socket, "-o", "ControlMaster=yes"];
    let mut first = world.ssh(&master, &["echo ready; cat"]);
    let mut first = first.stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
    let silent = "exec </dev/null >/dev/null 2>&1; sleep 0.5; exit 7";
    for command in ["exit 7", silent] {
        let ran = world.run(&["-o", &socket], &[command]).await;
        assert_eq!(ran.status, Some(7), "{command}: {ran:?}");
    }
    for n in 1..3 {
        let closing = world.control.closed(n).await;
        assert_eq!(
            (closing.cause, closing.exit),
            (CloseCause::Completed, Some(7))
        );
    }
    drop(first.stdin.take());
    assert_eq!(ended(first).await.status, Some(0));
}

#[tokio::test]
async fn a_line_from_control_is_shown_and_recorded_and_so_is_the_notice_before() {
    let world = World::new().await;
    world.control.script().notice = "recorded for Ana".to_owned();
    let mut ssh = world.ssh(&[], &["cat"]);
    let mut ssh = ssh.stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(ssh.stderr.take().unwrap()).lines();
    let mut seen = String::new();
    while !seen.contains("portcullis: recorded for Ana") {
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        seen += &line.expect("the client still speaks");
    }
    let session = world.control.opened(0).await;
    world.control.say(session, "five minutes left");
    while !seen.contains("portcullis: five minutes left") {
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        seen += &line.expect("the client still speaks");
    }
    drop(ssh.stdin.take());
    assert_eq!(ended(ssh).await.status, Some(0));
    world.control.closed(0).await;
    let (_, events) = world.control.tape(session);
    let text = "five minutes left".to_owned();
    let from = "portcullis".to_owned();
    assert!(events.contains(&Event::Notice(Notice::Message { from, text })));
}

#[tokio::test]
async fn a_session_ends_when_nothing_moves_and_when_its_time_is_over() {
    let world = World::new().await;
    world.control.script().idle_limit = Duration::from_millis(300);
    let ran = world.run(&[], &["sleep 1000"]).await;
    assert_eq!(ran.status, Some(255), "{ran:?}");
    assert!(ran.err.contains("nothing moved for too long"), "{ran:?}");
    assert_eq!(world.control.closed(0).await.cause, CloseCause::Idle);

    world.control.script().idle_limit = Duration::from_mins(10);
    world.control.script().lasts = Duration::from_millis(300);
    let ran = world.run(&[], &["yes"]).await;
    assert_eq!(ran.status, Some(255));
    assert!(ran.err.contains("its time is over"), "{}", ran.err);
    assert_eq!(world.control.closed(1).await.cause, CloseCause::TimeOver);
}
