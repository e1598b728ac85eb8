//! Completion scripts and manual pages, drawn from the same definition as the parser.

use std::path::Path;

use anyhow::Context;

use crate::args::command;
use crate::outcome::Outcome;
use crate::output;

/// Prints a completion script.
pub(crate) fn completion(shell: clap_complete::Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "portcullis", &mut script);
    output::bytes(&script)?;
    Ok(Outcome::Done)
}

/// Writes a manual page for every command.
pub(crate) fn pages(directory: &Path) -> anyhow::Result<Outcome> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(command(), directory)
        .with_context(|| format!("writing to {}", directory.display()))?;
    Ok(Outcome::Done)
}
