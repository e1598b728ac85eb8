//! Which path a task takes, and how long it may be run.

use super::host::{ACCOUNT, HOST, TaskHost};
use super::{REPORT, begin, declare, refused, run, ssh};
use crate::client::until;
use crate::world::{World, said, text};

#[test]
fn a_task_runs_on_the_path_that_its_impact_takes() {
    let Some((world, host)) = begin() else { return };
    only_owners_declare_tasks_and_three_sign(&world);
    what_only_looks_is_ordinary_and_runs_until_its_time_is_over(&world);
    what_no_row_knows_is_privileged_and_runs_once(&world, &host);
    a_task_that_is_removed_takes_what_it_allowed_along(&world);
    a_session_that_ran_plain_words_says_how_to_make_them_a_task(&world);
}

fn only_owners_declare_tasks_and_three_sign(world: &World) {
    let words = [
        "tasks",
        "add",
        HOST,
        "uptime",
        "--account",
        ACCOUNT,
        "--",
        "/usr/bin/uptime",
    ];
    assert_eq!(world.json("pia", &words, 3)["code"], "not_eligible");
    let change = world.json("olaf", &words, 4);
    assert_eq!(change["status"], "pending");
    let unsigned = world.json("rosa", &["preview", HOST, "task", "uptime"], 1);
    assert_eq!(unsigned["code"], "not_found", "{unsigned}");
    for owner in ["iris", "pia"] {
        world.json(owner, &["approve", &text(&change["id"])], 0);
    }
    let preview = world.json("rosa", &["preview", HOST, "task", "uptime"], 0);
    assert_eq!(preview["path"], "ordinary", "{preview}");
    let bare = world.json("rosa", &["preview", HOST, "uptime"], 2);
    assert!(bare["detail"].to_string().contains("task uptime"), "{bare}");
    let offers = world.json("rosa", &["catalog"], 0).to_string();
    assert!(offers.contains("exec -- COMMAND"), "{offers}");
}

fn what_only_looks_is_ordinary_and_runs_until_its_time_is_over(world: &World) {
    let without = ssh(world, &[], "uptime");
    refused(&without, "portcullis request host-1 task uptime");
    let request = world.granted(&[HOST, "task", "uptime", "--reason", "look"], &["olaf"]);
    for _ in 0..2 {
        let ran = ssh(world, &[], "uptime");
        assert!(
            ran.status.success() && said(&ran).contains("load average"),
            "{}",
            said(&ran)
        );
    }
    let mut elsewhere = world.client("ssh", &["-l", "other@host-1", "web-1", "uptime"]);
    refused(&elsewhere.output().unwrap(), "the task uptime runs as ops");
    let grant = world.json("rosa", &["grants", "show", &request], 0);
    assert_eq!(
        (&grant["path"], &grant["status"]),
        (&"ordinary".into(), &"active".into())
    );
    // On the same host and account, for the same program: it is no way into what takes the other path.
    for typed in ["/usr/bin/uptime", "uptime; id"] {
        refused(&ssh(world, &[], typed), "this takes the privileged path");
    }
    let shell = [&format!("{ACCOUNT}@{HOST}"), "-tt", "web-1"];
    let shell = world
        .client("ssh", &[&["-l"], &shell[..]].concat())
        .output();
    refused(&shell.unwrap(), "this takes the privileged path");
}

fn what_no_row_knows_is_privileged_and_runs_once(world: &World, host: &TaskHost) {
    let report = host.script("report", REPORT);
    declare(world, "report", &[&report, "--fixed", "{unit}", "{1-9}"]);
    let preview = world.json(
        "rosa",
        &["preview", HOST, "task", "report", "nginx", "5"],
        0,
    );
    assert_eq!(preview["path"], "privileged", "{preview}");
    let ran = run(world, &["report", "nginx", "5"], &[]);
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(
        said(&ran).contains("<--fixed><nginx.service><5>"),
        "{}",
        said(&ran)
    );
    refused(&ssh(world, &[], "report nginx 5"), "was for one use");
    let sessions = world.json("olaf", &["sessions", "list"], 0);
    world.json(
        "olaf",
        &["sessions", "verify", &text(&sessions[0]["id"])],
        0,
    );
}

fn a_task_that_is_removed_takes_what_it_allowed_along(world: &World) {
    let waits = world.asked(&[HOST, "task", "uptime", "--reason", "again"]);
    let active = |world: &World| {
        let grants = world.json("rosa", &["grants", "list"], 0);
        let tasks = grants.as_array().unwrap().iter().filter(|grant| {
            grant["intent"]["action"]["name"] == "task" && grant["status"] == "active"
        });
        tasks.count()
    };
    // The end of what ran before is recorded when its client is gone.
    until("one alone is left", || active(world) == 1);
    world.signed("olaf", &["tasks", "remove", HOST, "uptime"]);
    until("its grant is over", || active(world) == 0);
    until("its request is void", || {
        world.json("rosa", &["requests", "show", &waits], 0)["status"] != "pending"
    });
    refused(&ssh(world, &[], "uptime"), "no grant of yours covers exec");
}

fn a_session_that_ran_plain_words_says_how_to_make_them_a_task(world: &World) {
    world.granted(
        &[HOST, "exec", "--reason", "look", "--", "df -h"],
        &["olaf", "pia"],
    );
    assert!(ssh(world, &[], "df -h").status.success());
    let sessions = world.json("olaf", &["sessions", "list"], 0);
    let declaring = text(&sessions[0]["as_task"]);
    assert_eq!(
        declaring,
        "portcullis tasks add host-1 df-h --account ops -- /usr/bin/df -h"
    );
    let words: Vec<_> = declaring.split(' ').skip(1).collect();
    world.signed("olaf", &words);
    assert_eq!(
        world.json("rosa", &["preview", HOST, "task", "df-h"], 0)["path"],
        "ordinary"
    );
}
