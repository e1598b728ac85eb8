//! What tests take of a machine that not every machine gives, and what becomes of them without it.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests fail by panicking, are allowed to be left out by the environment, and say on standard error why"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The variable that allows to leave tests out, when it is [`ALLOWED`].
const SKIP: &str = "PORTCULLIS_SKIP";
const ALLOWED: &str = "allowed";

/// How long somebody else's changes may disturb a copy.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is locked in `/etc` while users are changed.
const LOCKS: [&str; 6] = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];

/// Says that a test is left out because it takes what this machine does not give.
///
/// # Panics
///
/// Unless `PORTCULLIS_SKIP=allowed` is in the environment: what did not run must not look as if it had passed.
#[track_caller]
pub fn left_out(needs: &str) {
    let allowed = std::env::var_os(SKIP).is_some_and(|value| value == ALLOWED);
    assert!(
        allowed,
        "this test takes {needs}, which it does not have here; run it where it does (as root, say), or set \
         {SKIP}={ALLOWED} to leave such tests out"
    );
    eprintln!("left out: this test takes {needs}");
}

/// Copies what a folder of the system holds into one that exists, again until nothing vanishes under the copy:
/// somebody else may be adding or removing users at the same moment.
///
/// # Panics
///
/// When it never succeeds.
pub fn copy_folder(from: &str, to: &Path) {
    let begun = Instant::now();
    loop {
        let mut cp = Command::new("cp");
        cp.args(["-a", &format!("{from}/.")]).arg(to);
        let copied = cp.stderr(Stdio::null()).status().expect("cp runs");
        if copied.success() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{from} cannot be copied");
    }
}

/// A copy of `/etc` in which users can be added, whoever is adding some to the original.
pub fn copy_etc(to: &Path) {
    copy_folder("/etc", to);
    for lock in LOCKS {
        let _ = fs::remove_file(to.join(format!("{lock}.lock")));
    }
}
