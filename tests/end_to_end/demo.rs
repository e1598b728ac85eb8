//! A demo's end, by whatever means: no user, no folder, no server of it is left.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::world::World;

/// How long to wait for something that has to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The processes with this in their arguments: the servers of a demo name its folder.
fn processes_naming(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            arguments
                .contains(folder.to_str().unwrap())
                .then_some(arguments)
        })
        .collect()
}

/// The system users whose home is in this folder.
fn users_of(folder: &Path) -> Vec<String> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let homes = format!(":{}/", folder.display());
    let found = users.lines().filter(|line| line.contains(&homes));
    found.map(str::to_owned).collect()
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

#[track_caller]
fn nothing_is_left_of(folder: &Path) {
    assert_eq!(users_of(folder), [""; 0]);
    assert_eq!(processes_naming(folder), [""; 0]);
    assert!(!folder.exists(), "{}", folder.display());
}

#[test]
fn a_demo_that_is_told_to_stop_leaves_nothing() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let world = World::start();
        let folder = world.folder().to_path_buf();
        assert!(!processes_naming(&folder).is_empty(), "its servers run");
        let ended = world.end(signal);
        assert!(ended.success(), "{signal}: {ended}");
        nothing_is_left_of(&folder);
    }
}

#[test]
fn what_a_killed_demo_leaves_goes_at_once_or_with_the_next_demo() {
    // Of its own: a demo of another test would sweep in this one's stead.
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let world = World::start_in(place.path());
    let folder = world.folder().to_path_buf();
    assert!(folder.starts_with(place.path()));
    assert_eq!(users_of(&folder).is_empty(), !is_root());
    world.end("-KILL");
    eventually("its servers end with it", || {
        processes_naming(&folder).is_empty()
    });
    let next = World::start_in(place.path());
    nothing_is_left_of(&folder);
    assert!(next.folder().exists(), "a living demo is left alone");
}
