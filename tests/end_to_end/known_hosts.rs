//! What plain clients know the SSH door by, on machines that were never there before.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::targets::keygen;
use crate::world::{World, said};

/// What is run at the host.
const LINE: &str = "echo in-$((40+2))";

#[test]
fn a_batch_client_knows_the_door_without_being_asked_and_refuses_another() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    world.step_up();
    let key = world.folder().join("rosa_ed25519");
    let config = printed(&world, &key);
    let known = world.folder().join("sign-ins/known_hosts");
    asks_nobody(&config);
    may_run_once(&world);
    opens(&batch(&config));
    another_key_is_refused(&world, &known, &config);

    // Asked anew, the server puts that right.
    assert_eq!(printed(&world, &key), config);
    may_run_once(&world);
    opens(&batch(&config));
    may_run_once(&world);
    opens(&own_client(&world, &key));
    may_run_once(&world);
    installed_beside_the_configuration(&world, &key);
}

/// Not only in batch: nobody is asked to take an unknown key, either.
fn asks_nobody(config: &Path) {
    let mut ssh = Command::new("ssh");
    let read = ssh.arg("-F").arg(config).args(["-G", "web-1"]).output();
    let read = String::from_utf8(read.unwrap().stdout).unwrap();
    assert!(read.contains("stricthostkeychecking true\n"), "{read}");
}

fn may_run_once(world: &World) {
    let words = ["web-1", "exec", "--reason", "work", "--", LINE];
    world.granted(&words, &["olaf", "pia"]);
}

/// What `ssh-config` prints, kept in a file.
fn printed(world: &World, key: &Path) -> PathBuf {
    let words = ["--as", "rosa", "ssh-config", "--identity-file"];
    let mut words = words.to_vec();
    words.push(key.to_str().unwrap());
    let output = world.run(&words, "");
    assert!(output.status.success(), "{}", said(&output));
    let path = world.folder().join("printed_config");
    fs::write(&path, output.stdout).unwrap();
    path
}

/// OpenSSH with nobody there to answer, and nothing of anybody's environment.
fn batch(config: &Path) -> Output {
    let mut ssh = Command::new("ssh");
    ssh.env_clear().stdin(Stdio::null()).arg("-F").arg(config);
    ssh.args(["-o", "BatchMode=yes", "web-1", LINE]);
    ssh.output().unwrap()
}

fn opens(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
    assert!(said(output).contains("in-42"), "{}", said(output));
}

fn another_key_is_refused(world: &World, known: &Path, config: &Path) {
    let other = world.folder().join("other_door");
    keygen(&other);
    let other = fs::read_to_string(other.with_extension("pub")).unwrap();
    let text = fs::read_to_string(known).unwrap();
    let (host, _) = text.split_once(' ').unwrap();
    for wrong in [format!("{host} {other}"), String::new()] {
        fs::write(known, wrong).unwrap();
        let refused = batch(config);
        assert_eq!(refused.status.code(), Some(255), "{}", said(&refused));
        let told = said(&refused);
        assert!(told.contains("Host key verification failed"), "{told}");
        assert!(!told.contains("in-42"), "{told}");
    }
}

/// `portcullis ssh`, which finds an `ssh` that cannot ask.
fn own_client(world: &World, key: &Path) -> Output {
    let folder = world.folder().join("clients");
    fs::create_dir(&folder).unwrap();
    let script = folder.join("ssh");
    let options = format!("-F none -o BatchMode=yes -i {}", key.display());
    let found = Command::new("sh").args(["-c", "command -v ssh"]).output();
    let found = String::from_utf8(found.unwrap().stdout).unwrap();
    let text = format!("#!/bin/sh\nexec {} {options} \"$@\"\n", found.trim());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = world.command(&["--as", "rosa", "ssh", "web-1", "--", LINE]);
    command.env("PATH", folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn installed_beside_the_configuration(world: &World, key: &Path) {
    let home = world.folder().join("home of rosa");
    fs::create_dir(&home).unwrap();
    let mut command = world.command(&["--as", "rosa", "ssh-config", "--install"]);
    command.arg("--identity-file").arg(key).env("HOME", &home);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(home.join(".ssh/portcullis_known_hosts").exists());
    opens(&batch(&home.join(".ssh/portcullis_config")));
}
