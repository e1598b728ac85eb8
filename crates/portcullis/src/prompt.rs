//! Asking a person; without a terminal, standard input gives one answer a line.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};

use crate::output;

/// Asks for something that may be seen.
pub(crate) fn ask(question: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        output::note(question)?;
    }
    answer(question)
}

/// Asks for something that may not be seen.
pub(crate) fn ask_secret(question: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("{question}: "))
            .context("reading from the terminal");
    }
    answer(question)
}

/// Asks for a secret that is new, of a person twice: a slip of the finger would lock them out.
pub(crate) fn ask_new_secret(question: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return answer(question);
    }
    agreed(question, ask_secret, output::note)
}

/// Asks until the same was said twice in a row.
fn agreed(
    question: &str,
    ask: impl Fn(&str) -> anyhow::Result<String>,
    note: impl Fn(&'static str) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    loop {
        let first = ask(question)?;
        if ask("The same again")? == first {
            return Ok(first);
        }
        note("that was not the same: once more")?;
    }
}

fn answer(question: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("no answer to {question:?} on standard input");
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_new_secret_is_taken_when_it_was_said_twice_the_same() {
        let said = RefCell::new(vec!["right", "right", "wrong", "right"]);
        let noted = RefCell::new(0);
        let ask = |_: &str| Ok(said.borrow_mut().pop().unwrap().to_owned());
        let note = |_| {
            *noted.borrow_mut() += 1;
            Ok(())
        };
        assert_eq!(agreed("New password", ask, note).unwrap(), "right");
        assert_eq!(*noted.borrow(), 1);
        assert!(said.borrow().is_empty());
    }
}
