//! The command lines that declare tasks: one that is known already, and what a session ran.

use portcullis_classify::task::{self, ACCOUNT, plain_words};
use portcullis_model::{Action, Resource, Task};

use super::typed;

/// The words that declare a task as it is.
pub(super) fn declaring(resource: &Resource, task: &Task) -> String {
    let words = task.arguments.iter().map(|argument| {
        if argument.is_typed() {
            format!("'{argument}'")
        } else {
            argument.to_string()
        }
    });
    let words: Vec<_> = std::iter::once(task.program.clone()).chain(words).collect();
    format!(
        "portcullis tasks add {} {} --account {} -- {}",
        resource.name,
        task.name,
        task.account,
        words.join(" ")
    )
}

/// The words that would declare what a session ran as a task; nothing when it ran something else than plain words.
pub(crate) fn suggestion(resource: &str, action: &Action) -> Option<String> {
    let words = plain_words(typed(action)?).ok()?;
    let (program, rest) = words.split_first()?;
    let name = suggested_name(&words);
    let program = if program.starts_with('/') {
        (*program).to_owned()
    } else {
        task::known_program(program).unwrap_or_else(|| format!("/PATH/TO/{program}"))
    };
    let account = action.param(ACCOUNT).filter(|account| *account != "root");
    let words: Vec<_> = std::iter::once(program.as_str())
        .chain(rest.iter().copied())
        .collect();
    Some(format!(
        "portcullis tasks add {resource} {name} --account {} -- {}",
        account.unwrap_or("ACCOUNT"),
        words.join(" ")
    ))
}

/// A name made of the words of a command.
fn suggested_name(words: &[&str]) -> String {
    let parts = words
        .iter()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let joined = parts.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let kept = joined
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let kept: String = kept.take(40).collect();
    kept.split('-')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use portcullis_classify::shell::{COMMAND, EXEC};

    use super::*;

    fn suggested(account: &str, command: &str) -> Option<String> {
        let ran = Action::named(EXEC).with(ACCOUNT, account);
        suggestion("web-1", &ran.with(COMMAND, command))
    }

    #[test]
    fn plain_words_become_a_task_that_their_program_and_account_declare() {
        for (account, command, words) in [
            ("ops", "df -h", "df-h --account ops -- /usr/bin/df -h"),
            (
                "root",
                "/usr/sbin/nginx  -t",
                "nginx-t --account ACCOUNT -- /usr/sbin/nginx -t",
            ),
            (
                "ops",
                "report x.log",
                "report-x-log --account ops -- /PATH/TO/report x.log",
            ),
        ] {
            let suggested = suggested(account, command).unwrap();
            assert_eq!(suggested, format!("portcullis tasks add web-1 {words}"));
        }
    }

    #[test]
    fn what_a_shell_would_read_otherwise_is_no_task() {
        for command in ["df -h | sort", "echo $HOME", "a 'b c'", "", " "] {
            assert_eq!(suggested("ops", command), None, "{command:?}");
        }
        assert_eq!(suggestion("web-1", &Action::named("shell")), None);
    }
}
