//! A witness on another machine, as far as it knows: it keeps what it saw of the ledger, and finds out what took it back.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::until;
use crate::installation::{CONFIG, bare, found, init, serve};
use crate::world::{PROGRAM, World, said, text};

const PASSPHRASE: &str = "a passphrase for the offline slot";

/// A witness that runs.
struct Witness {
    process: Child,
    folder: PathBuf,
    key: String,
    url: String,
}

impl Witness {
    fn start(folder: &Path, ledger: &str) -> Self {
        let mut command = Command::new(PROGRAM);
        command
            .env_clear()
            .args(["ledger", "witness", "--folder"])
            .arg(folder);
        command.args([
            "--name",
            "witness.example",
            "--listen",
            "127.0.0.1:0",
            "--key",
            ledger,
        ]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let (key, url) = (line(), line());
        // It says more, and would end if nobody listened.
        std::thread::spawn(move || lines.count());
        Self {
            process,
            folder: folder.to_path_buf(),
            key: key.strip_prefix("witness ").unwrap().to_owned(),
            url: url.strip_prefix("at ").unwrap().to_owned(),
        }
    }

    /// What it keeps of the one ledger it watches.
    fn kept(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|end| end == "checkpoint"))
    }

    /// How much it saw.
    fn size(&self) -> u64 {
        let Some(kept) = self.kept() else { return 0 };
        let note = fs::read_to_string(kept).unwrap();
        note.lines().nth(1).unwrap().parse().unwrap()
    }

    /// What it answers to a request: the status line, the headers and the body.
    fn asked(&self, body: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /add-checkpoint HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Has the installation below `folder` show its ledger to a witness.
fn watched(folder: &Path, url: &str, key: &str) {
    let section = format!("[ledger]\nwitnesses = [{{ url = \"{url}\", key = \"{key}\" }}]\n");
    fs::write(
        folder.join("data/portcullis.toml"),
        format!("{CONFIG}{section}"),
    )
    .unwrap();
}

fn copied(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// Asks for something that leads to access; what is answered.
fn token_for_pia(world: &World, code: i32) -> Value {
    world.json("iris", &["identities", "enroll", "pia"], code)
}

#[test]
fn a_ledger_taken_back_with_all_that_is_beside_it_is_found_out_by_its_witness() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let made = init(&place("product"), PASSPHRASE);
    let witness = Witness::start(&place("witness"), &text(&made["ledger_key"]));
    watched(&place("product"), &witness.url, &witness.key);
    let start = || serve(&place("product"), &place("pockets"), &[]);
    let world = start();
    found(&world, &made, "password");
    drop(world);
    copied(&place("product/data"), &place("earlier"));

    let world = start();
    let words = [
        "groups",
        "add",
        "operators",
        "--path",
        "privileged",
        "--member",
        "pia",
    ];
    let change = text(&world.signed("iris", &words)["id"]);
    proved_to_be_seen(&world, &change, &witness, &text(&made["ledger_key"]));
    token_for_pia(&world, 4);
    drop(world);

    fs::rename(place("product/data"), place("later")).unwrap();
    copied(&place("earlier"), &place("product/data"));
    let doctor = |code| {
        let data = place("product/data");
        let kept = witness.kept().unwrap();
        let words = ["--data", data.to_str().unwrap(), "doctor", "--checkpoint"];
        let told = bare(&[&words[..], &[kept.to_str().unwrap()]].concat(), b"");
        assert_eq!(told.status.code(), Some(code), "{}", said(&told));
        said(&told)
    };
    assert!(doctor(1).contains("rollback: a trusted checkpoint has"));
    let world = start();
    let refused = text(&token_for_pia(&world, 1)["detail"]);
    assert!(
        refused.contains("witness witness.example saw the ledger with"),
        "{refused}"
    );
    assert!(refused.contains("it was rolled back"), "{refused}");
    drop(world);

    // It is the witness that finds it out, and nothing else could.
    watched(&place("product"), "http://127.0.0.1:1", &witness.key);
    let world = start();
    token_for_pia(&world, 4);
    drop(world);
    fs::remove_dir_all(place("product/data")).unwrap();
    fs::rename(place("later"), place("product/data")).unwrap();
    assert!(doctor(0).contains("of the checkpoint that was kept"));
    let world = start();
    token_for_pia(&world, 4);
}

/// Evidence carries the word of the witness, and only that one's.
fn proved_to_be_seen(world: &World, change: &str, witness: &Witness, ledger: &str) {
    let file = world.folder().join("change.evidence");
    let file = file.to_str().unwrap();
    world.json("iris", &["ledger", "prove", change, "--out", file], 0);
    let verify = ["ledger", "verify", file, "--key", ledger, "--witness"];
    let verify = |key: &str| bare(&[&verify[..], &[key]].concat(), b"");
    let told = said(&verify(&witness.key));
    let seen = "witness witness.example saw the ledger so at 20";
    assert!(told.contains(seen), "{told}");
    let other = tempfile::tempdir().unwrap();
    let other = Witness::start(&other.path().join("witness"), ledger);
    let refused = verify(&other.key);
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("did not put its name to"), "{told}");
}

#[test]
fn what_a_witness_is_asked_wrongly_is_refused_as_the_protocol_says_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let product = folder.path().join("product");
    let made = init(&product, PASSPHRASE);
    let ledger = text(&made["ledger_key"]);
    let witness = Witness::start(&folder.path().join("witness"), &ledger);
    watched(&product, &witness.url, &witness.key);
    let world = serve(&product, &folder.path().join("pockets"), &[]);
    until("the witness saw the ledger", || witness.size() > 0);
    drop(world);
    let size = witness.size();
    let note = fs::read_to_string(witness.kept().unwrap()).unwrap();
    let again = |old: u64| format!("old {old}\n\n{note}");
    let foreign = again(size).replace("portcullis/ins_", "portcullis/ins_x");
    let changed = again(size).replace(&format!("\n{size}\n"), "\n99999\n");
    for (request, status, told) in [
        ("nonsense".to_owned(), "400 Bad Request", "malformed"),
        (foreign, "404 Not Found", "none of those"),
        (changed, "403 Forbidden", "not signed by its log"),
        (again(0), "409 Conflict", &*format!("\r\n\r\n{size}\n")),
        (again(0), "409 Conflict", "content-type: text/x.tlog.size"),
        (again(size + 1), "400 Bad Request", "went backwards"),
    ] {
        let answer = witness.asked(&request);
        let start = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&start), "{request}: {answer}");
        assert!(answer.contains(told), "{request}: {answer}");
    }
    assert!(witness.asked(&again(size)).contains("— witness.example "));
    assert_eq!(witness.size(), size);
}
