//! The drill: a backup of a running server, the machine lost, and an installation made of it with what was in the safe.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portcullis_ports::conformance::postgres_server::PostgresServer;
use serde_json::Value;

use crate::client::{feed, until};
use crate::installation::{bare, found, init, resource, serve, write_ssh_config};
use crate::targets::{Sshd, database, keygen};
use crate::world::{World, said, text};

const PASSPHRASE: &str = "a passphrase for the offline slot";

/// What every owner's password begins with.
const STEM: &str = "password";

/// What survives the machine: targets, people's own things, and the safe.
struct Elsewhere {
    pockets: PathBuf,
    safe: PathBuf,
    database: PostgresServer,
    ledger_key: String,
}

#[test]
fn a_lost_machine_is_restored_with_the_backup_and_the_passphrase_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| {
        let place = folder.path().join(name);
        fs::create_dir_all(&place).unwrap();
        place
    };
    let product = place("product");
    let made = init(&product, PASSPHRASE);
    let elsewhere = Elsewhere {
        pockets: place("pockets"),
        safe: place("safe"),
        database: database("opens the database", "of rosa"),
        ledger_key: text(&made["ledger_key"]),
    };
    let world = serve(&product, &elsewhere.pockets, &[]);
    let sshd = people_and_targets(&world, &place("host"), &elsewhere, &made);
    let (read, exec) = both_paths_granted(&world, &elsewhere);
    assert_eq!(rows(&elsewhere), "0");
    let story = elsewhere.safe.join("story.evidence");
    let story = story.to_str().unwrap();
    let backup = elsewhere.safe.join("backup");
    let backup = backup.to_str().unwrap();
    // What is proved is in the ledger, and so in the backup: it holds what a checkpoint vouches for.
    for id in [&exec, &read] {
        world.json("olaf", &["ledger", "prove", id, "--out", story], 0);
    }
    world.json("olaf", &["backup", "create", backup], 0);
    // What the backup does not know: the one use that was approved is made.
    assert!(said(&uptime(&world)).contains("load average"));
    drop(world);
    fs::remove_dir_all(&product).unwrap();
    fs::create_dir(&product).unwrap();

    restored_only_with_the_passphrase(&product, backup);
    let world = serve(&product, &elsewhere.pockets, &[]);
    nothing_of_before_counts(&world, &elsewhere, &read, &exec);
    thawed(&world);
    both_paths_granted(&world, &elsewhere);
    assert_eq!(rows(&elsewhere), "0");
    assert!(said(&uptime(&world)).contains("load average"));
    let verify = ["ledger", "verify", story, "--key", &elsewhere.ledger_key];
    let held = said(&bare(&verify, b""));
    assert!(held.contains("the evidence holds"), "{held}");
    drop((world, sshd));
    let data = product.join("data");
    let told = bare(&["--data", data.to_str().unwrap(), "doctor"], b"");
    assert!(told.status.success(), "{}", said(&told));
}

fn people_and_targets(world: &World, host: &Path, elsewhere: &Elsewhere, made: &Value) -> Sshd {
    found(world, made, STEM);
    world.signed("iris", &["identities", "add", "rosa"]);
    let opened = world.json("iris", &["identities", "enroll", "rosa"], 0);
    let key = elsewhere.pockets.join("rosa");
    keygen(&key);
    let public = key.with_extension("pub");
    let options = ["--ssh-key", public.to_str().unwrap()];
    world.enroll("rosa", &text(&opened["token"]), None, &options);
    world.login(&["rosa"]);
    let file = elsewhere.pockets.join("database-password");
    fs::write(&file, "opens the database").unwrap();
    let words = ["secrets", "add", "database-key", "--kind", "password"];
    let file = ["--file", file.to_str().unwrap()];
    world.signed("olaf", &[&words[..], &file].concat());
    let port = format!("port={}", elsewhere.database.port());
    let settings = [
        "host=127.0.0.1",
        &port,
        "database=postgres",
        "user=portcullis",
        "tls=disable",
        r#"entitlements={"read":"reader"}"#,
    ];
    resource(
        world,
        "database",
        "postgres",
        Some("database-key"),
        &settings,
    );
    let sshd = Sshd::start(host, "", &text(&made["ssh_authority"]));
    let settings = sshd.settings();
    let settings = settings.each_ref().map(String::as_str);
    resource(world, "host", "ssh", None, &settings);
    sshd
}

/// rosa may read the database, and run one command once; the requests.
fn both_paths_granted(world: &World, elsewhere: &Elsewhere) -> (String, String) {
    write_ssh_config(world, &elsewhere.pockets);
    let read = world.granted(&["database", "read", "--reason", "figures"], &["olaf"]);
    stands(world, &read, "active");
    let exec = ["host", "exec", "--reason", "INC-7", "--", "uptime"];
    let exec = world.granted(&exec, &["olaf", "pia"]);
    (read, exec)
}

fn stands(world: &World, id: &str, status: &str) {
    until(status, || {
        world.json("rosa", &["grants", "show", id], 0)["status"] == status
    });
}

fn uptime(world: &World) -> Output {
    world.client("ssh", &["host", "uptime"]).output().unwrap()
}

/// What rosa's own psql is answered.
fn rows(elsewhere: &Elsewhere) -> String {
    let mut psql = Command::new("psql");
    psql.env("PGPASSWORD", "of rosa").args(["-X", "-A", "-t"]);
    let port = elsewhere.database.port();
    psql.arg(format!("postgresql://rosa@127.0.0.1:{port}/postgres"));
    let output = feed(psql, b"SELECT count(*) FROM orders;\n");
    said(&output).trim().to_owned()
}

fn restored_only_with_the_passphrase(product: &Path, backup: &str) {
    let data = product.join("data");
    let data = data.to_str().unwrap();
    let with = |words: &[&str], passphrase: &str| {
        let all = [&["--data", data], words, &["--passphrase-file", "-"]].concat();
        bare(&all, passphrase.as_bytes())
    };
    let verified = with(&["backup", "verify", backup], PASSPHRASE);
    assert!(verified.status.success(), "{}", said(&verified));
    for words in [["backup", "verify", backup], ["backup", "restore", backup]] {
        let refused = with(&words, "another passphrase");
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        let told = said(&refused);
        assert!(told.contains("passphrase does not open"), "{told}");
    }
    assert_eq!(fs::read_dir(product).unwrap().count(), 0);
    is_not_served_as_it_is(backup);
    let restored = with(&["backup", "restore", backup], PASSPHRASE);
    assert!(restored.status.success(), "{}", said(&restored));
    let told = said(&restored);
    assert!(told.contains("It is frozen"), "{told}");
    let again = with(&["backup", "restore", backup], PASSPHRASE);
    assert!(said(&again).contains("already"), "{}", said(&again));
}

/// What is in a backup lies as in a data folder.
fn is_not_served_as_it_is(backup: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-xf", backup, "-C", path]);
    assert!(tar.status().unwrap().success());
    let serve = ["serve", "--unlock", "-"].as_slice();
    let recover = ["recover", "olaf", "--passphrase-file", "-"].as_slice();
    for words in [serve, recover, &["doctor"]] {
        let words = [&["--data", path], words].concat();
        let refused = bare(&words, PASSPHRASE.as_bytes());
        let told = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{told}");
        assert!(told.contains("copy out of a backup"), "{told}");
    }
}

fn nothing_of_before_counts(world: &World, elsewhere: &Elsewhere, read: &str, exec: &str) {
    world.json("rosa", &["whoami"], 1);
    for owner in ["iris", "olaf", "pia"] {
        world.knows(owner, Some(&format!("{STEM}-{owner}")));
    }
    world.login(&["iris", "olaf", "pia", "rosa"]);
    for id in [read, exec] {
        stands(world, id, "revoked");
    }
    let told = rows(elsewhere);
    assert!(told.contains("permission denied"), "{told}");
    write_ssh_config(world, &elsewhere.pockets);
    let refused = uptime(world);
    assert!(!refused.status.success());
    let told = said(&refused);
    assert!(told.contains("is frozen"), "{told}");
    let asked = world.json("rosa", &["request", "host", "shell", "--reason", "work"], 1);
    assert!(text(&asked["detail"]).contains("is frozen"), "{asked}");
}

/// The owners see that the vaulted secret still opens the database, and let it open again.
fn thawed(world: &World) {
    let change = world.signed("iris", &["thaw"]);
    let found = change["body"]["found"].as_array().unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|one| (text(&one["what"]), text(&one["stands"])))
        .collect();
    let wanted = [
        ("our certificates", "not_asked"),
        ("secret database-key", "accepted"),
    ];
    let wanted = wanted.map(|(what, stands)| (what.to_owned(), stands.to_owned()));
    assert_eq!(found, wanted);
}

#[test]
fn a_backup_is_not_made_over_a_file_in_the_data_folder_or_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), PASSPHRASE);
    let data = folder.path().join("data");
    let there = folder.path().join("there");
    fs::write(&there, "of somebody").unwrap();
    let inside = data.join("tapes-of-mine");
    let nowhere = folder.path().join("no/such/folder");
    for (file, why) in [
        (&there, "there already"),
        (&inside, "in the data folder"),
        (&nowhere, "no/such"),
    ] {
        let words = [
            "--data",
            data.to_str().unwrap(),
            "backup",
            "create",
            file.to_str().unwrap(),
        ];
        let refused = bare(&words, b"");
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains(why), "{why}: {}", said(&refused));
    }
    assert_eq!(fs::read(&there).unwrap(), b"of somebody");
    let nothing = folder.path().join("nothing");
    let words = ["--data", nothing.to_str().unwrap(), "backup", "create", "x"];
    assert!(said(&bare(&words, b"")).contains("no data folder"));
    for bytes in [&b""[..], b"not a backup", &[0; 4096]] {
        fs::write(&there, bytes).unwrap();
        let words = [
            "--data",
            nothing.to_str().unwrap(),
            "backup",
            "restore",
            there.to_str().unwrap(),
        ];
        let refused = bare(
            &[&words[..], &["--passphrase-file", "-"]].concat(),
            PASSPHRASE.as_bytes(),
        );
        assert_eq!(refused.status.code(), Some(1));
        assert!(!said(&refused).contains("panicked"), "{}", said(&refused));
        assert!(!nothing.exists());
    }
}

#[test]
fn an_owner_is_put_in_on_the_host_itself_while_the_server_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(folder.path(), PASSPHRASE);
    let pockets = folder.path().join("pockets");
    let world = serve(folder.path(), &pockets, &[]);
    found(&world, &made, STEM);
    let data = folder.path().join("data");
    let recover = |roles: &[&str]| {
        let words = [
            "--json",
            "--data",
            data.to_str().unwrap(),
            "recover",
            "olaf2",
        ];
        let words = [&words[..], &["--passphrase-file", "-"], roles].concat();
        bare(&words, PASSPHRASE.as_bytes())
    };
    let role = ["--role", "resource"];
    let running = recover(&role);
    assert_eq!(running.status.code(), Some(1), "{}", said(&running));
    assert!(
        said(&running).contains("open in another program"),
        "{}",
        said(&running)
    );
    drop(world);
    assert_eq!(recover(&["--role", "king"]).status.code(), Some(2));
    let told = recover(&role);
    assert!(told.status.success(), "{}", said(&told));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let looked = bare(&["--data", data.to_str().unwrap(), "doctor"], b"");
    assert!(
        said(&looked).contains("frozen: nothing opens"),
        "{}",
        said(&looked)
    );
    let world = serve(folder.path(), &pockets, &[]);
    world.enroll("olaf2", &text(&told["enrolment_token"]), None, &[]);
    world.login(&["olaf2"]);
    let refused = world.json(
        "olaf2",
        &["request", "nothing", "shell", "--reason", "work"],
        1,
    );
    assert!(text(&refused["detail"]).contains("is frozen"), "{refused}");
}
