//! Tasks: what owners declare, what callers type, and the line that reaches the target's shell.
//! The first line is a program, the last one a caller's words, those between are declared arguments.

use std::collections::BTreeSet;

use portcullis_classify::{classify, task};
use portcullis_model::{Argument, Digest, Impact, Probed, Sensitivity, Task};

use crate::fixed::id;
use crate::shell_words;

pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    any_words(&text);
    let mut lines = text.split('\n');
    let program = lines.next().unwrap_or_default();
    let typed = lines.next_back().unwrap_or_default();
    let arguments: Vec<Argument> = lines.filter_map(declared).collect();
    if task::check(program, &arguments).is_ok() {
        let task = of(program, arguments);
        called(&task, typed);
    }
}

/// Whatever words there are, a shell reads the line back as these.
fn any_words(text: &str) {
    let mut argv = vec!["/bin/x".to_owned()];
    argv.extend(text.replace('\0', "").split('\n').map(str::to_owned));
    let line = task::command_line(&argv);
    assert_eq!(
        shell_words::read(&line).as_ref(),
        Some(&argv),
        "a shell reads other words: {line}"
    );
}

/// A declared argument prints as what declares it.
fn declared(text: &str) -> Option<Argument> {
    let argument = task::argument(text).ok()?;
    let printed = argument.to_string();
    assert_eq!(
        task::argument(&printed).as_ref(),
        Ok(&argument),
        "{printed} declares something else"
    );
    Some(argument)
}

/// What a caller typed fits the declaration, word for word, or is refused.
fn called(task: &Task, typed: &str) {
    let Ok(words) = task::plain_words(typed) else {
        return;
    };
    assert!(
        words
            .iter()
            .all(|word| task::is_plain(word) || word.len() > 255)
    );
    let Ok(action) = task::invoke(task, &words) else {
        return;
    };
    let argv = task::resolve(task, &words).unwrap_or_default();
    assert_eq!(argv.first(), Some(&task.program));
    assert_eq!(argv.len(), task.arguments.len() + 1);
    let line = action.param(task::COMMAND).unwrap_or_default();
    assert_eq!(
        shell_words::read(line).as_ref(),
        Some(&argv),
        "a shell reads other words: {line}"
    );
    for (word, argument) in argv.iter().skip(1).zip(&task.arguments) {
        fits(word, argument);
    }
    again(task, &action);
    worth(&argv);
    assert_eq!(
        classify(&action).impact,
        Impact::worst(),
        "words alone are no task"
    );
}

fn fits(word: &str, argument: &Argument) {
    assert!(
        task::is_plain(word) || word.ends_with(".service"),
        "{word:?} is not plain"
    );
    match argument {
        Argument::Literal { text } => assert_eq!(word, text),
        Argument::Choice { of } => assert!(of.iter().any(|known| known == word)),
        Argument::Number { least, most } => {
            let number: Option<u64> = word.parse().ok();
            assert!(number.is_some_and(|number| (*least..=*most).contains(&number)));
            assert!(word.bytes().all(|byte| byte.is_ascii_digit()));
        }
        Argument::Unit {} => assert!(!word.starts_with(['-', '.']) && !word.contains('/')),
        Argument::Path { under } => {
            assert!(
                word.starts_with(&format!("{under}/")) && !word.split('/').any(|part| part == "..")
            );
        }
    }
}

/// What an approval binds is what its own words ask for.
fn again(task: &Task, action: &portcullis_model::Action) {
    let words = action.param(task::WORDS).unwrap_or_default();
    let words = task::plain_words(words).unwrap_or_default();
    assert_eq!(
        task::invoke(task, &words).as_ref(),
        Ok(action),
        "the same words ask for something else"
    );
}

/// A signature never lowers what a program can do: what nobody looked at is worst.
fn worth(argv: &[String]) {
    let unseen = task::Reach {
        account: None,
        sensitivity: Sensitivity::Internal,
    };
    assert_eq!(task::classify(argv, &unseen).impact, Impact::worst());
    let seen = probed();
    let reach = task::Reach {
        account: Some(&seen),
        sensitivity: Sensitivity::Internal,
    };
    let impact = task::classify(argv, &reach).impact;
    assert!(impact.is_within(&Impact::worst()));
    let known = argv.first().is_some_and(|program| {
        program
            .rsplit('/')
            .next()
            .is_some_and(|name| task::known_program(name).is_some())
    });
    assert!(
        known || impact == Impact::worst(),
        "a program nobody knows is worth less than the worst"
    );
}

fn of(program: &str, arguments: Vec<Argument>) -> Task {
    Task {
        id: id(1),
        resource: id(2),
        name: "task".to_owned(),
        account: "ops".to_owned(),
        program: program.to_owned(),
        arguments,
        seen: probed(),
    }
}

fn probed() -> Probed {
    Probed {
        uid: 990,
        groups: BTreeSet::from(["ops".to_owned()]),
        shell: "/bin/sh".to_owned(),
        program: Digest::of_bytes(b"program"),
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        ("unit", "/usr/bin/systemctl\nrestart\n{unit}\nnginx"),
        (
            "number",
            "/usr/bin/journalctl\n--no-pager\n-u\n{unit}\n-n\n{1-1000}\na.timer 50",
        ),
        ("choice", "/usr/local/bin/feature\n{on|off}\n--all=yes\noff"),
        (
            "path",
            "/usr/bin/tail\n{/var/log/…}\n/var/log/nginx/access.log",
        ),
        ("none", "/usr/bin/uptime\n"),
        (
            "quoted",
            "it's \"a\" $line `of` words; with\n\ttabs \\ and * more\n~/x =y",
        ),
    ];
    texts
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .to_vec()
}
