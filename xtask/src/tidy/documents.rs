//! Checks of the documents against the tree: what a page points at must exist.

use crate::report::Report;
use crate::rust;
use crate::workspace::{Source, Workspace, resolve, within};

const DECISIONS: &str = "docs/decisions";
const THREATS: &str = "THREATS.md";

/// Decisions are numbered from 0001 without a gap and named `NNNN-title.md`.
pub fn decisions(workspace: &Workspace, report: &mut Report) {
    let mut numbers = Vec::new();
    for file in &workspace.files {
        let Some(name) = within(&file.path, DECISIONS) else {
            continue;
        };
        match decision_number(name) {
            Some(number) => numbers.push((number, file.path.as_str())),
            None => report.complain(
                &file.path,
                "is not named NNNN-title.md, in lower case with hyphens",
            ),
        }
    }
    numbers.sort_unstable();
    for (expected, (number, path)) in (1_u32..).zip(numbers) {
        if number != expected {
            return report.complain(
                path,
                &format!(
                    "decision {expected:04} should stand here: a number is missing or taken twice"
                ),
            );
        }
    }
}

fn decision_number(name: &str) -> Option<u32> {
    let (number, title) = name.strip_suffix(".md")?.split_once('-')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let well_formed = number.len() == 4 && !title.is_empty() && title.chars().all(plain);
    well_formed.then(|| number.parse().ok())?
}

/// A relative link in a page leads to a file or folder.
pub fn links(workspace: &Workspace, report: &mut Report) {
    for file in workspace
        .files
        .iter()
        .filter(|file| file.has_extension("md"))
    {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in file.text.lines().enumerate() {
            for target in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split([')', '#']).next())
            {
                if !target.is_empty()
                    && !target.contains("://")
                    && !exists(workspace, folder, target)
                {
                    report.complain(
                        &format!("{}:{}", file.path, index + 1),
                        &format!("links to {target}, which is not there"),
                    );
                }
            }
        }
    }
}

fn exists(workspace: &Workspace, folder: &str, target: &str) -> bool {
    let path = resolve(folder, target);
    workspace
        .files
        .iter()
        .any(|file| file.path == path || within(&file.path, &path).is_some())
}

/// Every test that the threat table names is a function in the sources; rows that name none are counted aloud.
pub fn named_tests(workspace: &Workspace, sources: &[Source<'_>], report: &mut Report) {
    let Some(threats) = workspace.file(THREATS) else {
        return;
    };
    let mut unnamed = 0_usize;
    for (index, line) in threats.text.lines().enumerate() {
        let Some(cell) = test_cell(line) else {
            continue;
        };
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !cell.starts_with("planned") {
            unnamed += 1;
        }
        for name in names {
            if !sources
                .iter()
                .any(|source| rust::defines_function(&source.tokens, name))
            {
                let place = format!("{THREATS}:{}", index + 1);
                report.complain(
                    &place,
                    &format!("names the test {name}, which is not there"),
                );
            }
        }
    }
    if unnamed > 0 {
        report.note(format!("{THREATS}: {unnamed} rows name no test"));
    }
}

/// The last cell of a row of the table, heading and rule left out.
fn test_cell(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cell = row.rsplit('|').next()?.trim();
    let rule = !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':'));
    (cell != "test" && !rule).then_some(cell)
}
