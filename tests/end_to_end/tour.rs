//! The tour as CI runs it.

use std::process::Command;

use crate::demo::is_root;
use crate::world::{PROGRAM, said};

#[test]
fn the_tour_tells_both_stories_and_proves_them() {
    let output = Command::new(PROGRAM)
        .args(["demo", "--tour"])
        .output()
        .unwrap();
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("The tour is over: all stories are proved."),
        "{told}"
    );
    // The host's own key is rotated after the session it opened; without root there are no hosts.
    if is_root() {
        let refused = "Permission denied (publickey)";
        assert!(told.contains(refused), "{told}");
        shows(&told, "rosa$ ssh -F /", "/ssh_config -tt web-1");
        shows(&told, "anybody$ ssh -F none -i /", " true");
        shows(&told, "auditor$ portcullis sessions play /", "/auditor.age");
    }
    // What is shown is what was run, with all its words.
    shows(
        &told,
        "rosa$ portcullis request analytics read --reason 'quarterly figures'",
        "",
    );
    let query = "/analytics -c 'SELECT count(*) FROM orders'";
    shows(&told, "rosa$ psql -XAt postgresql://rosa@127.0.0.1:", query);
    shows(&told, "anybody$ portcullis ledger verify /", " --show");
}

/// Whether some line is a command with this beginning and this end.
#[track_caller]
fn shows(told: &str, beginning: &str, end: &str) {
    let mut lines = told.lines().map(str::trim);
    let found = lines.any(|line| line.starts_with(beginning) && line.ends_with(end));
    assert!(found, "{beginning}…{end} is not in: {told}");
}
