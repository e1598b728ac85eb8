//! Accounts and programs that could make a task run something else.

use std::path::Path;

use super::host::{ACCOUNT, HOST, TaskHost, allow};
use super::{REPORT, begin, declare, declare_for, refused, run, sessions, ssh};
use crate::client::until;
use crate::world::{World, said, text};

const UPTIME: &str = "/usr/bin/uptime";

#[test]
fn what_could_make_a_task_run_something_else_is_refused_before_it_does() {
    let Some((world, host)) = begin() else { return };
    nothing_is_declared_of_an_unfit_account_or_program(&world, &host);
    nothing_runs_that_changed_since_it_was_signed(&world, &host);
    rc_files_and_the_environment_of_the_account_run_nothing(&world, &host);
}

/// An account that is neither a task's nor root, and its group.
const THIRD: &str = "third";

#[test]
fn who_is_neither_root_nor_the_account_decides_nothing_of_what_a_task_runs() {
    let Some((world, host)) = begin() else { return };
    host.add_account(THIRD);
    host.add_account("other");
    the_program_and_all_above_it_are_of_root(&world, &host);
    what_the_account_begins_with_is_of_root(&world, &host);
    a_home_that_is_not_there_cannot_be_made_by_others(&world, &host);
}

fn is_others(world: &World, account: &str, program: &str, what: &str) {
    let told = unfit(world, account, program);
    let why = format!("others than root decide over {what}");
    assert!(told.contains(&why), "{why}: {told}");
}

fn the_program_and_all_above_it_are_of_root(world: &World, host: &TaskHost) {
    let report = host.script("theirs", REPORT);
    host.give(THIRD, report.as_ref());
    is_others(world, ACCOUNT, &report, "the program");
    host.give(&format!("root:{THIRD}"), report.as_ref());
    allow(report.as_ref(), 0o775);
    is_others(world, ACCOUNT, &report, "the program");
    for (name, mode) in [("owned", 0o755), ("sticky", 0o1777)] {
        let folder = host.folder(name, mode);
        let below = host.script(&format!("../{name}/report"), REPORT);
        let below = below.replace("bin/../", "");
        if name == "owned" {
            host.give(THIRD, &folder);
        } else {
            host.give(THIRD, below.as_ref());
        }
        is_others(world, ACCOUNT, &below, "a folder above the program");
    }
}

fn what_the_account_begins_with_is_of_root(world: &World, host: &TaskHost) {
    let refused = |what: &str| is_others(world, "other", UPTIME, what);
    let (home, theirs) = (host.path("home/other"), host.folder("theirs", 0o755));
    host.give(THIRD, &theirs);
    host.give(THIRD, &home);
    refused("its home");
    host.give(&format!("root:{THIRD}"), &home);
    allow(&home, 0o775);
    refused("its home");
    allow(&home, 0o755);
    let rc = home.join(".bashrc");
    std::fs::write(&rc, "").unwrap();
    host.give(THIRD, &rc);
    refused("its file");
    std::fs::remove_file(&rc).unwrap();
    // What a link of root's leads to is looked at as well, and where that lies.
    std::fs::write(theirs.join("rc"), "").unwrap();
    std::os::unix::fs::symlink(theirs.join("rc"), &rc).unwrap();
    refused("a folder above its file");
    std::fs::remove_file(&rc).unwrap();
    std::os::unix::fs::symlink("/bin/sh", theirs.join("sh")).unwrap();
    let shell = theirs.join("sh");
    host.done("usermod", &["--shell", shell.to_str().unwrap(), "other"]);
    refused("a folder above its shell");
    host.done("usermod", &["--shell", "/bin/sh", "other"]);
    std::fs::create_dir(theirs.join("home")).unwrap();
    let link = host.path("home/link");
    std::os::unix::fs::symlink(theirs.join("home"), &link).unwrap();
    for below in [theirs.join("home"), link] {
        host.rehome("other", &below);
        refused("a folder above its home");
    }
}

fn a_home_that_is_not_there_cannot_be_made_by_others(world: &World, host: &TaskHost) {
    host.rehome("other", &host.path("sticky/none/home"));
    is_others(world, "other", UPTIME, "its home, which is not there");
    host.rehome("other", &host.path("home/none"));
    declare_for(world, "other", "fit", &[UPTIME]);
    host.rehome("other", &host.path("home/other"));
    let below = host.path("sticky/report");
    host.give("root", &below);
    declare(world, "below", &[below.to_str().unwrap()]);
}

/// Why a declaration is refused.
fn unfit(world: &World, account: &str, program: &str) -> String {
    let words = [
        "tasks",
        "add",
        HOST,
        "unfit",
        "--account",
        account,
        "--",
        program,
    ];
    let answer = world.json("olaf", &words, 3);
    assert_eq!(answer["code"], "unfit", "{answer}");
    text(&answer["detail"])
}

fn nothing_is_declared_of_an_unfit_account_or_program(world: &World, host: &TaskHost) {
    let report = host.script("report", REPORT);
    let refused = |account: &str, program: &str, why: &str| {
        let told = unfit(world, account, program);
        assert!(told.contains(why), "{why}: {told}");
    };
    refused("root", UPTIME, "the account is root");
    refused(ACCOUNT, "/usr/bin/no-such", "is no regular file");
    refused(ACCOUNT, "/usr/bin", "is no regular file");
    refused(ACCOUNT, "/usr/bin/passwd", "set-user-ID");
    let link = host.path("bin/link");
    std::os::unix::fs::symlink(&report, &link).unwrap();
    refused(
        ACCOUNT,
        link.to_str().unwrap(),
        "leads through a symbolic link",
    );
    let folder = host.path("linked");
    std::os::unix::fs::symlink(host.path("bin"), &folder).unwrap();
    let through = folder.join("report");
    refused(
        ACCOUNT,
        through.to_str().unwrap(),
        "leads through a symbolic link",
    );
    let secret = host.script("secret", REPORT);
    allow(secret.as_ref(), 0o700);
    refused(ACCOUNT, &secret, "cannot read and run");
    let open = host.script("open", REPORT);
    allow(open.as_ref(), 0o777);
    refused(ACCOUNT, &open, "others than root decide over the program");
    let own = host.script("own", REPORT);
    host.give(ACCOUNT, own.as_ref());
    allow(own.as_ref(), 0o555);
    refused(ACCOUNT, &own, "others than root decide over the program");
    host.folder("loose", 0o777);
    let beside = host
        .script("../loose/report", REPORT)
        .replace("bin/../", "");
    refused(ACCOUNT, &beside, "a folder above the program");

    host.add_account("other");
    let home = host.path("home/other");
    host.done("usermod", &["--shell", "/usr/bin/perl", "other"]);
    let words = [
        "tasks",
        "add",
        HOST,
        "x",
        "--account",
        "other",
        "--",
        UPTIME,
    ];
    world.json("olaf", &words, 2);
    let shell = host.script("shell", "#!/bin/sh\nexec /bin/sh \"$@\"\n");
    host.done("usermod", &["--shell", &shell, "other"]);
    refused("other", UPTIME, "is no POSIX shell");
    host.done("usermod", &["--shell", "/bin/bash", "other"]);
    host.done("groupadd", &["--force", "docker"]);
    host.done("usermod", &["--append", "--groups", "docker", "other"]);
    refused("other", UPTIME, "in the group docker");
    host.done("gpasswd", &["--delete", "other", "docker"]);
    host.may_by_sudo(true);
    refused("other", UPTIME, "sudo lets the account do more");
    host.may_by_sudo(false);
    host.give("other", &home);
    refused("other", UPTIME, "others than root decide over its home");
    host.give("root", &home);
    for file in [".bashrc", ".profile", ".ssh"] {
        std::fs::write(home.join(file), "").unwrap();
        host.give("other", &home.join(file));
        refused("other", UPTIME, &format!("other/{file}"));
        std::fs::remove_file(home.join(file)).unwrap();
    }
    // A function that bash would find under a program's name; other shells take none from their environment.
    std::fs::create_dir(home.join(".ssh")).unwrap();
    let environment = home.join(".ssh/environment");
    std::fs::write(&environment, "BASH_FUNC_id%%=() { :; }\n").unwrap();
    refused("other", UPTIME, "its environment has BASH_FUNC");
    std::fs::remove_file(environment).unwrap();
    // With nothing against it, the same account and program are taken.
    declare_for(world, "other", "fit", &[UPTIME]);
}

fn nothing_runs_that_changed_since_it_was_signed(world: &World, host: &TaskHost) {
    host.add_account(THIRD);
    let report = host.script("report", REPORT);
    let path: &Path = report.as_ref();
    declare(world, "report", &[&report]);
    world.granted(
        &[HOST, "task", "report", "--reason", "work"],
        &["olaf", "pia"],
    );
    let before = sessions(world);
    let mark = host.path("home/mark");
    host.script("report", &format!("#!/bin/sh\ntouch {}\n", mark.display()));
    let changed = ssh(world, &[], "report");
    refused(&changed, "its program was changed since it was declared");
    refused(&changed, "portcullis tasks add host-1 report --account ops");
    let real = host.script("real", REPORT);
    std::fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(&real, path).unwrap();
    refused(&ssh(world, &[], "report"), "leads through a symbolic link");
    std::fs::remove_file(path).unwrap();
    host.script("report", REPORT);
    allow(path, 0o777);
    let others = "others than root decide over the program";
    refused(&ssh(world, &[], "report"), others);
    allow(path, 0o755);
    host.give(THIRD, path);
    refused(&ssh(world, &[], "report"), others);
    host.give("root", path);
    host.done("usermod", &["--shell", "/bin/bash", ACCOUNT]);
    refused(&ssh(world, &[], "report"), "login shell was changed");
    host.done("usermod", &["--shell", "/bin/sh", ACCOUNT]);
    host.done("groupadd", &["--force", "more"]);
    host.done("usermod", &["--append", "--groups", "more", ACCOUNT]);
    refused(&ssh(world, &[], "report"), "groups were changed");
    host.done("gpasswd", &["--delete", ACCOUNT, "more"]);
    assert_eq!(sessions(world), before);
    let ran = ssh(world, &[], "report");
    assert!(ran.status.success() && !mark.exists(), "{}", said(&ran));
    // Declared anew means asked and approved anew.
    let waits = world.asked(&[HOST, "task", "report", "--reason", "more work"]);
    world.granted(
        &[HOST, "task", "report", "--reason", "work"],
        &["olaf", "pia"],
    );
    host.script("report", &format!("{REPORT}\n"));
    declare(world, "report", &[&report]);
    refused(
        &ssh(world, &[], "report"),
        "no grant of yours covers the task report",
    );
    until("its request is void", || {
        world.json("rosa", &["requests", "show", &waits], 0)["status"] == "voided"
    });
}

fn rc_files_and_the_environment_of_the_account_run_nothing(world: &World, host: &TaskHost) {
    let home = host.path("home").join(ACCOUNT);
    let mark = host.path("home/mark");
    std::fs::create_dir(home.join(".ssh")).unwrap();
    allow(&home.join(".ssh"), 0o755);
    let anywhere = host.folder("anywhere", 0o1777);
    let mark_of_account = anywhere.join("mark");
    let rc = home.join(".ssh/rc");
    std::fs::write(&rc, format!("touch {}\n", mark_of_account.display())).unwrap();
    allow(&rc, 0o755);
    let ran = run(world, &["report"], &[]);
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(!mark_of_account.exists(), "~/.ssh/rc was run");
    world.granted(
        &[HOST, "task", "report", "--reason", "work"],
        &["olaf", "pia"],
    );
    for variable in ["LD_PRELOAD=/x.so", "BASH_ENV=/x", "ENV=/x"] {
        let environment = home.join(".ssh/environment");
        std::fs::write(&environment, format!("{variable}\n")).unwrap();
        refused(&ssh(world, &[], "report"), "its environment has");
        std::fs::remove_file(environment).unwrap();
    }
    host.give(ACCOUNT, &rc);
    refused(&ssh(world, &[], "report"), ".ssh/rc");
    host.give("root", &rc);
    assert!(ssh(world, &[], "report").status.success() && !mark.exists());
}
