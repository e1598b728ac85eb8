//! From the words of a request, or from what a client asks at the door, to the same action: an approval
//! binds it, so there is one way to write each.

use portcullis_classify::task::TASK;
use portcullis_model::Action;
use portcullis_ports::BrokerError;

use super::login;
use super::settings::Settings;

pub const SHELL: &str = "shell";
pub const EXEC: &str = "exec";
pub const ACCOUNT: &str = "account";
pub const COMMAND: &str = "command";

/// Longer commands are not taken: Linux takes no longer single argument.
const LONGEST_COMMAND: usize = 128 * 1024;

/// A shell of an account.
pub fn shell(account: &str) -> Action {
    Action::named(SHELL).with(ACCOUNT, account)
}

/// A command line run by an account's login shell.
pub fn exec(account: &str, command: &str) -> Action {
    Action::named(EXEC)
        .with(ACCOUNT, account)
        .with(COMMAND, command)
}

/// Whether a command line can be approved and run: not empty, no NUL, not too long.
pub fn check_command(command: &str) -> Result<(), &'static str> {
    if command.trim().is_empty() {
        return Err("the command is empty; ask for a shell instead");
    }
    if command.contains('\0') {
        return Err("the command contains a NUL character");
    }
    if command.len() > LONGEST_COMMAND {
        return Err("the command is longer than 128 KiB; put it into a file at the host");
    }
    Ok(())
}

/// Reads `ACTION [account=NAME] [-- COMMAND…]`. Words after `--` are joined by single spaces, as ssh does.
pub fn parse(settings: &Settings, words: &[String]) -> Result<Action, BrokerError> {
    let (name, rest) = words
        .split_first()
        .ok_or_else(|| wrong("name an action: shell, or exec -- COMMAND"))?;
    let (params, command) = match rest.iter().position(|word| word == "--") {
        Some(place) => {
            let (params, command) = rest.split_at(place);
            (params, Some(command.get(1..).unwrap_or_default().join(" ")))
        }
        None => (rest, None),
    };
    let account = account(settings, params)?;
    match (name.as_str(), command) {
        (SHELL, None) => Ok(shell(account)),
        (SHELL, Some(_)) => Err(wrong("a shell takes no command; ask for exec -- COMMAND")),
        (EXEC, Some(command)) => {
            check_command(&command).map_err(wrong)?;
            Ok(exec(account, &command))
        }
        (TASK, _) => Err(wrong(
            "say which task: task NAME, as portcullis tasks list has it",
        )),
        (EXEC, None) => Err(wrong("give the command after --, such as exec -- uname -a")),
        (other, _) => Err(wrong(&format!(
            "an SSH host offers shell, exec and task, not {other:?}"
        ))),
    }
}

fn account<'a>(settings: &'a Settings, params: &'a [String]) -> Result<&'a str, BrokerError> {
    let mut named = None;
    for param in params {
        match param.split_once('=') {
            Some((ACCOUNT, _)) if named.is_some() => {
                return Err(wrong("account is given twice; give it once"));
            }
            Some((ACCOUNT, name)) => named = Some(name),
            _ => {
                return Err(wrong(&format!(
                    "{param:?} is not understood; give account=NAME, and a command after --"
                )));
            }
        }
    }
    let name = named.unwrap_or(&settings.account);
    if !login::is_account(name) {
        return Err(wrong(&format!("{name:?} is no name of an account")));
    }
    let allowed = settings.accounts();
    if !allowed.contains(&name) {
        return Err(wrong(&format!(
            "account {name} is not offered here; there is {}",
            allowed.join(", ")
        )));
    }
    Ok(name)
}

fn wrong(reason: &str) -> BrokerError {
    BrokerError::Invalid(reason.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Action, BrokerError> {
        let settings = serde_json::from_value(serde_json::json!({
            "address": "web-1:22", "host_keys": [], "account": "root", "accounts": ["deploy"],
        }))
        .unwrap();
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        parse(&settings, &words)
    }

    #[test]
    fn words_become_the_action_the_door_sees() {
        assert_eq!(read(&["shell"]).unwrap(), shell("root"));
        assert_eq!(read(&["shell", "account=deploy"]).unwrap(), shell("deploy"));
        assert_eq!(
            read(&["exec", "--", "uname", "-a"]).unwrap(),
            exec("root", "uname -a")
        );
        assert_eq!(
            read(&["exec", "account=deploy", "--", "a  b", "--", "c"]).unwrap(),
            exec("deploy", "a  b -- c")
        );
    }

    #[test]
    fn what_is_not_complete_or_not_offered_is_refused() {
        let nothing: &[&str] = &[];
        for words in [
            nothing,
            &["exec"],
            &["exec", "--"],
            &["exec", "--", " "],
            &["exec", "uname"],
            &["exec", "command=uname"],
            &["exec", "--", "a\0b"],
            &["shell", "--", "id"],
            &["shell", "account=mallory"],
            &["shell", "account="],
            &["shell", "account=root", "account=deploy"],
            &["shell", "Account=root"],
            &["sftp"],
            &["SHELL"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
