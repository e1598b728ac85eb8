//! Tasks that are ended while they run.

use super::host::{ACCOUNT, HOST};
use super::{begin, declare};
use crate::client::{Client, runs, until};
use crate::world::text;

#[test]
fn a_kill_and_a_removal_end_a_task_at_its_host() {
    let Some((world, host)) = begin() else { return };
    let waits = host.script(
        "waits",
        "#!/bin/sh\necho runs-$$\nsleep 1000 &\necho sleeps-$!\necho both-told\nwait\n",
    );
    declare(&world, "waits", &[&waits]);
    for end in ["kill", "remove"] {
        world.granted(
            &[HOST, "task", "waits", "--reason", "work"],
            &["olaf", "pia"],
        );
        let login = format!("{ACCOUNT}@{HOST}");
        let mut client = Client::start(world.client("ssh", &["-l", &login, "web-1", "waits"]));
        let told = client.wait_for("both-told");
        let numbers: Vec<String> = told
            .lines()
            .filter_map(|line| line.trim().split_once('-'))
            .filter(|(word, _)| ["runs", "sleeps"].contains(word))
            .map(|(_, number)| number.to_owned())
            .collect();
        assert!(
            numbers.len() == 2 && numbers.iter().all(|one| runs(one)),
            "{told}"
        );
        if end == "kill" {
            let all = world.json("olaf", &["sessions", "list"], 0);
            let id = text(&all[0]["id"]);
            world.json("olaf", &["sessions", "kill", &id, "--reason", "enough"], 0);
        } else {
            world.signed("olaf", &["tasks", "remove", HOST, "waits"]);
        }
        assert_eq!(client.ended().0, Some(255));
        for number in &numbers {
            until("the task ended at its host", || !runs(number));
        }
    }
}
