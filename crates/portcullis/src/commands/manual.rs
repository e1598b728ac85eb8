//! Completion scripts and manual pages, drawn from the same definition as the parser.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;

use crate::args::{Global, command};
use crate::outcome::{Outcome, Stuck};
use crate::output;

/// Prints a completion script.
pub(crate) fn completion(shell: clap_complete::Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "portcullis", &mut script);
    output::bytes(&script)?;
    Ok(Outcome::Done)
}

/// Writes a manual page for every command.
pub(crate) fn pages(global: &Global, directory: &Path) -> anyhow::Result<Outcome> {
    if directory.exists() && !directory.is_dir() {
        bail!(Stuck {
            what: format!(
                "{} is a file, and a page is written for every command",
                directory.display()
            ),
            next: "name a folder: portcullis man man1/".to_owned(),
        });
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("making {}", directory.display()))?;
    clap_mangen::generate_to(command(), directory)
        .with_context(|| format!("writing to {}", directory.display()))?;
    if global.json {
        output::json(&json!({ "directory": directory }))?;
    }
    Ok(Outcome::Done)
}
