//! Secrets that are handed over in a file or on standard input: never in an argument or the environment.

use std::path::Path;

use anyhow::Context;
use portcullis_model::Secret;

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
