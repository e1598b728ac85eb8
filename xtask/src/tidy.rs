//! Whether the tree is tidy: formatting, stray blanks, decision numbers, shared lints, tests that wait by sleeping,
//! names and words that say nothing, links and test names in the documents that lead nowhere.

mod documents;
mod files;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context as _;

use crate::report::Report;
use crate::workspace::Workspace;
use table::Table;

/// Files handed to one run of rustfmt; keeps the argument list short of any limit.
const BATCH: usize = 200;

/// Every check but the formatting, which needs the disk.
pub fn check(workspace: &Workspace, table: &Table) -> Report {
    let mut report = Report::default();
    let sources = workspace.sources();
    files::blanks(workspace, &mut report);
    files::lints(workspace, &mut report);
    files::names(workspace, table, &mut report);
    files::words(workspace, table, &mut report);
    files::sleeps(&sources, &mut report);
    documents::decisions(workspace, &mut report);
    documents::links(workspace, &mut report);
    documents::named_tests(workspace, &sources, &mut report);
    report
}

/// Formatting of every Rust file by name: `cargo fmt` walks modules and misses those a macro declares.
pub fn formatting(workspace: &Workspace, report: &mut Report) -> anyhow::Result<()> {
    let rust: Vec<&str> = workspace
        .files
        .iter()
        .filter(|file| file.has_extension("rs"))
        .map(|file| file.path.as_str())
        .collect();
    let root = workspace.root.to_string_lossy().into_owned();
    // rustfmt follows modules, so one file may be named several times.
    let mut unformatted = BTreeSet::new();
    for batch in rust.chunks(BATCH) {
        let outcome = Command::new("rustfmt")
            .args(["--edition", "2024", "--check", "-l"])
            .args(batch)
            .current_dir(&workspace.root)
            .output()
            .context("cannot run rustfmt; install it with `rustup component add rustfmt`")?;
        unformatted.extend(
            String::from_utf8_lossy(&outcome.stdout)
                .lines()
                .map(str::to_owned),
        );
        if !outcome.status.success() && outcome.stdout.is_empty() {
            report.complain("rustfmt", String::from_utf8_lossy(&outcome.stderr).trim());
        }
    }
    for path in &unformatted {
        let path = path
            .strip_prefix(&root)
            .unwrap_or(path)
            .trim_start_matches('/');
        report.complain(path, "is not formatted; run `rustfmt --edition 2024` on it");
    }
    Ok(())
}
