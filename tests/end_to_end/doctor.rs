//! What `doctor` says of installations that are well, and of those that are not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::crash::Drill;
use crate::installation::{CONFIG, bare, init, serve};
use crate::world::said;

const PASSPHRASE: &str = "a passphrase for the offline slot";

fn doctor(folder: &Path) -> Output {
    let data = folder.join("data");
    bare(&["--data", data.to_str().unwrap(), "doctor"], b"")
}

/// It is well, and these are worth a note.
#[track_caller]
fn well(folder: &Path, notes: &[&str]) {
    let output = doctor(folder);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(!told.contains("FAIL"), "{told}");
    let noted = told.lines().filter(|line| line.starts_with("note"));
    assert_eq!(noted.count(), notes.len(), "{told}");
    for note in notes {
        assert!(told.contains(note), "{note}: {told}");
    }
}

#[track_caller]
fn ill(folder: &Path, what: &str) {
    let output = doctor(folder);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let failed = |line: &str| line.starts_with("FAIL") && line.contains(what);
    assert!(told.lines().any(failed), "{what}: {told}");
}

fn open_to_others(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_installation_is_well_before_its_server_runs_meanwhile_and_after() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), PASSPHRASE);
    well(folder.path(), &["being founded", "no checkpoint yet"]);
    let world = serve(folder.path(), &folder.path().join("pockets"), &[]);
    well(folder.path(), &["a server runs on it"]);
    drop(world);
    well(folder.path(), &["being founded"]);

    let checkpoint = folder.path().join("data/ledger/checkpoint");
    fs::remove_file(checkpoint).unwrap();
    ill(folder.path(), "the checkpoint is gone");
}

#[test]
fn the_online_key_is_looked_at_where_the_configuration_says_it_is() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), PASSPHRASE);
    let moved = folder.path().join("elsewhere.age");
    fs::rename(folder.path().join("data/keys/online.age"), &moved).unwrap();
    ill(folder.path(), "keys/online.age");
    let unlock = format!("[unlock]\nidentity_file = {:?}\n", moved.to_str().unwrap());
    let config = folder.path().join("data/portcullis.toml");
    fs::write(config, CONFIG.to_owned() + &unlock).unwrap();
    well(folder.path(), &["being founded", "no checkpoint yet"]);
    open_to_others(&moved, 0o644);
    ill(folder.path(), "elsewhere.age can be read by others");
}

#[test]
fn keys_and_certificates_of_another_installation_are_noticed() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for made in [&folder, &other] {
        init(made.path(), PASSPHRASE);
    }
    let (mine, theirs) = (folder.path().join("data"), other.path().join("data"));
    for (file, what) in [
        ("keys/online.age", "opening it with"),
        ("tls/certificate.pem", "the server's certificate"),
    ] {
        let own = fs::read(mine.join(file)).unwrap();
        let wrong = [
            fs::read(theirs.join(file)).unwrap(),
            b"x".to_vec(),
            Vec::new(),
        ];
        for bytes in wrong {
            fs::write(mine.join(file), bytes).unwrap();
            ill(folder.path(), what);
        }
        fs::write(mine.join(file), own).unwrap();
        well(folder.path(), &["being founded", "no checkpoint yet"]);
    }
}

#[test]
fn policies_that_are_gone_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), PASSPHRASE);
    fs::remove_dir_all(folder.path().join("data/bundles")).unwrap();
    ill(folder.path(), "policy bundle");
}

#[test]
fn a_folder_that_others_may_enter_gets_no_installation() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let words = ["--data", data.to_str().unwrap(), "init", "--admin", "maria"];
    for open in [data.clone(), data.join("keys")] {
        fs::create_dir_all(&open).unwrap();
        open_to_others(&data, 0o700);
        open_to_others(&open, 0o755);
        let output = bare(&words, b"");
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("chmod go="), "{told}");
        assert!(!data.join("store.db").exists());
        open_to_others(&open, 0o700);
    }
    let output = bare(&words, b"");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_tape_of_which_a_byte_was_changed_is_found_by_reading_all() {
    let Some(drill) = Drill::new() else {
        return;
    };
    let world = &drill.world;
    world.granted(
        &["host", "exec", "--reason", "x", "--", "echo hello"],
        &["olaf", "pia"],
    );
    drill.step_up();
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(world.folder().join("ssh_config"));
    let ran = ssh.args(["host", "echo hello"]).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    drill.holds_together();

    let data = world.folder().join("data");
    let tape = fs::read_dir(data.join("tapes")).unwrap().next();
    let tape = tape.unwrap().unwrap().path();
    let mut bytes = fs::read(&tape).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&tape, bytes).unwrap();
    let read = |more: &[&str]| {
        let mut words = vec!["--data", data.to_str().unwrap(), "doctor"];
        words.extend(more);
        bare(&words, b"")
    };
    let glance = read(&[]);
    assert!(glance.status.success(), "{}", said(&glance));
    let found = read(&["--tapes"]);
    let told = said(&found);
    assert_eq!(found.status.code(), Some(1), "{told}");
    assert!(
        told.contains("1 of 1 are not what the ledger has"),
        "{told}"
    );
}
