//! Secrets that are handed over in a file or on standard input: never in an argument or the environment.

use std::path::Path;

use anyhow::{Context, bail};
use portcullis_model::Secret;

use crate::prompt;

/// Reads a secret from a file, or from standard input for `-`; line ends at its end are not part of it.
pub(crate) fn read(path: &Path) -> anyhow::Result<Secret<String>> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("reading standard input")
    } else {
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
    };
    let text = Secret::new(text?);
    let kept = text.expose().trim_end_matches(['\n', '\r']);
    Ok(Secret::new(kept.to_owned()))
}

/// A passphrase as it counts: blanks only group what is written down.
pub(crate) fn without_blanks(passphrase: &Secret<String>) -> Secret<String> {
    let letters = passphrase.expose().chars();
    Secret::new(letters.filter(|letter| !letter.is_whitespace()).collect())
}

/// The passphrase of the offline slot: from a file, or asked for.
pub(crate) fn offline_passphrase(file: Option<&Path>) -> anyhow::Result<Secret<String>> {
    let given = match file {
        Some(file) => read(file)?,
        None => Secret::new(prompt::ask_secret("Passphrase of the offline key slot")?),
    };
    if given.expose().is_empty() {
        bail!("the passphrase is empty");
    }
    Ok(without_blanks(&given))
}
