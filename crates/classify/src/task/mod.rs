//! Tasks: a program and typed arguments instead of a command line. What callers type is read by a grammar without
//! quoting, held against the declared types, and written anew; no byte of it reaches a shell as it came.

mod account;
mod grammar;
mod quote;
mod table;

pub use account::{Unfit, judge};
pub use grammar::{Mismatch, Undeclarable, argument, check, is_plain, plain_words, resolve, usage};
pub use quote::command_line;
pub use table::{Reach, classify, known_program};

/// The action's name.
pub const TASK: &str = "task";

/// The action's parameters: the account, the task's name, what the caller typed, and what runs.
pub const ACCOUNT: &str = "account";
/// See [`ACCOUNT`].
pub const NAME: &str = "name";
/// See [`ACCOUNT`].
pub const WORDS: &str = "words";
/// See [`ACCOUNT`].
pub const COMMAND: &str = "command";

use portcullis_model::{Action, Task};

/// The action that a task with these words is; equal for equal programs and arguments.
pub fn invoke(task: &Task, words: &[&str]) -> Result<Action, Mismatch> {
    let argv = resolve(task, words)?;
    let typed = argv
        .iter()
        .skip(1)
        .zip(&task.arguments)
        .filter(|(_, argument)| argument.is_typed())
        .map(|(word, _)| word.as_str());
    let typed: Vec<&str> = typed.collect();
    let action = Action::named(TASK)
        .with(ACCOUNT, &task.account)
        .with(NAME, &task.name)
        .with(COMMAND, command_line(&argv));
    Ok(if typed.is_empty() {
        action
    } else {
        action.with(WORDS, typed.join(" "))
    })
}
