//! Installations that are broken in every part: neither served nor made worse.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_ports::Sealer;
use portcullis_store::AgeSealer;

use crate::bad_input::{ends, refused};
use crate::client::{Client, until};
use crate::folders::{contents, copy};
use crate::installation::{bare, found, init, serve, started};
use crate::world::{PROGRAM, said};

/// An installation that is copied and broken again and again.
struct Installation {
    whole: PathBuf,
    broken: PathBuf,
}

impl Installation {
    /// Breaks a fresh copy, and expects neither server nor doctor to take it, nor to change it.
    #[track_caller]
    fn broken(&self, what: &str, change: impl FnOnce(&Path), options: &[&str], names: &[&str]) {
        let data = self.fresh();
        change(&data);
        let before = contents(&data);
        let at = ["--data", data.to_str().unwrap()];
        let mut server = Command::new(PROGRAM);
        server.env_clear().args(at).arg("serve").args(options);
        let mut server = Client::start(server);
        let (code, told) = server.ended();
        assert!(!told.contains("panicked at"), "{what}: {told}");
        assert_eq!(code, Some(1), "{what}: {told}");
        for name in names {
            assert!(told.contains(name), "{what}: {name:?} is not in: {told}");
        }
        let lost = changed(&before, &contents(&data));
        assert_eq!(lost, Vec::<&Path>::new(), "{what}");
    }

    /// The same, and the doctor has to find it as well.
    #[track_caller]
    fn ill(&self, what: &str, change: impl Fn(&Path), names: &[&str]) {
        self.broken(what, &change, &[], names);
        let data = self.fresh();
        change(&data);
        let before = contents(&data);
        let words = ["--data", data.to_str().unwrap(), "doctor"];
        let output = bare(&words, b"");
        ends(&output, what, 1, &["FAIL"]);
        let lost = changed(&before, &contents(&data));
        assert_eq!(lost, Vec::<&Path>::new(), "{what}: {}", said(&output));
    }

    fn fresh(&self) -> PathBuf {
        let _ = fs::remove_dir_all(&self.broken);
        copy(&self.whole, &self.broken);
        self.broken.clone()
    }
}

/// What is gone or other than before.
fn changed<'a>(
    before: &'a BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<&'a Path> {
    let differs = before
        .iter()
        .filter(|(path, bytes)| after.get(*path) != Some(*bytes));
    differs.map(|(path, _)| path.as_path()).collect()
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn config(data: &Path, text: &str) {
    fs::write(data.join("portcullis.toml"), text).unwrap();
}

#[test]
fn a_broken_installation_is_not_served_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(folder.path(), "a passphrase for the offline slot");
    // What there is to lose: events of its founder, and a ledger that has them.
    let pockets = folder.path().join("pockets");
    let world = serve(folder.path(), &pockets, &[]);
    let early = folder.path().join("early.db");
    fs::copy(folder.path().join("data/store.db"), &early).unwrap();
    found(&world, &made, "evaluation only");
    drop(world);
    let installation = Installation {
        whole: folder.path().join("data"),
        broken: folder.path().join("broken"),
    };
    configurations(&installation);
    keys(&installation);
    stores(&installation, &early);
    ledgers(&installation);
    places(&installation);
    what_is_whole_is_served(&installation);
}

fn configurations(installation: &Installation) {
    for (text, names) in [
        (
            "[listen]\nssh = \"127.0.0.1:0\"\nsssh = 1\n",
            &["line 3", "sssh"][..],
        ),
        ("[vault]\nenabled = false\n", &["line 1", "vault"]),
        ("[journal]\nenabled = false\n", &["line 1", "journal"]),
        ("[tape]\nrecording = false\n", &["line 2", "recording"]),
        ("[listen]\nssh = 22\n", &["line 2", "ssh"]),
        ("[listen]\nssh = \"localhost\"\n", &["line 2", "ssh"]),
        ("[listen\nssh = 1\n", &["line 1"]),
        (
            "[store]\nurl = \"postgres://x\"\n",
            &["store.url", "sqlite:store.db"],
        ),
        ("[unlock]\nslot = \"paper\"\n", &["line 2", "paper"]),
        ("[tape]\nauditors_only = true\n", &["tape.auditors"]),
        (
            "[tape]\nauditors = [\"nobody\"]\n",
            &["tape.auditors", "nobody"],
        ),
    ] {
        installation.broken(text, |data| config(data, text), &[], names);
        installation.broken(text, |data| config(data, text), &[], &["portcullis.toml"]);
    }
    let binary = |data: &Path| fs::write(data.join("portcullis.toml"), b"\xff").unwrap();
    installation.broken("no text", binary, &[], &["portcullis.toml", "UTF-8"]);
    let named = ["--config", "/nowhere/at.toml"];
    installation.broken("no file", |_| {}, &named, &["/nowhere/at.toml"]);
}

fn keys(installation: &Installation) {
    let key = |data: &Path| data.join("keys/online.age");
    installation.ill(
        "no key",
        |data| fs::remove_file(key(data)).unwrap(),
        &["online.age", "--unlock"],
    );
    let other = AgeSealer.generate().0.expose().clone();
    for (what, text) in [("garbage", "garbage"), ("another", &other), ("empty", "")] {
        let put = |data: &Path| fs::write(key(data), text).unwrap();
        let names = ["opening the installation in", "broken", "online.age"];
        installation.broken(what, put, &[], &names);
    }
    let wrong = installation.whole.with_file_name("wrong");
    fs::write(&wrong, "another passphrase altogether").unwrap();
    let options = ["--unlock", wrong.to_str().unwrap()];
    installation.broken("wrong passphrase", |_| {}, &options, &["passphrase"]);
    let options = ["--unlock", "/nowhere/at-all"];
    installation.broken("no passphrase", |_| {}, &options, &["/nowhere/at-all"]);
    let certificate = |data: &Path| data.join("tls/certificate.pem");
    let gone = |data: &Path| fs::remove_file(certificate(data)).unwrap();
    installation.ill("no certificate", gone, &["certificate.pem"]);
    let garbage = |data: &Path| fs::write(certificate(data), "garbage").unwrap();
    installation.broken("no PEM", garbage, &[], &["certificate.pem"]);
}

fn stores(installation: &Installation, early: &Path) {
    let store = |data: &Path| data.join("store.db");
    let names = ["store.db"];
    installation.ill("a store cut short", |data| cut(&store(data)), &names);
    installation.ill(
        "garbage",
        |data| fs::write(store(data), "garbage").unwrap(),
        &names,
    );
    let gone = |data: &Path| fs::remove_file(store(data)).unwrap();
    installation.ill("no store", gone, &names);
    let folder = |data: &Path| {
        fs::remove_file(store(data)).unwrap();
        fs::create_dir(store(data)).unwrap();
    };
    installation.ill("a folder", folder, &names);
    let rolled_back = |data: &Path| {
        fs::copy(early, store(data)).unwrap();
    };
    installation.ill("an early store", rolled_back, &["rolled back"]);
}

fn ledgers(installation: &Installation) {
    let checkpoint = |data: &Path| data.join("ledger/checkpoint");
    let names = ["ledger"];
    installation.ill(
        "garbage",
        |data| fs::write(checkpoint(data), "garbage").unwrap(),
        &["checkpoint"],
    );
    installation.ill("cut", |data| cut(&checkpoint(data)), &["checkpoint"]);
    let tiles = |data: &Path| data.join("ledger/tile");
    installation.ill(
        "no tiles",
        |data| fs::remove_dir_all(tiles(data)).unwrap(),
        &["tile/"],
    );
    let file = |data: &Path| {
        fs::remove_dir_all(data.join("ledger")).unwrap();
        fs::write(data.join("ledger"), "garbage").unwrap();
    };
    installation.ill("a file", file, &names);
    let bundles = |data: &Path| fs::remove_dir_all(data.join("bundles")).unwrap();
    installation.ill("no policies", bundles, &["policy bundle"]);
}

fn places(installation: &Installation) {
    let whole = installation.whole.parent().unwrap();
    let nowhere = whole.join("nowhere");
    let at = nowhere.to_str().unwrap();
    for command in ["serve", "doctor"] {
        refused(&["--data", at, command], 1, &[at, "portcullis init"]);
    }
    assert!(!nowhere.exists());
    // A second beginning would be the end of the first.
    for gone in ["nothing", "reserve", "keys/online.age"] {
        let data = installation.fresh();
        let _ = fs::remove_file(data.join(gone));
        let before = contents(&data);
        let words = [
            "--data",
            data.to_str().unwrap(),
            "init",
            "--admin",
            "mallory",
        ];
        refused(&words, 1, &[data.to_str().unwrap()]);
        let lost = changed(&before, &contents(&data));
        assert_eq!(lost, Vec::<&Path>::new(), "{gone}");
    }
    let file = whole.join("file");
    fs::write(&file, "x").unwrap();
    refused(
        &["--data", file.to_str().unwrap(), "init", "--admin", "m"],
        1,
        &["file"],
    );
    let words = ["--data", at, "init", "--admin", "not a name!"];
    refused(&words, 1, &["not a name!"]);
}

fn what_is_whole_is_served(installation: &Installation) {
    let data = installation.fresh();
    let folder = data.parent().unwrap().join("served");
    fs::create_dir(&folder).unwrap();
    fs::rename(&data, folder.join("data")).unwrap();
    let (mut server, https) = started(&folder, &[]);
    // Nobody else listens there meanwhile.
    let taken = https.strip_prefix("https://").unwrap();
    let text = format!("[listen]\nhttps = \"{taken}\"\n");
    installation.broken(
        "a taken port",
        |data| config(data, &text),
        &[],
        &["listen.https", taken],
    );
    let id = server.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    let mut status = None;
    until("the server ends", || {
        status = server.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
    let data = folder.join("data");
    let words = ["--data", data.to_str().unwrap(), "doctor"];
    ends(&bare(&words, b""), "a whole installation", 0, &["ok"]);
}
