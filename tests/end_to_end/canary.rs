//! Recognisable secrets wherever a secret is handled, both paths walked, and then a search for them in
//! everything that is left and everything that ran.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use portcullis_ports::Sealer;
use portcullis_ports::conformance::postgres_server::PostgresServer;
use portcullis_store::AgeSealer;

use crate::client::{Client, feed, until};
use crate::demo::is_root;
use crate::installation::{CONFIG, found, init, resource, seed, serve, write_ssh_config};
use crate::sweep::{Sweep, Watcher, environment_of, forms};
use crate::targets::{Sshd, database, keygen};
use crate::world::{World, said, text};

/// What is printed once, by design: to the one whose signature completed adding somebody.
const SHOWN: &str = "enrolment token of rosa";

/// What every canary begins with; no program has a reason to say it.
const STEM: &str = "canary-of-the-sweep";

/// A canary of this run.
fn canary(what: &str) -> String {
    format!("{STEM}-{}-{what}", std::process::id())
}

/// The folders of the test: what the product has, what its people keep, the target's own.
struct Places {
    product: std::path::PathBuf,
    pockets: std::path::PathBuf,
    host: std::path::PathBuf,
}

#[test]
fn canary_secrets_are_in_no_file_argument_environment_log_ledger_or_tape() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        product: folder.path().join("product"),
        pockets: folder.path().join("pockets"),
        host: folder.path().join("host"),
    };
    std::fs::create_dir_all(&places.product).unwrap();
    std::fs::create_dir_all(&places.pockets).unwrap();
    // What is known from the start is looked for among the processes from the start.
    let watcher = Watcher::start(Sweep::of(&[("some canary", canary("").into_bytes())]));

    let passphrase = canary("offline-passphrase");
    let unlock = places.pockets.join("passphrase");
    std::fs::write(&unlock, &passphrase).unwrap();
    let made = init(&places.product, &passphrase);
    let auditor = auditors(&places);
    let options = ["--unlock", unlock.to_str().unwrap()];
    let world = serve(&places.product, &places.pockets, &options);
    let mut secrets = found(&world, &made, &canary("password"));
    secrets.push(("offline passphrase".to_owned(), passphrase));
    secrets.push(("auditor's identity".to_owned(), auditor));

    let passwords = ["", "-of-rosa"].map(|of| canary(&format!("database-password{of}")));
    let database = database(&passwords[0], &passwords[1]);
    let sshd = bring_in(&world, &places, &database, &made, &mut secrets);
    a_person_joins(&world, &places, &mut secrets);
    let sweep = sweep(&secrets, &places);
    // From here on also for what the product made itself.
    let everything = secrets
        .iter()
        .map(|(name, secret)| (name.as_str(), secret.as_bytes().to_vec()));
    let second = Watcher::start(Sweep::of(&everything.collect::<Vec<_>>()));
    assert_eq!(watcher.stop(), Vec::<String>::new());
    the_server_can_be_looked_into(&world);
    the_ordinary_path(&world, &places, &database);
    the_privileged_path(&world, &places, &sweep);
    let played = taken_and_played(&world, &places);
    assert_eq!(second.stop(), Vec::<String>::new());
    let allowed = |path: &Path, name: &str| allowed(path, name);
    let mut found = sweep.files(&places.product, &allowed);
    let log = std::fs::read(places.host.join("log")).unwrap();
    let heard = world.heard();
    for (what, bytes) in [("host's log", log), ("output", heard), ("tapes", played)] {
        let names = sweep.find(&bytes).into_iter();
        let names = names.filter(|name| (what, *name) != ("output", SHOWN));
        found.extend(names.map(|name| format!("{what}: {name}")));
    }
    assert_eq!(found, Vec::<String>::new());
    drop(world);
    // What the server writes while it ends counts as well.
    assert_eq!(sweep.files(&places.product, &allowed), Vec::<String>::new());
    a_planted_leak_is_found(&sweep, &places, &secrets);
    drop(sshd);
}

/// A process that may not be dumped shows its environment to the machine's administrator alone; where that is who
/// looks, the sweep is seen to see it.
fn the_server_can_be_looked_into(world: &World) {
    let environment = environment_of(world.server());
    let seen = String::from_utf8_lossy(&environment).contains("PORTCULLIS_DATA=");
    assert!(
        seen || !is_root(),
        "the sweep of the environment sees nothing"
    );
}

/// The only places where a secret may lie.
fn allowed(path: &Path, name: &str) -> bool {
    let ends = |what: &str| path.to_string_lossy().ends_with(what);
    match name.split_once(" of ") {
        // A person's own sign-in, in their own private file.
        Some(("token", who)) => ends(&format!("sign-ins/{who}.json")),
        // The identity of the online slot, until it is moved elsewhere.
        _ if name == "an age identity" => ends("data/keys/online.age"),
        _ => false,
    }
}

/// What to look for: the secrets, what their texts stand for, and what any private key looks like, those made for
/// one session included.
fn sweep(secrets: &[(String, String)], places: &Places) -> Sweep {
    let mut all: Vec<(&str, Vec<u8>)> = vec![
        (
            "vaulted key",
            private_half(&places.pockets.join("host-key")),
        ),
        ("a private key", b"PRIVATE KEY-----".to_vec()),
        ("a private key", b"openssh-key-v1\0".to_vec()),
        ("an age identity", b"AGE-SECRET-KEY-1".to_vec()),
    ];
    for (name, secret) in secrets {
        all.push((name, secret.as_bytes().to_vec()));
        if name.starts_with("seed of ") {
            all.push((name, base32(secret)));
        }
    }
    Sweep::of(&all)
}

/// The bytes that a seed's text stands for.
fn base32(text: &str) -> Vec<u8> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = text.bytes().map(|letter| {
        let place = letters.iter().position(|known| *known == letter);
        u8::try_from(place.expect("a letter of base 32")).unwrap()
    });
    let bits: Vec<u8> = digits
        .flat_map(|digit| (0..5).rev().map(move |bit| digit >> bit & 1))
        .collect();
    let bytes = bits.as_chunks::<8>().0.iter();
    bytes
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit))
        .collect()
}

/// The 32 secret bytes of an unencrypted Ed25519 key in OpenSSH's format.
fn private_half(path: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    let body = lines.collect::<String>();
    let body = STANDARD_NO_PAD.decode(body.trim_end_matches('=')).unwrap();
    // The length of both halves stands before them.
    let before = body.windows(4).position(|window| window == [0, 0, 0, 64]);
    let begin = before.expect("both halves") + 4;
    body[begin..begin + 32].to_vec()
}

/// Makes an auditor whose key opens every tape.
fn auditors(places: &Places) -> String {
    let (identity, recipient) = AgeSealer.generate();
    let config = format!("{CONFIG}[tape]\nauditors = [{recipient:?}]\n");
    std::fs::write(places.product.join("data/portcullis.toml"), config).unwrap();
    std::fs::write(places.pockets.join("auditor.age"), identity.expose()).unwrap();
    identity.expose().clone()
}

/// The database, a host with a vaulted key, and the same host with certificates.
fn bring_in(
    world: &World,
    places: &Places,
    database: &PostgresServer,
    made: &serde_json::Value,
    secrets: &mut Vec<(String, String)>,
) -> Sshd {
    let key = places.pockets.join("host-key");
    keygen(&key);
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let sshd = Sshd::start(&places.host, &public, &text(&made["ssh_authority"]));
    let private = std::fs::read_to_string(&key).unwrap();
    for (place, line) in private.lines().enumerate() {
        if !line.starts_with("-----") && line.len() > 40 && !line.starts_with("b3BlbnNz") {
            secrets.push((format!("vaulted key, line {place}"), line.to_owned()));
        }
    }
    let password = canary("database-password");
    secrets.push(("vaulted password".to_owned(), password.clone()));
    let file = key.to_str().unwrap();
    let words = [
        "secrets", "add", "host-key", "--kind", "ssh_key", "--file", file,
    ];
    world.signed("olaf", &words);
    let file = places.pockets.join("database-password");
    std::fs::write(&file, password).unwrap();
    let file = file.to_str().unwrap();
    let words = [
        "secrets",
        "add",
        "database-key",
        "--kind",
        "password",
        "--file",
        file,
    ];
    world.signed("olaf", &words);
    let port = format!("port={}", database.port());
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
    let settings = sshd.settings();
    let settings = settings.each_ref().map(String::as_str);
    resource(world, "host", "ssh", Some("host-key"), &settings);
    resource(world, "other-host", "ssh", None, &settings);
    sshd
}

/// rosa, with a password, codes, a key and a sign-in of her own.
fn a_person_joins(world: &World, places: &Places, secrets: &mut Vec<(String, String)>) {
    world.signed("iris", &["identities", "add", "rosa"]);
    let opened = world.json("iris", &["identities", "enroll", "rosa"], 0);
    let token = text(&opened["token"]);
    let password = canary("password-rosa");
    let key = places.pockets.join("rosa");
    keygen(&key);
    let public = key.with_extension("pub");
    let options = ["--ssh-key", public.to_str().unwrap()];
    let done = world.enroll("rosa", &token, Some(&password), &options);
    secrets.push(("password of rosa".to_owned(), password));
    secrets.push(("seed of rosa".to_owned(), seed(&done)));
    secrets.push((SHOWN.to_owned(), token.clone()));
    // Shown once, to the one who asked for it.
    let heard = String::from_utf8_lossy(&world.heard()).into_owned();
    assert_eq!(heard.matches(&token).count(), 1);
    world.login(&["rosa"]);
    for who in ["maria", "iris", "olaf", "pia", "rosa"] {
        let file = places.product.join(format!("sign-ins/{who}.json"));
        let profile: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        secrets.push((format!("token of {who}"), text(&profile["token"])));
    }
}

fn the_ordinary_path(world: &World, places: &Places, database: &PostgresServer) {
    let id = world.granted(&["database", "read", "--reason", "figures"], &["olaf"]);
    until("the role is assigned", || {
        world.json("rosa", &["grants", "show", &id], 0)["status"] == "active"
    });
    let port = database.port();
    let line = format!(
        "127.0.0.1:{port}:*:rosa:{}\n",
        canary("database-password-of-rosa")
    );
    let passwords = tempfile::NamedTempFile::new_in(&places.pockets).unwrap();
    std::fs::write(passwords.path(), line).unwrap();
    let mut psql = Command::new("psql");
    psql.env("PGPASSFILE", passwords.path());
    psql.args(["-X", "-A", "-t"]);
    psql.arg(format!("postgresql://rosa@127.0.0.1:{port}/postgres"));
    let output = feed(psql, b"SELECT 'rows ' || count(*) FROM orders;\n");
    assert!(said(&output).contains("rows 0"), "{}", said(&output));
    world.json("olaf", &["revoke", &id, "--reason", "over"], 0);
    until("the grant is revoked", || {
        world.json("rosa", &["grants", "show", &id], 0)["status"] == "revoked"
    });
}

fn the_privileged_path(world: &World, places: &Places, sweep: &Sweep) {
    write_ssh_config(world, &places.pockets);
    let host = world.json("olaf", &["resources", "show", "other-host"], 0);
    let account = text(&host["settings"]["account"]);
    for name in ["host", "other-host"] {
        world.granted(&[name, "shell", "--reason", "work"], &["olaf", "pia"]);
        // One way of giving a code for each.
        if name == "other-host" {
            world.step_up_for(&format!("{account}@{name}"));
        }
        let mut shell = Client::start(world.client("ssh", &["-tt", name]));
        shell.type_line("env; echo in-$((40+2))");
        shell.wait_for("in-42");
        assert_eq!(sweep.processes(), Vec::<String>::new());
        let live = world.json("olaf", &["sessions", "list"], 0);
        let live = live.as_array().unwrap().iter();
        let session = live.clone().find(|session| session["status"] == "live");
        let session = text(&session.expect("a session lives")["id"]);
        let reason = ["sessions", "kill", &session, "--reason", "seen"];
        world.json("olaf", &reason, 0);
        let (_, printed) = shell.ended();
        assert_eq!(sweep.find(printed.as_bytes()), Vec::<&str>::new());
    }
}

/// Every tape and its evidence, taken away into the product's folder, and what an auditor sees in them.
fn taken_and_played(world: &World, places: &Places) -> Vec<u8> {
    let out = places.product.join("taken");
    let auditor = places.pockets.join("auditor.age");
    let mut seen = Vec::new();
    let all = world.json("pia", &["sessions", "list"], 0);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 2);
    for session in all {
        let id = text(&session["id"]);
        until("the session is over", || {
            world.json("pia", &["sessions", "show", &id], 0)["status"] == "ended"
        });
        let path = out.to_str().unwrap();
        world.json("pia", &["sessions", "export", &id, "--out", path], 0);
        let tape = out.join(format!("{id}.tape"));
        let words = ["sessions", "play", tape.to_str().unwrap(), "--fast"];
        let mut words = words.to_vec();
        words.extend(["--identity", auditor.to_str().unwrap()]);
        let played = world.run(&words, "");
        assert!(played.status.success(), "{}", said(&played));
        assert!(said(&played).contains("in-42"), "{}", said(&played));
        seen.extend(played.stdout);
    }
    seen
}

/// The sweep can fail: each form of a secret is found in a file, and in a process.
fn a_planted_leak_is_found(sweep: &Sweep, places: &Places, secrets: &[(String, String)]) {
    let nowhere = |_: &Path, _: &str| false;
    let planted = places.product.join("data/planted");
    for (name, secret) in secrets {
        for form in forms(secret.as_bytes()) {
            std::fs::write(&planted, [b"x", form.as_slice(), b"y"].concat()).unwrap();
            let bytes = std::fs::read(&planted).unwrap();
            assert!(sweep.find(&bytes).contains(&name.as_str()), "{name}");
        }
    }
    let found = sweep.files(&places.product, &nowhere);
    assert!(
        found.iter().any(|leak| leak.contains("planted")),
        "{found:?}"
    );
    let (_, secret) = &secrets[0];
    for in_arguments in [true, false] {
        let mut leaky = Command::new("sleep");
        if in_arguments {
            leaky.arg0(secret).arg("1000");
        } else {
            leaky.arg("1000").env("LEAK", secret);
        }
        let leaky = Client::start(leaky);
        until("the leak is found", || !sweep.processes().is_empty());
        drop(leaky);
    }
}
