//! Tasks, attacked with plain clients at a real sshd: nothing runs but the declared program with declared words.

mod endings;
mod fitness;
mod host;
mod paths;
mod words;

use std::process::Output;

use crate::world::{World, said};
use host::{ACCOUNT, HOST, TaskHost};

/// Says its arguments, its environment and its input.
const REPORT: &str = "#!/bin/sh\nprintf '<%s>' \"$@\"\necho\nenv\necho input:\ncat\n";

/// A client of rosa's at the host; what she types is one text, as ssh sends it.
fn ssh(world: &World, options: &[&str], typed: &str) -> Output {
    let login = format!("{ACCOUNT}@{HOST}");
    let mut words = vec!["-l", &login];
    words.extend(options);
    words.extend(["web-1", "--", typed]);
    world.client("ssh", &words).output().unwrap()
}

fn declare(world: &World, name: &str, words: &[&str]) {
    declare_for(world, ACCOUNT, name, words);
}

fn declare_for(world: &World, account: &str, name: &str, words: &[&str]) {
    let mut all = vec!["tasks", "add", HOST, name, "--account", account, "--"];
    all.extend(words);
    world.signed("olaf", &all);
}

fn begin() -> Option<(World, TaskHost)> {
    let world = World::start();
    world.login(&["rosa", "olaf", "iris", "pia"]);
    let host = TaskHost::start(&world)?;
    world.step_up_for(&format!("{ACCOUNT}@{HOST}"));
    Some((world, host))
}

/// Asks for a task, has it approved by whoever the privileged path needs, and runs it.
fn run(world: &World, words: &[&str], options: &[&str]) -> Output {
    let mut all = vec![HOST, "task"];
    all.extend(words);
    all.extend(["--reason", "work"]);
    world.granted(&all, &["olaf", "pia"]);
    ssh(world, options, &words.join(" "))
}

fn refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(3), "{why}: {}", said(output));
    assert!(said(output).contains(why), "{why}: {}", said(output));
}

fn sessions(world: &World) -> usize {
    let all = world.json("olaf", &["sessions", "list"], 0);
    all.as_array().unwrap().len()
}
