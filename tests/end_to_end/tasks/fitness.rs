//! Accounts and programs that could make a task run something else.

use std::path::Path;

use super::host::{ACCOUNT, HOST, TaskHost, allow};
use super::{REPORT, begin, declare, refused, run, sessions, ssh};
use crate::client::until;
use crate::world::{World, said, text};

#[test]
fn what_could_make_a_task_run_something_else_is_refused_before_it_does() {
    let Some((world, host)) = begin() else { return };
    nothing_is_declared_of_an_unfit_account_or_program(&world, &host);
    nothing_runs_that_changed_since_it_was_signed(&world, &host);
    rc_files_and_the_environment_of_the_account_run_nothing(&world, &host);
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
    refused("root", "/usr/bin/uptime", "the account is root");
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
    refused(ACCOUNT, &open, "the account can change the program");
    let own = host.script("own", REPORT);
    host.give(ACCOUNT, own.as_ref());
    allow(own.as_ref(), 0o555);
    refused(ACCOUNT, &own, "the account can change the program");
    std::fs::create_dir(host.path("loose")).unwrap();
    allow(&host.path("loose"), 0o777);
    let beside = host
        .script("../loose/report", REPORT)
        .replace("bin/../", "");
    refused(ACCOUNT, &beside, "a folder above the program");

    host.add_account("other");
    let home = host.path("home/other");
    host.done("usermod", &["--shell", "/usr/bin/python3", "other"]);
    let words = [
        "tasks",
        "add",
        HOST,
        "x",
        "--account",
        "other",
        "--",
        "/usr/bin/uptime",
    ];
    world.json("olaf", &words, 2);
    let shell = host.script("shell", "#!/bin/sh\nexec /bin/sh \"$@\"\n");
    host.done("usermod", &["--shell", &shell, "other"]);
    refused("other", "/usr/bin/uptime", "is no POSIX shell");
    host.done("usermod", &["--shell", "/bin/bash", "other"]);
    host.done("groupadd", &["--force", "docker"]);
    host.done("usermod", &["--append", "--groups", "docker", "other"]);
    refused("other", "/usr/bin/uptime", "in the group docker");
    host.done("gpasswd", &["--delete", "other", "docker"]);
    host.may_by_sudo(true);
    refused("other", "/usr/bin/uptime", "sudo lets the account do more");
    host.may_by_sudo(false);
    host.give("other", &home);
    refused(
        "other",
        "/usr/bin/uptime",
        "the account can change its home",
    );
    host.give("root", &home);
    for file in [".bashrc", ".profile", ".ssh"] {
        std::fs::write(home.join(file), "").unwrap();
        host.give("other", &home.join(file));
        refused("other", "/usr/bin/uptime", &format!("other/{file}"));
        std::fs::remove_file(home.join(file)).unwrap();
    }
    // A function that bash would find under a program's name; other shells take none from their environment.
    std::fs::create_dir(home.join(".ssh")).unwrap();
    let environment = home.join(".ssh/environment");
    std::fs::write(&environment, "BASH_FUNC_id%%=() { :; }\n").unwrap();
    refused("other", "/usr/bin/uptime", "its environment has BASH_FUNC");
    std::fs::remove_file(environment).unwrap();
    // With nothing against it, the same account and program are taken.
    let words = [
        "tasks",
        "add",
        HOST,
        "fit",
        "--account",
        "other",
        "--",
        "/usr/bin/uptime",
    ];
    world.signed("olaf", &words);
}

fn nothing_runs_that_changed_since_it_was_signed(world: &World, host: &TaskHost) {
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
    refused(
        &ssh(world, &[], "report"),
        "the account can change the program",
    );
    allow(path, 0o755);
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
    let anywhere = host.path("anywhere");
    std::fs::create_dir(&anywhere).unwrap();
    allow(&anywhere, 0o1777);
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
