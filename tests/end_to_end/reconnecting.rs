//! Connections that drop in the middle of what was approved, and the clients that come back.

use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::Value;

use crate::client::{Client, until};
use crate::world::{World, said, text};

/// What says how a session whose client was killed ended.
const LOST: &str = "the client's connection was lost";

#[test]
fn a_dropped_shell_is_opened_again_without_new_approvals_until_its_holder_logs_out() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    let grant = world.granted(&["web-1", "shell", "--reason", "work"], &["olaf", "pia"]);
    world.step_up();
    for count in 1..=2 {
        let mut shell = shell(&world);
        shell.type_line("echo in-$((40+2))");
        shell.wait_for("in-42");
        // Dropping the client kills it.
        drop(shell);
        until("the session ended", || ended(&world).len() == count);
        assert!(ended(&world).iter().all(|cause| cause.starts_with(LOST)));
        let held = world.json("rosa", &["grants", "show", &grant], 0);
        assert_eq!(held["status"], "active", "{held}");
        assert_eq!(held["used"], count, "{held}");
    }
    let mut shell = shell(&world);
    shell.type_line("exit");
    assert_eq!(shell.ended().0, Some(0));
    let (code, told) = self::shell(&world).ended();
    assert_eq!(code, Some(3), "{told}");
    assert!(
        told.contains("no grant of yours covers shell") || told.contains("not active"),
        "{told}"
    );
    let requests = world.json("rosa", &["requests", "list"], 0);
    assert_eq!(requests.as_array().map(Vec::len), Some(1), "{requests}");
}

fn shell(world: &World) -> Client {
    Client::start(world.client("ssh", &["-tt", "web-1"]))
}

/// Why each session that is over ended.
fn ended(world: &World) -> Vec<String> {
    let sessions = world.json("rosa", &["sessions", "list"], 0);
    let sessions = sessions.as_array().cloned().unwrap_or_default();
    let over = sessions.iter().filter(|one| one["status"] == "ended");
    over.map(|one| text(&one["ending"]["cause"])).collect()
}

/// A command that leaves a line each time it runs, waits where it is told to, and ends with a status of its own.
struct Counted<'a> {
    world: &'a World,
    command: String,
}

impl<'a> Counted<'a> {
    fn new(world: &'a World) -> Self {
        let place = world.folder().join("web");
        let script = place.join("counted.sh");
        let lines = "cd \"${0%/*}\"; echo ran >>runs; [ ! -e wait ] || exec sleep 1000; exit 7\n";
        std::fs::write(&script, lines).unwrap();
        let command = format!("sh {}", script.display());
        Self { world, command }
    }

    fn start(&self, key: &str) -> Client {
        let name = format!("SetEnv=PORTCULLIS_IDEMPOTENCY_KEY={key}");
        Client::start(
            self.world
                .client("ssh", &["-o", &name, "web-1", &self.command]),
        )
    }

    fn run(&self, key: &str) -> (Option<i32>, String) {
        self.start(key).ended()
    }

    fn runs(&self) -> usize {
        let file = self.world.folder().join("web/runs");
        let lines = std::fs::read_to_string(file).unwrap_or_default();
        lines.lines().count()
    }

    fn waits(&self, waits: bool) {
        let file = self.world.folder().join("web/wait");
        if waits {
            std::fs::write(file, "").unwrap();
        } else {
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn a_run_with_a_name_is_run_once_however_often_its_client_comes_back() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    let counted = Counted::new(&world);
    let ask = [
        "web-1",
        "exec",
        "--reason",
        "deploy 7",
        "--uses",
        "3",
        "--",
        &counted.command,
    ];
    let grant = world.granted(&ask, &["olaf", "pia"]);
    world.step_up();

    assert_eq!(counted.run("first").0, Some(7));
    let (code, told) = counted.run("first");
    assert_eq!((code, counted.runs()), (Some(7), 1), "{told}");
    assert!(
        told.contains("is not run again: it ended with status 7"),
        "{told}"
    );
    by_the_product_s_own_client(&world, &counted.command);

    counted.waits(true);
    let dropped = counted.start("second");
    until("it runs", || counted.runs() == 2);
    let (code, told) = counted.run("second");
    assert_eq!((code, counted.runs()), (Some(3), 2), "{told}");
    assert!(told.contains("it is still running"), "{told}");
    drop(dropped);
    until("its end is recorded", || {
        ended(&world).iter().any(|cause| cause.starts_with(LOST))
    });
    counted.waits(false);
    let (code, told) = counted.run("second");
    assert_eq!((code, counted.runs()), (Some(3), 2), "{told}");
    assert!(told.contains("how far it came is not known"), "{told}");

    // Two at one moment: one of them runs, and it is the last use there is.
    let pair = [counted.start("third"), counted.start("third")];
    let codes = pair.map(|mut client| client.ended().0);
    assert!(codes.contains(&Some(7)), "{codes:?}");
    assert_eq!(counted.runs(), 3);
    let (code, told) = counted.run("fourth");
    assert_eq!((code, counted.runs()), (Some(3), 3), "{told}");
    assert!(
        told.contains("for 3 uses, and all of them were made"),
        "{told}"
    );
    assert!(told.contains("ended with status 7"), "of the last: {told}");
    assert_eq!(
        counted.run("first").0,
        Some(7),
        "told after its grant is over"
    );
    told_by_its_evidence(&world, &grant);
}

/// It runs `ssh` as its user has set it up: here with an agent that holds the key.
fn by_the_product_s_own_client(world: &World, command: &str) {
    let socket = world.folder().join("agent");
    let mut agent = Command::new("ssh-agent");
    agent.arg("-D").arg("-a").arg(&socket);
    let _agent = Client::start(agent);
    until("the agent listens", || UnixStream::connect(&socket).is_ok());
    let config = std::fs::read_to_string(world.folder().join("ssh_config")).unwrap();
    let key = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("IdentityFile "));
    let mut add = Command::new("ssh-add");
    add.arg(key.unwrap().trim_matches('"'))
        .env("SSH_AUTH_SOCK", &socket);
    let added = add.output().unwrap();
    assert!(added.status.success(), "{}", said(&added));

    let words = [
        "--as",
        "rosa",
        "ssh",
        "web-1",
        "--idempotency-key",
        "first",
        "--",
    ];
    let mut ssh = world.command(&words);
    ssh.args(command.split(' ')).env("SSH_AUTH_SOCK", &socket);
    let output = ssh.output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert!(
        said(&output).contains("is not run again"),
        "{}",
        said(&output)
    );
}

/// Each use is told by itself, under the one approval.
fn told_by_its_evidence(world: &World, grant: &str) {
    let over = |held: &Value| held["status"] == "revoked";
    until("the grant is over", || {
        over(&world.json("rosa", &["grants", "show", grant], 0))
    });
    let held = world.json("rosa", &["grants", "show", grant], 0);
    assert_eq!(held["cause"]["why"], "completed", "{held}");
    let file = world.folder().join("windows.evidence");
    let path = file.to_str().unwrap();
    world.json("rosa", &["ledger", "prove", grant, "--out", path], 0);
    let key = world.variable("LEDGER_KEY");
    let whole = world.run(&["ledger", "verify", path, "--key", key, "--show"], "");
    let told = said(&whole);
    assert!(whole.status.success(), "{told}");
    assert!(told.contains("the story is whole"), "{told}");
    assert_eq!(told.matches("grant.used").count(), 3, "{told}");
    assert_eq!(told.matches("session.opened").count(), 3, "{told}");
}
