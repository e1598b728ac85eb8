//! Checks of single files: blanks, lints, names, words, sleeps.

use super::table::{ABOUT_WORDS, Table};
use crate::report::Report;
use crate::workspace::{Source, Workspace};

const READABLE: [&str; 7] = ["rs", "md", "toml", "cedar", "cedarschema", "sh", "yml"];

/// No line of a text that no formatter owns ends in a blank or holds a tab.
pub fn blanks(workspace: &Workspace, report: &mut Report) {
    for file in workspace
        .files
        .iter()
        .filter(|file| file.has_extension("md") || file.has_extension("toml"))
    {
        for (index, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, index + 1);
            if line.ends_with([' ', '\t']) {
                report.complain(&place, "ends in a blank; remove it");
            }
            if line.contains('\t') {
                report.complain(&place, "holds a tab; use spaces");
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            report.complain(&file.path, "does not end in a line feed");
        }
    }
}

/// Every package takes the workspace's lints.
pub fn lints(workspace: &Workspace, report: &mut Report) {
    for package in &workspace.packages {
        let path = format!("{}/Cargo.toml", package.folder);
        let inherits = workspace
            .file(&path)
            .is_some_and(|file| inherits_lints(&file.text));
        if !inherits {
            report.complain(
                &path,
                "does not inherit the lints; add `[lints]` with `workspace = true`",
            );
        }
    }
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

/// No file or folder has a name that says nothing.
pub fn names(workspace: &Workspace, table: &Table, report: &mut Report) {
    for file in workspace
        .files
        .iter()
        .filter(|file| file.has_extension("rs"))
    {
        let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
        for part in stem
            .split('/')
            .filter(|part| table.empty_names.contains(part))
        {
            report.complain(
                &file.path,
                &format!("`{part}` says nothing; name it after what lives there"),
            );
        }
    }
}

/// No file of ours holds a word from the table.
pub fn words(workspace: &Workspace, table: &Table, report: &mut Report) {
    let exempt = |path: &str| ABOUT_WORDS.iter().any(|about| path.starts_with(about));
    for file in workspace.files.iter().filter(|file| {
        READABLE
            .iter()
            .any(|extension| file.has_extension(extension))
            && !exempt(&file.path)
    }) {
        for (index, line) in file.text.lines().enumerate() {
            for word in table
                .words
                .iter()
                .filter(|word| contains_word(line, word.word))
            {
                let place = format!("{}:{}", file.path, index + 1);
                report.complain(&place, &format!("`{}`: {}", word.word, word.instead));
            }
        }
    }
}

/// True if `word` stands in `line` with no letter or digit against it.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, found)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line
            .get(at + found.len()..)
            .and_then(|tail| tail.chars().next());
        ![before, after]
            .into_iter()
            .flatten()
            .any(char::is_alphanumeric)
    })
}

/// No test waits by sleeping: it waits for a condition with a deadline.
pub fn sleeps(sources: &[Source<'_>], report: &mut Report) {
    for source in sources {
        for pair in source.tests().windows(2) {
            if let [word, open] = pair
                && word.is("sleep")
                && open.is("(")
            {
                let place = format!("{}:{}", source.path, word.line);
                report.complain(
                    &place,
                    "a test sleeps; wait for the condition, with a deadline",
                );
            }
        }
    }
}
