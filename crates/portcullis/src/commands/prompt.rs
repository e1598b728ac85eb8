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

fn answer(question: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("no answer to {question:?} on standard input");
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
