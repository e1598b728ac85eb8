//! Tasks, attacked with plain clients at a real sshd: nothing runs but the declared program with declared words.

use std::path::Path;
use std::process::Output;

use crate::client::{Client, feed, runs, until};
use crate::task_host::{ACCOUNT, HOST, TaskHost, allow};
use crate::world::{World, said, text};

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
    assert_eq!(active(world), 1);
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

#[test]
fn nothing_a_client_sends_is_anything_but_declared_words() {
    let Some((world, host)) = begin() else { return };
    let report = host.script("report", REPORT);
    declare(&world, "report", &[&report, "{unit}", "{1-9}"]);
    declare(&world, "show", &[&report, "{on|off}", "{/srv/files/…}"]);
    let before = sessions(&world);
    no_hostile_word_can_be_asked_for(&world);
    no_hostile_text_is_run(&world, &host);
    assert_eq!(sessions(&world), before);
    neither_environment_nor_input_nor_terminal_comes_along(&world);
}

fn sessions(world: &World) -> usize {
    let all = world.json("olaf", &["sessions", "list"], 0);
    all.as_array().unwrap().len()
}

/// Words that are none: of options, of shells, of globs, of other alphabets.
const HOSTILE: [&str; 22] = [
    "-o",
    "--",
    "-nginx",
    "--all",
    "a;id",
    "$(id)",
    "`id`",
    "a|id",
    "a&id",
    "a>b",
    "a\nb",
    "a\rb",
    "*",
    "a?",
    "[a]",
    "{a,b}",
    "~",
    "a'b",
    "a\"b",
    "a\\b",
    "\u{430}",
    "a\u{202e}b",
];

fn no_hostile_word_can_be_asked_for(world: &World) {
    // Every word in every place is tried where the grammar is; here each in one place.
    for (number, word) in HOSTILE.into_iter().enumerate() {
        let words = match number % 4 {
            0 => ["task", "report", "--", word, "5"],
            1 => ["task", "report", "--", "nginx", word],
            2 => ["task", "show", "--", word, "/srv/files/x"],
            _ => ["task", "show", "--", "on", word],
        };
        let mut all = vec!["request", HOST, "--reason", "work"];
        all.extend(words);
        let answer = world.json("rosa", &all, 3);
        assert_eq!(answer["code"], "not_as_declared", "{words:?}: {answer}");
    }
    for path in [
        "/srv/files/../../etc/shadow",
        "/srv/files/-rf",
        "/srv/files",
        "/srv/files//x",
        "/etc/shadow",
    ] {
        let words = [
            "request", HOST, "task", "show", "on", path, "--reason", "work",
        ];
        assert_eq!(
            world.json("rosa", &words, 3)["code"],
            "not_as_declared",
            "{path}"
        );
    }
    for number in ["0", "10", "+5", "05", "5x", "٥"] {
        let words = [
            "request", HOST, "task", "report", "nginx", number, "--reason", "work",
        ];
        assert_eq!(
            world.json("rosa", &words, 3)["code"],
            "not_as_declared",
            "{number}"
        );
    }
}

fn no_hostile_text_is_run(world: &World, host: &TaskHost) {
    // Whoever holds a grant for the task types more than its words.
    world.granted(
        &[HOST, "task", "report", "nginx", "5", "--reason", "work"],
        &["olaf", "pia"],
    );
    let mark = host.path("home/mark");
    let touch = format!("touch {}", mark.display());
    for text in [
        format!("report nginx 5; {touch}"),
        format!("report nginx 5 && {touch}"),
        format!("report nginx 5\n{touch}"),
        format!("report nginx 5 $({touch})"),
        format!("report nginx 5 `{touch}`"),
        format!("report nginx 5 | {touch}"),
        "report nginx 5 -x".to_owned(),
        "report -- nginx 5".to_owned(),
        "report 'nginx' 5".to_owned(),
        "report nginx\u{a0}5".to_owned(),
        "report nginx\t5".to_owned(),
        "report nginx".to_owned(),
        "report nginx.service* 5".to_owned(),
    ] {
        refused(&ssh(world, &[], &text), "type it so: report {unit} {1-9}");
    }
    for text in [
        format!("{touch}; report nginx 5"),
        "-- report nginx 5".to_owned(),
        "-o report nginx 5".to_owned(),
        "\"report\" nginx 5".to_owned(),
        "REPORT nginx 5".to_owned(),
        "./report nginx 5".to_owned(),
        "report;id".to_owned(),
    ] {
        refused(&ssh(world, &[], &text), "no grant of yours covers exec");
    }
    assert!(!mark.exists());
}

fn neither_environment_nor_input_nor_terminal_comes_along(world: &World) {
    let variables = "SetEnv=LD_PRELOAD=/x BASH_ENV=/x ENV=/x PATH=/x LC_ALL=x SENT=x";
    let login = format!("{ACCOUNT}@{HOST}");
    // The grant that nothing hostile has spent.
    let words = [
        "-tt",
        "-o",
        variables,
        "-l",
        &login,
        "web-1",
        " report  nginx  5 ",
    ];
    let ran = feed(world.client("ssh", &words), b"of-the-client\n");
    let told = said(&ran);
    assert!(
        ran.status.success() && told.contains("<nginx.service><5>"),
        "{told}"
    );
    // sshd names what was asked for only where something else is forced.
    assert!(told.contains("SSH_ORIGINAL_COMMAND="), "{told}");
    for never in [
        "LD_PRELOAD",
        "BASH_ENV",
        "ENV=",
        "PATH=/x",
        "LC_ALL",
        "SENT",
        "SSH_TTY",
        "of-the-client",
    ] {
        assert!(!told.contains(never), "{never}: {told}");
    }
}

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

#[test]
fn a_kill_and_a_removal_end_a_task_at_its_host() {
    let Some((world, host)) = begin() else { return };
    let waits = host.script(
        "waits",
        "#!/bin/sh\necho runs-$$\nsleep 1000 &\necho sleeps-$!\nwait\n",
    );
    declare(&world, "waits", &[&waits]);
    for end in ["kill", "remove"] {
        world.granted(
            &[HOST, "task", "waits", "--reason", "work"],
            &["olaf", "pia"],
        );
        let login = format!("{ACCOUNT}@{HOST}");
        let mut client = Client::start(world.client("ssh", &["-l", &login, "web-1", "waits"]));
        let told = client.wait_for("sleeps-");
        let told = if told.ends_with('\n') {
            told
        } else {
            client.wait_for("\n")
        };
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
