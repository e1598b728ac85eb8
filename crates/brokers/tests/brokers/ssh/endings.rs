//! Ends that come from outside: kills, a silent control, a tape that cannot be written, a lost client.

use std::process::Stdio;
use std::time::Duration;

use portcullis_ports::control::CloseCause;
use portcullis_tape::{Ending, Event, Notice};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use super::control::{Recording, With};
use super::world::{DEADLINE, World, ended, runs, until};

fn killed() -> CloseCause {
    CloseCause::Killed {
        reason: "the owner".to_owned(),
    }
}

/// A client whose command floods, and the command's process at the target.
async fn flood(world: &World) -> (Child, BufReader<tokio::process::ChildStdout>, String) {
    let mut ssh = world
        .ssh(&[], &["echo $$; exec yes flood"])
        .spawn()
        .unwrap();
    let mut out = BufReader::new(ssh.stdout.take().unwrap());
    let mut pid = String::new();
    timeout(DEADLINE, out.read_line(&mut pid))
        .await
        .unwrap()
        .unwrap();
    (ssh, out, pid.trim().to_owned())
}

/// Reads on until nothing comes any more.
async fn drained(mut out: BufReader<tokio::process::ChildStdout>) {
    let mut buffer = vec![0; 1 << 16];
    while out.read(&mut buffer).await.unwrap_or(0) > 0 {}
}

#[tokio::test]
async fn a_kill_ends_a_flooding_session_at_both_sides_and_says_why() {
    let world = World::new().await;
    let (ssh, out, pid) = flood(&world).await;
    let reading = tokio::spawn(drained(out));
    let session = world.control.opened(0).await;
    world.control.kill(session);
    let ran = ended(ssh).await;
    assert_eq!(ran.status, Some(255), "{ran:?}");
    assert!(ran.err.contains("killed: the owner"), "{ran:?}");
    reading.await.unwrap();
    until("the command at the target ended", || !runs(&pid)).await;
    assert_eq!(world.control.closed(0).await.cause, killed());
    let (verified, events) = world.control.tape(session);
    assert!(matches!(verified.ending, Ending::Finished(_)));
    let notice = |event: &Event| matches!(event, Event::Notice(Notice::Killed { .. }));
    assert!(events.iter().any(notice));
}

#[tokio::test]
async fn what_others_wrote_cannot_act_on_the_clients_terminal() {
    let hostile = "enough\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\nportcullis: all is well\r";
    let world = World::new().await;
    let (ssh, pids) = silent(&world, &[], "echo $$ $$; exec sleep 1000").await;
    let session = world.control.opened(0).await;
    world.control.say(session, hostile);
    world.control.kill_because(session, hostile);
    let ran = ended(ssh).await;
    let told = ran.err.replace("\r\n", "\n");
    assert!(told.contains(r"killed: enough\u{1b}"), "{told:?}");
    let acts = |c: char| c != '\n' && portcullis_model::acts(c);
    assert!(!told.chars().any(acts), "{told:?}");
    let words =
        |line: &&str| line.contains("session ended: killed") && line.contains("all is well");
    assert_eq!(told.lines().filter(words).count(), 1, "{told}");
    until("the command at the target ended", || !runs(&pids[0])).await;
}

/// How many bytes a process has written so far.
fn written(pid: &str) -> u64 {
    let counted = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = counted
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_client_that_never_reads_is_bounded_and_can_be_killed() {
    let world = World::new().await;
    let (ssh, _unread, pid) = flood(&world).await;
    let session = world.control.opened(0).await;
    // The tape stands still once nothing moves any more.
    let mut last = 0;
    let mut same = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    while same < 10 {
        ticks.tick().await;
        let now = world.control.record().sessions[&session].heads.len();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    // Two windows, pipes and sockets on the way; without a bound it would be gigabytes.
    let written = written(&pid);
    assert!(written < 64 << 20, "the target could write {written} bytes");
    world.control.kill(session);
    assert_eq!(ended(ssh).await.status, Some(255));
    until("the command at the target ended", || !runs(&pid)).await;
    let closing = world.control.closed(0).await;
    assert_eq!(closing.cause, killed());
    assert!(closing.bytes_out < 16 << 20, "{}", closing.bytes_out);
}

#[tokio::test]
async fn a_kill_ends_a_session_whose_input_nobody_reads() {
    let world = World::new().await;
    let mut ssh = world.ssh(&[], &["echo $$; exec sleep 1000"]);
    let mut ssh = ssh.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = ssh.stdin.take().unwrap();
    let feeding = tokio::spawn(async move {
        let chunk = vec![b'x'; 1 << 16];
        while stdin.write_all(&chunk).await.is_ok() {}
    });
    let mut out = BufReader::new(ssh.stdout.take().unwrap());
    let mut pid = String::new();
    timeout(DEADLINE, out.read_line(&mut pid))
        .await
        .unwrap()
        .unwrap();
    world.control.kill(world.control.opened(0).await);
    assert_eq!(ended(ssh).await.status, Some(255));
    feeding.await.unwrap();
    until("the command at the target ended", || !runs(pid.trim())).await;
    assert_eq!(world.control.closed(0).await.cause, killed());
}

/// A client whose command says the numbers of its processes and then neither reads nor writes.
async fn silent(world: &World, options: &[&str], command: &str) -> (Child, Vec<String>) {
    let mut ssh = world.ssh(options, &[command]).spawn().unwrap();
    let mut out = BufReader::new(ssh.stdout.take().unwrap());
    let mut line = String::new();
    // A shell in a terminal may say other things first.
    let numbers = |line: &str| {
        line.split_whitespace()
            .all(|word| word.parse::<u32>().is_ok())
    };
    while line.trim().is_empty() || !numbers(&line) {
        line.clear();
        let read = timeout(DEADLINE, out.read_line(&mut line)).await;
        assert_ne!(read.unwrap().unwrap(), 0, "it said nothing");
    }
    // The client's own end of its output stays open until it ends.
    tokio::spawn(async move {
        let mut rest = Vec::new();
        drop(out.read_to_end(&mut rest).await);
    });
    let pids = line.split_whitespace().map(str::to_owned).collect();
    (ssh, pids)
}

/// Kills the session of a silent command with two processes, and waits for the end of both.
async fn dies_of_a_kill(options: &[&str], command: &str) {
    let world = World::new().await;
    let (ssh, pids) = silent(&world, options, command).await;
    let both_run = pids.len() == 2 && pids.iter().all(|pid| runs(pid));
    assert!(both_run, "{pids:?}");
    world.control.kill(world.control.opened(0).await);
    assert_eq!(ended(ssh).await.status, Some(255));
    assert_eq!(world.control.closed(0).await.cause, killed());
    for pid in &pids {
        until("the command at the target ended", || !runs(pid)).await;
    }
}

#[tokio::test]
async fn a_kill_ends_a_command_that_neither_reads_nor_writes_and_all_it_started() {
    for command in [
        "sleep 1000 & echo $$ $!; wait",
        "trap '' HUP TERM INT; sleep 1000 & echo $$ $!; wait; wait",
        "exec </dev/null; (sleep 1000; true) & echo $$ $!; exec >/dev/null 2>&1; wait",
    ] {
        dies_of_a_kill(&[], command).await;
    }
}

#[tokio::test]
async fn a_kill_ends_what_runs_in_a_terminal_and_its_jobs_even_when_they_ignore_the_hangup() {
    for command in [
        "bash -ic 'sleep 1000 & echo $$ $!; wait'",
        "trap '' HUP; sleep 1000 & echo $$ $!; wait; wait",
    ] {
        dies_of_a_kill(&["-tt"], command).await;
    }
}

#[tokio::test]
async fn sshd_lets_nobody_end_a_forced_command_and_the_record_does_not_claim_it() {
    let world = World::new().await;
    let command = "echo $$; exec sleep 1000";
    world.control.script().with = With::VaultedKey;
    world.sshd.force(command);
    let (ssh, pids) = silent(&world, &[], command).await;
    world.control.kill(world.control.opened(0).await);
    assert_eq!(ended(ssh).await.status, Some(255));
    let closing = world.control.closed(0).await;
    assert_eq!((closing.cause, closing.signal), (killed(), None));
    // sshd may come to it when the door is done with the session.
    until("sshd refuses the signal", || {
        world.sshd.log().contains("refusing to send signal KILL")
    })
    .await;
    let begun = world.sshd.log().matches("Starting session").count();
    assert_eq!(begun, 1, "the forced command was run again");
    // This is why our certificates carry none. What is left here is the test's to end.
    let ended_by_us = std::process::Command::new("kill").args(&pids).status();
    assert!(ended_by_us.unwrap().success());
}

#[tokio::test]
async fn a_kill_of_one_session_leaves_another_on_the_same_connection_alone() {
    let world = World::new().await;
    let socket = format!("ControlPath={}", world.path("master").display());
    let mut first = world.ssh(
        &["-o", &socket, "-o", "ControlMaster=yes"],
        &["echo ready; cat"],
    );
    let mut first = first.stdin(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(first.stdout.take().unwrap());
    let mut line = String::new();
    timeout(DEADLINE, out.read_line(&mut line))
        .await
        .unwrap()
        .unwrap();
    let second = world
        .ssh(&["-o", &socket], &["sleep 1000"])
        .spawn()
        .unwrap();
    world.control.kill(world.control.opened(1).await);
    let ran = ended(second).await;
    assert!(ran.err.contains("killed: the owner"), "{ran:?}");
    assert_eq!(world.control.closed(1).await.cause, killed());
    drop(first.stdin.take());
    assert_eq!(ended(first).await.status, Some(0));
    assert_eq!(world.control.closed(0).await.cause, CloseCause::Completed);
}

#[tokio::test]
async fn a_silent_control_ends_sessions_and_lets_none_begin() {
    let world = World::new().await;
    let (ssh, out, pid) = flood(&world).await;
    let reading = tokio::spawn(drained(out));
    world.control.script().silent = true;
    let ran = ended(ssh).await;
    assert!(ran.err.contains("control fell silent"), "{ran:?}");
    reading.await.unwrap();
    until("the command at the target ended", || !runs(&pid)).await;
    assert_eq!(world.control.closed(0).await.cause, CloseCause::ControlLost);
    let ran = world.run(&[], &["true"]).await;
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.err.contains("control does not answer"), "{ran:?}");
    assert_eq!(world.control.record().order.len(), 1);
}

#[tokio::test]
async fn a_tape_that_cannot_be_written_ends_its_session_and_says_so() {
    for recording in [Recording::Fails, Recording::Hangs] {
        let world = World::new().await;
        let (ssh, out, pid) = flood(&world).await;
        let reading = tokio::spawn(drained(out));
        world.control.script().recording = recording;
        let ran = ended(ssh).await;
        assert_eq!(ran.status, Some(255), "{ran:?}");
        assert!(ran.err.contains("the recording failed"), "{ran:?}");
        reading.await.unwrap();
        until("the command at the target ended", || !runs(&pid)).await;
        let cause = world.control.closed(0).await.cause;
        assert!(
            matches!(cause, CloseCause::EvidenceFailed { .. }),
            "{cause:?}"
        );
    }
}

#[tokio::test]
async fn output_waits_for_the_tape_and_no_more_than_its_share_is_ahead() {
    let world = World::new().await;
    world.control.script().recording = Recording::Hangs;
    let mut ssh = world.ssh(&[], &["exec yes"]).spawn().unwrap();
    let mut out = ssh.stdout.take().unwrap();
    let mut total = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = timeout(DEADLINE, out.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        if count == 0 {
            break;
        }
        total += count;
    }
    ended(ssh).await;
    assert!(
        total <= 4 << 20,
        "{total} bytes came before any of them was safe"
    );
}

#[tokio::test]
async fn a_client_that_vanishes_takes_its_session_with_it() {
    let world = World::new().await;
    let (mut ssh, _out, pid) = flood(&world).await;
    ssh.kill().await.unwrap();
    until("the command at the target ended", || !runs(&pid)).await;
    assert_eq!(world.control.closed(0).await.cause, CloseCause::ClientLost);
    let ticket = world.control.record().made.iter().next().cloned().unwrap();
    let forgotten = world.control.until("the ticket is void", |record| {
        record.forgotten.first().cloned()
    });
    assert_eq!(forgotten.await, ticket);
}

#[tokio::test]
async fn a_door_that_closes_ends_its_sessions_with_whole_tapes() {
    let mut world = World::new().await;
    let (ssh, _unread, pid) = flood(&world).await;
    world.close().await;
    assert_eq!(ended(ssh).await.status, Some(255));
    until("the command at the target ended", || !runs(&pid)).await;
    let cause = world.control.closed(0).await.cause;
    assert!(matches!(cause, CloseCause::Killed { .. }), "{cause:?}");
    let (verified, _) = world.control.tape(world.control.opened(0).await);
    assert!(matches!(verified.ending, Ending::Finished(_)));
    assert!(tokio::net::TcpStream::connect(world.door).await.is_err());
}

#[tokio::test]
async fn a_session_and_its_tape_have_one_end_whatever_it_is() {
    let world = World::new().await;
    let ends: [(&str, CloseCause); 4] = [
        ("idle", CloseCause::Idle),
        ("time", CloseCause::TimeOver),
        ("kill", killed()),
        ("client", CloseCause::ClientLost),
    ];
    for (n, (end, cause)) in ends.into_iter().enumerate() {
        let limit = |this: &str| {
            let millis = if end == this { 500 } else { 600_000 };
            Duration::from_millis(millis)
        };
        world.control.script().idle_limit = limit("idle");
        world.control.script().lasts = limit("time");
        let mut ssh = world
            .ssh(&["-tt"], &["echo $$; exec sleep 1000"])
            .spawn()
            .unwrap();
        let mut out = BufReader::new(ssh.stdout.take().unwrap());
        let mut pid = String::new();
        let read = timeout(DEADLINE, out.read_line(&mut pid));
        read.await.unwrap().unwrap();
        let session = world.control.opened(n).await;
        match end {
            "kill" => world.control.kill(session),
            "client" => ssh.kill().await.unwrap(),
            _ => {}
        }
        assert_ne!(ended(ssh).await.status, Some(0));
        until("the command at the target ended", || !runs(pid.trim())).await;
        assert_eq!(world.control.closed(n).await.cause, cause, "{end}");
        let (verified, _) = world.control.tape(session);
        assert!(matches!(verified.ending, Ending::Finished(_)), "{end}");
    }
}
