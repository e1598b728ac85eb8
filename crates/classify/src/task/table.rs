//! Known programs and forms of their arguments, and what each can do. No row means worst.
//!
//! A row counts only for a program in the system's own folders, run by an account of which it is known what it can
//! reach. What owners sign says which words may be asked for, never what they are worth.

use portcullis_model::{Amount, Classified, Disclosure, Impact, Probed, Scope, Sensitivity};

use super::account::is_powerful;
use super::grammar::{number, unit};

/// Where the programs of the table are known to be the system's own.
const FOLDERS: [&str; 4] = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"];

/// Groups whose members read the logs of everything on the host.
const READS_LOGS: [&str; 3] = ["adm", "systemd-journal", "log"];

/// Of more lines than this a log is read as a whole.
const MOST_LINES: u64 = 1000;

/// A word in a form.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// This.
    Is(&'static str),
    /// A unit of systemd.
    Unit,
    /// A number of lines that somebody reads.
    Few,
    /// A number.
    Number,
}

/// What a row's program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Shows figures about the host that any account sees.
    Looks,
    /// Shows a unit's state with some lines of its log, as far as the account may read them.
    ReadsSome,
    /// Shows a unit's log, as far as the account may read it.
    ReadsAll,
    /// Stops, starts or restarts a unit.
    Disturbs,
}

struct Row(&'static str, &'static [Form], Does);

use Does::{Disturbs, Looks, ReadsAll, ReadsSome};
use Form::{Few, Is, Number, Unit};

/// The first row that fits counts.
const TABLE: &[Row] = &[
    Row("date", &[], Looks),
    Row("date", &[Is("-u")], Looks),
    Row("df", &[], Looks),
    Row("df", &[Is("-h")], Looks),
    Row("df", &[Is("-i")], Looks),
    Row("free", &[], Looks),
    Row("free", &[Is("-h")], Looks),
    Row("hostname", &[], Looks),
    Row("id", &[], Looks),
    Row("journalctl", &[Is("--no-pager"), Is("-u"), Unit], ReadsAll),
    Row(
        "journalctl",
        &[Is("--no-pager"), Is("-u"), Unit, Is("-n"), Few],
        ReadsSome,
    ),
    Row(
        "journalctl",
        &[Is("--no-pager"), Is("-u"), Unit, Is("-n"), Number],
        ReadsAll,
    ),
    Row("journalctl", &[Is("-u"), Unit], ReadsAll),
    Row("journalctl", &[Is("-u"), Unit, Is("-n"), Few], ReadsSome),
    Row("journalctl", &[Is("-u"), Unit, Is("-n"), Number], ReadsAll),
    Row("lsblk", &[], Looks),
    Row("nproc", &[], Looks),
    Row(
        "systemctl",
        &[Is("--no-pager"), Is("status"), Unit],
        ReadsSome,
    ),
    Row("systemctl", &[Is("is-active"), Unit], Looks),
    Row("systemctl", &[Is("is-enabled"), Unit], Looks),
    Row("systemctl", &[Is("is-failed"), Unit], Looks),
    Row("systemctl", &[Is("reload"), Unit], Disturbs),
    Row("systemctl", &[Is("restart"), Unit], Disturbs),
    Row("systemctl", &[Is("start"), Unit], Disturbs),
    Row("systemctl", &[Is("status"), Unit], ReadsSome),
    Row("systemctl", &[Is("stop"), Unit], Disturbs),
    Row("uname", &[], Looks),
    Row("uname", &[Is("-a")], Looks),
    Row("uname", &[Is("-r")], Looks),
    Row("uptime", &[], Looks),
    Row("uptime", &[Is("-p")], Looks),
    Row("uptime", &[Is("-s")], Looks),
];

/// What is known about where a task runs.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// What was seen of its account, unless nobody looked.
    pub account: Option<&'a Probed>,
    /// What the resource holds, as its owner says.
    pub sensitivity: Sensitivity,
}

/// What a program with these arguments can do as an account that reaches this.
pub fn classify(argv: &[String], reach: &Reach<'_>) -> Classified {
    let Some((program, arguments)) = argv.split_first() else {
        return Classified::worst("a task without a program");
    };
    let Some(account) = reach.account else {
        return Classified::worst("what the task's account can reach is not known");
    };
    if let Some(group) = account.groups.iter().find(|group| is_powerful(group)) {
        return Classified::worst(format!("the task's account is in the group {group}"));
    }
    if account.uid == 0 {
        return Classified::worst("the task's account is root");
    }
    let row = known_name(program).and_then(|name| {
        TABLE
            .iter()
            .find(|row| row.0 == name && fits(row.1, arguments))
    });
    match row {
        Some(Row(_, _, does)) => Classified {
            impact: impact(*does, account, reach.sensitivity),
            reason: format!("{program}: {}", told(*does)),
        },
        None => Classified::worst(format!(
            "the table of programs has no row for {program} with these arguments"
        )),
    }
}

/// The path of a program of the table by its bare name, where most systems have it.
pub fn known_program(name: &str) -> Option<String> {
    let known = TABLE.iter().any(|row| row.0 == name);
    known.then(|| format!("/usr/bin/{name}"))
}

fn known_name(program: &str) -> Option<&str> {
    FOLDERS
        .iter()
        .find_map(|folder| program.strip_prefix(folder))
}

fn fits(form: &[Form], arguments: &[String]) -> bool {
    form.len() == arguments.len()
        && form.iter().zip(arguments).all(|(form, word)| match form {
            Is(text) => text == word,
            // As it is written once it was read: with its suffix.
            Unit => unit(word).as_deref() == Some(word),
            Few => number(word).is_some_and(|lines| lines <= MOST_LINES),
            Number => number(word).is_some(),
        })
}

fn impact(does: Does, account: &Probed, sensitivity: Sensitivity) -> Impact {
    match does {
        Looks => Impact {
            discloses: Disclosure::Internal,
            amount: Amount::Bounded,
            scope: Scope::Resource,
            ..Impact::nothing()
        },
        ReadsSome | ReadsAll => {
            let discloses = shown(account, sensitivity);
            Impact {
                discloses,
                amount: if does == ReadsAll {
                    Amount::Unbounded
                } else {
                    Amount::Bounded
                },
                reversible: discloses == Disclosure::Internal,
                scope: Scope::Object,
                ..Impact::nothing()
            }
        }
        Disturbs => Impact {
            changes_state: true,
            degrades_service: true,
            reversible: false,
            scope: Scope::Object,
            ..Impact::nothing()
        },
    }
}

/// Logs hold what the resource holds; who reads all of them sees what nobody looked through.
fn shown(account: &Probed, sensitivity: Sensitivity) -> Disclosure {
    let holds = match sensitivity {
        Sensitivity::Internal => Disclosure::Internal,
        Sensitivity::Sensitive => Disclosure::Sensitive,
        Sensitivity::Secret => Disclosure::Secret,
    };
    let reads_logs = account
        .groups
        .iter()
        .any(|group| READS_LOGS.contains(&group.as_str()));
    if reads_logs {
        holds.max(Disclosure::Sensitive)
    } else {
        holds
    }
}

const fn told(does: Does) -> &'static str {
    match does {
        Looks => "shows figures about the host that any account sees",
        ReadsSome => "shows some lines of a unit's log",
        ReadsAll => "shows a unit's log",
        Disturbs => "stops, starts or restarts a unit",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use portcullis_model::Digest;

    use super::*;

    fn account(groups: &[&str]) -> Probed {
        Probed {
            uid: 990,
            groups: groups.iter().map(ToString::to_string).collect(),
            shell: "/bin/sh".to_owned(),
            program: Digest::of_bytes(b"x"),
        }
    }

    fn of(line: &str, account: Option<&Probed>, sensitivity: Sensitivity) -> Impact {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let reach = Reach {
            account,
            sensitivity,
        };
        classify(&argv, &reach).impact
    }

    #[test]
    fn known_programs_with_known_arguments_are_worth_what_their_row_says() {
        let plain = account(&["ops"]);
        let plain = |line| of(line, Some(&plain), Sensitivity::Internal);
        for line in [
            "/usr/bin/uptime",
            "/bin/df -h",
            "/usr/bin/id",
            "/usr/bin/systemctl is-active a.service",
        ] {
            let impact = plain(line);
            assert!(
                !impact.changes_state && impact.discloses == Disclosure::Internal,
                "{line}"
            );
        }
        let some = plain("/usr/bin/journalctl -u nginx.service -n 50");
        assert_eq!(
            (some.discloses, some.amount),
            (Disclosure::Internal, Amount::Bounded)
        );
        assert_eq!(
            plain("/usr/bin/journalctl -u nginx.service").amount,
            Amount::Unbounded
        );
        let restart = plain("/usr/bin/systemctl restart nginx.service");
        assert!(restart.changes_state && restart.degrades_service && !restart.reversible);
        assert!(!restart.alters_security && restart.scope == Scope::Object);
    }

    #[test]
    fn so_many_lines_that_nobody_reads_them_are_the_whole_log() {
        let plain = account(&["ops"]);
        for (lines, amount) in [
            ("0", Amount::Bounded),
            ("1000", Amount::Bounded),
            ("1001", Amount::Unbounded),
            ("999999999", Amount::Unbounded),
            ("18446744073709551615", Amount::Unbounded),
        ] {
            for options in ["-u", "--no-pager -u"] {
                let line = format!("/usr/bin/journalctl {options} nginx.service -n {lines}");
                let impact = of(&line, Some(&plain), Sensitivity::Internal);
                assert_eq!(
                    (impact.amount, impact.changes_state),
                    (amount, false),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn another_program_folder_argument_or_form_is_worst() {
        let plain = account(&["ops"]);
        for line in [
            "/usr/local/bin/uptime",
            "/tmp/uptime",
            "uptime",
            "/usr/bin/../../tmp/uptime",
            "/usr/bin/uptime --help",
            "/usr/bin/date -s 2000-01-01",
            "/usr/bin/hostname evil",
            "/usr/bin/df -h /",
            "/usr/bin/systemctl",
            "/usr/bin/systemctl restart",
            "/usr/bin/systemctl restart nginx",
            "/usr/bin/systemctl restart a.service b.service",
            "/usr/bin/systemctl restart --all",
            "/usr/bin/systemctl --root=/tmp restart a.service",
            "/usr/bin/systemctl mask a.service",
            "/usr/bin/journalctl",
            "/usr/bin/journalctl -u a.service -n -1",
            "/usr/bin/journalctl -u a.service -n 05",
            "/usr/bin/journalctl --file=/etc/shadow",
            "/bin/sh -c id",
            "",
        ] {
            assert_eq!(
                of(line, Some(&plain), Sensitivity::Internal),
                Impact::worst(),
                "{line}"
            );
        }
    }

    #[test]
    fn an_account_nobody_looked_at_or_as_good_as_root_makes_everything_worst() {
        assert_eq!(
            of("/usr/bin/uptime", None, Sensitivity::Internal),
            Impact::worst()
        );
        for group in ["docker", "sudo", "shadow"] {
            let strong = account(&["ops", group]);
            assert_eq!(
                of("/usr/bin/uptime", Some(&strong), Sensitivity::Internal),
                Impact::worst(),
                "{group}"
            );
        }
        let root = Probed {
            uid: 0,
            groups: BTreeSet::new(),
            ..account(&[])
        };
        assert_eq!(
            of("/usr/bin/uptime", Some(&root), Sensitivity::Internal),
            Impact::worst()
        );
    }

    #[test]
    fn logs_show_what_the_account_may_read_and_what_the_resource_holds() {
        let line = "/usr/bin/systemctl status nginx.service";
        let (plain, reader) = (account(&["ops"]), account(&["systemd-journal"]));
        for (account, holds, shows) in [
            (&plain, Sensitivity::Internal, Disclosure::Internal),
            (&plain, Sensitivity::Secret, Disclosure::Secret),
            (&reader, Sensitivity::Internal, Disclosure::Sensitive),
            (&reader, Sensitivity::Secret, Disclosure::Secret),
        ] {
            let impact = of(line, Some(account), holds);
            assert_eq!(impact.discloses, shows);
            assert_eq!(impact.reversible, shows == Disclosure::Internal);
        }
    }
}
