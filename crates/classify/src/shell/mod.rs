//! Shells and command lines. Nothing typed into a shell can be foreseen, and no command line is
//! parsed yet: everything here is worst, and says why.

use portcullis_model::{Action, Classified};

/// The action that runs a command line.
pub const EXEC: &str = "exec";

/// Its parameter.
pub const COMMAND: &str = "command";

/// The most characters of a command that a reason shows.
const SHOWN: usize = 120;

/// Classifies `shell` and `exec` (parameter `command`); `None` for actions of other languages.
pub fn classify(action: &Action) -> Option<Classified> {
    match action.name.as_str() {
        "shell" => Some(Classified::worst(
            "an interactive shell: anything can be typed",
        )),
        EXEC => Some(Classified::worst(exec_reason(action.param(COMMAND)))),
        _ => None,
    }
}

fn exec_reason(command: Option<&str>) -> String {
    match command {
        Some(command) => format!(
            "a command line run by the account's login shell: {}",
            shown(command)
        ),
        None => "a command line that was not given".to_owned(),
    }
}

/// The command quoted, with control characters escaped, so that it cannot disguise itself to whoever
/// reads the reason.
fn shown(command: &str) -> String {
    let head: String = command.chars().take(SHOWN).collect();
    let rest = if head.len() < command.len() {
        "…"
    } else {
        ""
    };
    format!("{head:?}{rest}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use portcullis_model::Impact;

    use super::*;

    #[test]
    fn a_shell_and_every_command_are_worst_and_name_what_they_are() {
        let shell = classify(&Action::named("shell")).unwrap();
        let id = classify(&Action::named("exec").with("command", "id")).unwrap();
        assert_eq!(
            (&shell.impact, &id.impact),
            (&Impact::worst(), &Impact::worst())
        );
        assert!(shell.reason.contains("interactive shell"));
        assert!(id.reason.ends_with("login shell: \"id\""));
    }

    #[test]
    fn a_command_that_was_not_given_is_worst_too() {
        let nothing = classify(&Action::named("exec")).unwrap();
        assert_eq!(nothing.impact, Impact::worst());
    }

    #[test]
    fn a_command_cannot_smuggle_control_characters_into_its_reason() {
        let sneaky = Action::named("exec").with("command", "id\u{1b}[2Jls\n");
        let reason = classify(&sneaky).unwrap().reason;
        assert!(!reason.chars().any(char::is_control), "{reason:?}");
    }

    #[test]
    fn a_long_command_is_cut_and_says_so() {
        let long = Action::named("exec").with("command", "é".repeat(500));
        let reason = classify(&long).unwrap().reason;
        assert!(reason.ends_with("\"…") && reason.chars().count() < 200);
    }

    #[test]
    fn actions_of_other_languages_are_left_to_them() {
        assert_eq!(classify(&Action::named("reveal")), None);
    }
}
