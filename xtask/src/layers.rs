//! Who may import whom, what the pure floors may touch, and who may call what. The rules are data (`table`);
//! the checks are functions over a `Workspace`. Cargo refuses cycles on its own, with a message about cycles:
//! a pair of crates that import each other across floors shows up here as what it is, a layer broken.

mod imports;
mod scan;
pub mod table;
#[cfg(test)]
mod tests;

use crate::report::Report;
use crate::workspace::Workspace;
use table::Table;

/// Holds `workspace` against `table`.
pub fn check(workspace: &Workspace, table: &Table) -> Report {
    let mut report = Report::default();
    imports::check(workspace, table, &mut report);
    let sources = workspace.sources();
    scan::sizes(&sources, table, &mut report);
    scan::purity(&sources, table, &mut report);
    scan::calls(&sources, table, &mut report);
    scan::inclusions(workspace, &sources, &mut report);
    report.note(format!(
        "{} packages, {} Rust files",
        workspace.packages.len(),
        sources.len()
    ));
    report
}
