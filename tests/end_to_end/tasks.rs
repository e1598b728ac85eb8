//! Tasks, attacked with plain clients at a real sshd: nothing runs but the declared program with declared words.

use std::process::Output;

use crate::task_host::{ACCOUNT, HOST, TaskHost};
use crate::world::{World, said, text};

/// Says its arguments, its environment and its input.
const REPORT: &str = "#!/bin/sh\nprintf '<%s>' \"$@\"\necho\nenv\necho input:\ncat\n";

/// A client of rosa's at the host; what she types is one text, as ssh sends it.
fn ssh(world: &World, options: &[&str], typed: &str) -> Output {
    let login = format!("{ACCOUNT}@{HOST}");
    let mut words = vec!["-l", &login];
    words.extend(options);
    words.extend(["web-1", typed]);
    world.client("ssh", &words).output().unwrap()
}

fn declare(world: &World, name: &str, words: &[&str]) {
    let mut all = vec!["tasks", "add", HOST, name, "--account", ACCOUNT, "--"];
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

#[test]
fn a_task_runs_on_the_path_that_its_impact_takes() {
    let Some((world, host)) = begin() else { return };
    declare(&world, "uptime", &["/usr/bin/uptime"]);
    let preview = world.json("rosa", &["preview", HOST, "task", "uptime"], 0);
    assert_eq!(preview["path"], "ordinary", "{preview}");
    let refused = ssh(&world, &[], "uptime");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(
        said(&refused).contains("portcullis request host-1 task uptime"),
        "{}",
        said(&refused)
    );
    world.granted(&[HOST, "task", "uptime", "--reason", "look"], &["olaf"]);
    for _ in 0..2 {
        let ran = ssh(&world, &[], "uptime");
        assert!(
            ran.status.success() && said(&ran).contains("load average"),
            "{}",
            said(&ran)
        );
    }

    let report = host.script("report", REPORT);
    declare(&world, "report", &[&report, "--fixed", "{unit}", "{1-9}"]);
    let words = [HOST, "task", "report", "nginx", "5", "--reason", "look"];
    let preview = world.json(
        "rosa",
        &["preview", HOST, "task", "report", "nginx", "5"],
        0,
    );
    assert_eq!(preview["path"], "privileged", "{preview}");
    world.granted(&words, &["olaf", "pia"]);
    let ran = ssh(&world, &[], "report nginx 5");
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(
        said(&ran).contains("<--fixed><nginx.service><5>"),
        "{}",
        said(&ran)
    );
    let again = ssh(&world, &[], "report nginx 5");
    assert_eq!(again.status.code(), Some(3), "{}", said(&again));
    let sessions = world.json("olaf", &["sessions", "list"], 0);
    let first = text(&sessions[0]["id"]);
    world.json("olaf", &["sessions", "verify", &first], 0);
}
