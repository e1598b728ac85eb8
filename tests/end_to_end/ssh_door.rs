//! The SSH door, attacked with plain OpenSSH clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};

use portcullis_ports::conformance::port::Port;

use crate::client::{Client, until};
use crate::folders::files;
use crate::world::{World, said};

#[test]
fn every_side_door_of_ssh_is_refused_by_name() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    world.granted(&["web-1", "shell", "--reason", "work"], &["olaf", "pia"]);
    world.step_up();
    files_pass_neither_by_sftp_nor_by_scp(&world);
    nothing_is_forwarded_for_the_client(&world);
    nothing_is_forwarded_to_the_client(&world);
    neither_agent_nor_screen_comes_along(&world);
    an_exec_that_pretends_to_be_scp_is_what_it_is(&world);
}

fn ssh(world: &World, words: &[&str]) -> Output {
    world.client("ssh", words).output().unwrap()
}

fn files_pass_neither_by_sftp_nor_by_scp(world: &World) {
    let file = world.folder().join("file-of-the-test");
    std::fs::write(&file, "content").unwrap();
    let there = format!("{}/web/file-of-the-test", world.folder().display());
    let to = format!("web-1:{there}");
    for (program, words) in [
        ("sftp", vec!["web-1"]),
        ("scp", vec![file.to_str().unwrap(), &to]),
        ("scp", vec![&to, file.to_str().unwrap()]),
    ] {
        let output = world.client(program, &words).output().unwrap();
        assert!(!output.status.success(), "{program}: {}", said(&output));
        assert!(
            said(&output).contains("subsystem sftp is refused"),
            "{program}: {}",
            said(&output)
        );
    }
    // The old protocol is a command, and nobody approved that one.
    let words = ["-O", file.to_str().unwrap(), &to];
    let output = world.client("scp", &words).output().unwrap();
    assert!(!output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("no grant of yours covers exec"),
        "{}",
        said(&output)
    );
    assert!(!std::path::Path::new(&there).exists());
}

fn nothing_is_forwarded_for_the_client(world: &World) {
    let through = ssh(world, &["-W", "127.0.0.1:22", "web-1"]);
    prohibited(&said(&through));

    let socket = world.folder().join("local-socket");
    let port = Port::take().unwrap();
    let number = port.number();
    let at = socket.display();
    let forwards = [
        ["-L".to_owned(), format!("{at}:127.0.0.1:22")],
        ["-L".to_owned(), format!("{at}:/run/docker.sock")],
        ["-D".to_owned(), format!("127.0.0.1:{number}")],
    ];
    for [option, value] in &forwards {
        let _ = std::fs::remove_file(&socket);
        let client = Client::start(world.client("ssh", &["-N", option, value, "web-1"]));
        let mut answer = Vec::new();
        if option == "-D" {
            let mut stream = connected(|| TcpStream::connect(("127.0.0.1", number)));
            // SOCKS 5, no sign-in, connect to 127.0.0.1:22.
            stream.write_all(b"\x05\x01\x00").unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
            stream
                .write_all(b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x16")
                .unwrap();
            let _ = stream.read_to_end(&mut answer);
            assert!(!answer.starts_with(b"\x05\x00"), "{answer:?}");
        } else {
            let mut stream = connected(|| UnixStream::connect(&socket));
            let _ = stream.read_to_end(&mut answer);
            assert_eq!(answer, b"", "{value}");
        }
        prohibited(&client.wait_for("administratively prohibited"));
    }
}

fn prohibited(told: &str) {
    assert!(told.contains("administratively prohibited"), "{told}");
    assert!(told.contains("is refused"), "not by name: {told}");
}

fn connected<S>(connect: impl Fn() -> std::io::Result<S>) -> S {
    let mut stream = None;
    until("the client listens", || {
        stream = connect().ok();
        stream.is_some()
    });
    stream.unwrap()
}

fn nothing_is_forwarded_to_the_client(world: &World) {
    let there = format!("{}/web/remote-socket", world.folder().display());
    for to in [
        "0:127.0.0.1:22".to_owned(),
        "0".to_owned(),
        format!("{there}:127.0.0.1:22"),
    ] {
        let words = ["-N", "-R", &to, "-o", "ExitOnForwardFailure=yes", "web-1"];
        let output = ssh(world, &words);
        assert_eq!(output.status.code(), Some(255), "{to}: {}", said(&output));
        assert!(
            said(&output).contains("remote port forwarding failed"),
            "{to}: {}",
            said(&output)
        );
    }
    assert!(!std::path::Path::new(&there).exists());
    // Its client says no more than that it failed; the door says by name what it refused, in the ledger.
    for from in ["localhost:0", &there] {
        let told = format!(r#""what":"remote forwarding of {from}"#);
        until(&told, || in_the_ledger(world, &told));
    }
}

/// Whether some entry of the ledger has this in it.
fn in_the_ledger(world: &World, told: &str) -> bool {
    let entries = world.folder().join("data/ledger/tile/entries");
    files(&entries).iter().any(|file| {
        let bytes = std::fs::read(file).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(told)
    })
}

/// A client asks for a tunnel with a device of its own in hand: the connection ends on that, with all it carries.
/// Where the system gives a client no such device, none can ask.
#[test]
fn a_tunnel_device_opens_nothing_and_ends_its_connection() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    world.granted(&["web-1", "shell", "--reason", "work"], &["olaf", "pia"]);
    world.step_up();
    let there = world.folder().join("web/beside-a-tunnel");
    let touch = format!("touch {}", there.display());
    for words in [&["-N", "web-1"][..], &["-tt", "web-1"], &["web-1", &touch]] {
        let all = [&["-v", "-w", "any:any"], words].concat();
        let (code, told) = Client::start(world.client("ssh", &all)).ended();
        if told.contains("Tunnel device open failed") {
            return;
        }
        assert!(told.contains("Requesting tun"), "{told}");
        assert_eq!(code, Some(255), "{told}");
    }
    assert!(!there.exists());
    assert_eq!(sessions(&world), 0);
    // Without it, what was granted opens as ever.
    let mut shell = Client::start(world.client("ssh", &["-tt", "web-1"]));
    shell.type_line("echo in-$((40+2))");
    shell.wait_for("in-42");
}

fn neither_agent_nor_screen_comes_along(world: &World) {
    let socket = world.folder().join("agent-of-the-test");
    let mut agent = Command::new("ssh-agent");
    let _agent = Client::start({
        agent.arg("-D").arg("-a").arg(&socket);
        agent
    });
    until("the agent listens", || UnixStream::connect(&socket).is_ok());
    let mut command = world.client("ssh", &["-A", "-Y", "-tt", "web-1"]);
    command.env("SSH_AUTH_SOCK", &socket);
    let mut shell = Client::start(command);
    shell.wait_for("agent forwarding is refused");
    shell.wait_for("X11 forwarding is refused");
    shell.type_line("echo has:$SSH_AUTH_SOCK:$DISPLAY:$((40+2))");
    shell.wait_for("has:::42");
    drop(shell);

    // Without its agent and screen, the same shell opens; untrusted X11 fares no better.
    let mut shell = Client::start(world.client("ssh", &["-X", "-tt", "web-1"]));
    shell.type_line("echo has:$DISPLAY:$((40+2))");
    shell.wait_for("has::42");
}

fn an_exec_that_pretends_to_be_scp_is_what_it_is(world: &World) {
    let there = format!("{}/web/pretended", world.folder().display());
    let harmless = format!("scp -t {there}");
    let words = ["web-1", "exec", "--reason", "copy", "--", &harmless];
    world.granted(&words, &["olaf", "pia"]);
    for pretended in [
        format!("scp -t {there}; touch {there}"),
        format!("scp -t {there} "),
        format!("scp  -t {there}"),
        format!("scp -t {there}\ntouch {there}"),
    ] {
        let output = ssh(world, &["web-1", &pretended]);
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    }
    assert!(!std::path::Path::new(&there).exists());
    // What was approved runs, recorded like every other session.
    let before = sessions(world);
    let output = ssh(world, &["web-1", &harmless]);
    assert_ne!(output.status.code(), Some(3), "{}", said(&output));
    assert_eq!(sessions(world), before + 1);
}

fn sessions(world: &World) -> usize {
    let all = world.json("olaf", &["sessions", "list"], 0);
    all.as_array().unwrap().len()
}

#[test]
fn wrong_replayed_and_overtaken_codes_open_no_session() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    world.granted(&["web-1", "shell", "--reason", "work"], &["olaf", "pia"]);
    // Right by the clock, all of them, when they are refused: nothing but that they are spent is wrong with them. Of so many
    // codes in a row the last ones are handed out as soon as they are good, and stay so for half a minute at least.
    let spent = world.code("rosa");
    assert!(world.login_with("rosa", &spent).status.success());
    refused(&world, &spent, SPENT);
    let (older, newer) = (world.code("rosa"), world.code("rosa"));
    let mut shell = Client::start(typing(&world, &newer));
    shell.type_line("echo in-$((40+2))");
    shell.wait_for("in-42");
    refused(&world, &older, SPENT);
    refused(&world, &newer, SPENT);
    refused(&world, "000000", "the one-time code is not right");
    refused(&world, "", "the one-time code is not right");
    let all = world.json("olaf", &["sessions", "list"], 0);
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
}

const SPENT: &str = "this one-time code was used already";

fn typing(world: &World, code: &str) -> Command {
    let words = ["-tt", "-o", "NumberOfPasswordPrompts=1", "web-1"];
    world.client_typing("ssh", &words, &format!("echo '{code}'"))
}

/// The client is told nothing of why; the server's log is.
#[track_caller]
fn refused(world: &World, code: &str, why: &str) {
    let known = world.log().matches(why).count();
    let output = typing(world, code).output().unwrap();
    assert_eq!(output.status.code(), Some(255), "{}", said(&output));
    assert!(
        said(&output).contains("Permission denied"),
        "{code}: {}",
        said(&output)
    );
    until(why, || world.log().matches(why).count() == known + 1);
}
