//! Taking access away while it is used: kill, revoke, and what a connection or a database session still holds.

use std::process::Command;

use serde_json::Value;

use crate::client::{Client, runs, until};
use crate::world::{World, said, text};

#[test]
fn killing_or_revoking_ends_a_running_command_at_both_sides_and_says_why() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    world.step_up();
    let id = world.granted(&["web-1", "shell", "--reason", "work"], &["olaf", "pia"]);
    a_kill_ends_a_running_command(&world, &id);
    a_revoke_ends_a_running_command(&world, &id);
    a_second_channel_of_a_connection_is_decided_and_recorded_by_itself(&world);
}

/// A shell with a command that runs in it: the client, the command's process, and the session.
fn busy(world: &World, options: &[&str]) -> (Client, String, String) {
    let mut words = options.to_vec();
    words.extend(["-tt", "web-1"]);
    let mut shell = Client::start(world.client("ssh", &words));
    shell.type_line("sh -c 'echo pid:$$: runs-$((40+2)); while :; do echo; sleep 1; done'");
    let shown = shell.wait_for("runs-42");
    let process = shown.rsplit("pid:").find_map(|rest| {
        let number = rest.split_once(':')?.0;
        number.parse::<u32>().ok().map(|_| number.to_owned())
    });
    let process = process.expect("the command says its process");
    assert!(runs(&process));
    (shell, process, live(world))
}

fn live(world: &World) -> String {
    let all = world.json("olaf", &["sessions", "list"], 0);
    let live = all.as_array().unwrap();
    let live = live.iter().find(|session| session["status"] == "live");
    text(&live.expect("a session lives")["id"])
}

fn show(world: &World, what: &str, id: &str) -> Value {
    world.json("olaf", &[what, "show", id], 0)
}

/// The session is over at both sides, and client, record and tape say why.
fn over(world: &World, mut client: Client, process: &str, session: &str, why: &str) {
    let (code, printed) = client.ended();
    assert_eq!(code, Some(255), "{printed}");
    assert!(printed.contains(why), "{printed}");
    until("the command at the target ended", || !runs(process));
    until("the session is over", || {
        show(world, "sessions", session)["status"] == "ended"
    });
    let record = show(world, "sessions", session);
    assert!(text(&record["ending"]["cause"]).contains(why), "{record}");
    let out = world.folder().join("taken");
    let path = out.to_str().unwrap();
    world.json("pia", &["sessions", "export", session, "--out", path], 0);
    let tape = out.join(format!("{session}.tape"));
    // Evidence tells of every session of the grant; each tape is held against its own heads.
    let evidence = out.join(format!("{session}.evidence"));
    let key = world.variable("LEDGER_KEY");
    let evidence = ["--evidence", evidence.to_str().unwrap(), "--key", key];
    let verify = ["sessions", "verify", tape.to_str().unwrap()];
    let held = world.run(&[&verify[..], &evidence].concat(), "");
    assert!(held.status.success(), "{}", said(&held));
    let auditor = world.folder().join("auditor.age");
    let words = ["--json", "sessions", "play", tape.to_str().unwrap()];
    let mut words = words.to_vec();
    words.extend(["--fast", "--identity", auditor.to_str().unwrap()]);
    let played = world.run(&words, "");
    assert!(played.status.success(), "{}", said(&played));
    assert!(said(&played).contains(why), "{}", said(&played));
}

fn a_kill_ends_a_running_command(world: &World, id: &str) {
    let (client, process, session) = busy(world, &[]);
    let words = ["sessions", "kill", &session, "--reason", "seen enough"];
    world.json("olaf", &words, 0);
    over(world, client, &process, &session, "killed: seen enough");
    // A kill ends a session; the grant is another question.
    assert_eq!(show(world, "grants", id)["status"], "active");
}

fn a_revoke_ends_a_running_command(world: &World, id: &str) {
    let (client, process, session) = busy(world, &[]);
    world.json("olaf", &["revoke", id, "--reason", "INC is closed"], 0);
    over(world, client, &process, &session, "the grant is over");
    until("the grant is revoked", || {
        show(world, "grants", id)["status"] == "revoked"
    });
    let again = world.client("ssh", &["-tt", "web-1"]).output().unwrap();
    assert_eq!(again.status.code(), Some(3), "{}", said(&again));
}

fn a_second_channel_of_a_connection_is_decided_and_recorded_by_itself(world: &World) {
    let id = world.granted(&["web-1", "shell", "--reason", "work"], &["olaf", "pia"]);
    let words = ["web-1", "exec", "--reason", "look", "--", "echo second"];
    world.granted(&words, &["olaf", "pia"]);
    let path = world.folder().join("master");
    let path = format!("ControlPath={}", path.display());
    let (client, process, first) = busy(world, &["-o", &path, "-o", "ControlMaster=yes"]);
    let through = |command: &str| {
        let words = ["-o", &path, "web-1", command];
        world.client("ssh", &words).output().unwrap()
    };
    let other = through("id");
    assert_eq!(other.status.code(), Some(3), "{}", said(&other));
    let second = through("echo second");
    assert_eq!(second.stdout, b"second\n", "{}", said(&second));
    assert_eq!(through("echo second").status.code(), Some(3));

    let all = world.json("olaf", &["sessions", "list"], 0);
    let first_record = show(world, "sessions", &first);
    let connection = &first_record["opening"]["connection"];
    let there = all.as_array().unwrap().iter();
    let there: Vec<_> = there
        .filter(|session| &session["opening"]["connection"] == connection)
        .collect();
    assert_eq!(there.len(), 2, "{all}");
    for differs in ["credential", "tape", "grant"] {
        assert_ne!(
            there[0]["opening"][differs], there[1]["opening"][differs],
            "{differs}"
        );
    }

    // The connection is no way around a revocation, neither for what runs on it nor for what comes.
    world.json("olaf", &["revoke", &id, "--reason", "over"], 0);
    over(world, client, &process, &first, "the grant is over");
    let words = ["-o", &path, "-tt", "web-1"];
    let late = world.client("ssh", &words).output().unwrap();
    assert_eq!(late.status.code(), Some(3), "{}", said(&late));
}

#[test]
fn a_psql_session_that_set_its_role_before_the_revoke_is_ended_before_revoked_is_said() {
    let world = World::start();
    world.login(&["rosa", "olaf"]);
    let id = world.granted(&["analytics", "read", "--reason", "figures"], &["olaf"]);
    until("the role is assigned", || {
        show(&world, "grants", &id)["status"] == "active"
    });
    let mut session = Client::start(psql(&world));
    session.type_line("SET ROLE analytics_read;");
    session.type_line("SELECT 'rows ' || count(*) FROM orders;");
    session.wait_for("rows 20");
    let mut bystander = Client::start(world.database_client());
    bystander.type_line("SELECT 'by' || 'standing';");
    bystander.wait_for("bystanding");

    world.json("olaf", &["revoke", &id, "--reason", "over"], 0);
    until("the grant is revoked", || {
        show(&world, "grants", &id)["status"] == "revoked"
    });
    // Said means proved: at this moment nothing of it is left at the database.
    let members = "SELECT count(*) FROM pg_auth_members \
                   WHERE roleid = 'analytics_read'::regrole AND member = 'rosa'::regrole";
    assert_eq!(world.database_admin(members), "0");
    let hers = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rosa'";
    assert_eq!(world.database_admin(hers), "0");
    // What others do there goes on.
    bystander.type_line("SELECT 'still ' || 'there';");
    bystander.wait_for("still there");
    session.type_line("SELECT 'still ' || count(*) FROM orders;");
    let (_, printed) = session.end();
    assert!(!printed.contains("still 20"), "{printed}");
    assert!(printed.contains("terminat"), "{printed}");

    let mut fresh = Client::start(psql(&world));
    fresh.type_line("SET ROLE analytics_read;");
    fresh.wait_for("permission denied");
    drop(bystander);
}

fn psql(world: &World) -> Command {
    let database = world.json("olaf", &["resources", "show", "analytics"], 0);
    let port = &database["settings"]["port"];
    let mut psql = Command::new("psql");
    psql.env("PGPASSFILE", world.variable("PGPASSFILE"));
    psql.args(["-X", "-A", "-t"]);
    psql.arg(format!("postgresql://rosa@127.0.0.1:{port}/analytics"));
    psql
}
