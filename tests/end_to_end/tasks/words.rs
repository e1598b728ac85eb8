//! What a client types, and what else it sends.

use super::host::{ACCOUNT, HOST, TaskHost};
use super::{REPORT, begin, declare, refused, sessions, ssh};
use crate::client::feed;
use crate::world::{World, said};

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
