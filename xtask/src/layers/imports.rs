//! The rules over packages: everyone is in the table, imports go down, chains are short, pure floors are spare.

use std::collections::BTreeMap;

use cargo_metadata::DependencyKind;

use super::table::{Floor, Placement, Table};
use crate::report::Report;
use crate::workspace::{Import, Package, Workspace};

const TABLE_FILE: &str = "xtask/src/layers/table.rs";

/// Checks every package's place and imports.
pub fn check(workspace: &Workspace, table: &Table, report: &mut Report) {
    everyone_is_placed(workspace, table, report);
    for package in &workspace.packages {
        tests_are_no_build(package, table, report);
        let Some(placement) = table.placement(&package.name) else {
            continue;
        };
        for import in &package.imports {
            if import.ours {
                goes_down(package, placement, import, table, report);
            } else if placement.floor.is_pure() && import.kind != DependencyKind::Development {
                is_allowed(package, placement, import, report);
            }
        }
    }
    chain_is_short(workspace, table, report);
}

fn everyone_is_placed(workspace: &Workspace, table: &Table, report: &mut Report) {
    for package in &workspace.packages {
        match table.placement(&package.name) {
            None => report.complain(
                &package.name,
                &format!("has no floor; give it one in {TABLE_FILE}"),
            ),
            Some(placement) if placement.folder != package.folder => report.complain(
                &package.name,
                &format!(
                    "lies in {}, but the table puts it in {}",
                    package.folder, placement.folder
                ),
            ),
            Some(_) => {}
        }
    }
    for placement in table.placements {
        if workspace.package(placement.package).is_none() {
            report.complain(
                TABLE_FILE,
                &format!(
                    "{} is in the table but not in the workspace",
                    placement.package
                ),
            );
        }
    }
}

fn tests_are_no_build(package: &Package, table: &Table, report: &mut Report) {
    let on = package.switched_on.iter();
    for feature in on.filter(|feature| table.features_for_tests.contains(&feature.as_str())) {
        let what = format!("switches {feature} on, which is for [dev-dependencies] only");
        report.complain(&package.name, &what);
    }
}

fn goes_down(
    package: &Package,
    placement: &Placement,
    import: &Import,
    table: &Table,
    report: &mut Report,
) {
    let Some(target) = table.placement(&import.name) else {
        let what = format!(
            "imports {}, which has no floor; give it one in {TABLE_FILE}",
            import.name
        );
        return report.complain(&package.name, &what);
    };
    let development = import.kind == DependencyKind::Development;
    let itself = package.name == import.name;
    let listed = placement.test_siblings.contains(&import.name.as_str());
    let same = placement.floor == target.floor;
    if placement.floor.may_import(target.floor) || development && same && (itself || listed) {
        return;
    }
    let advice = match (same, development) {
        (true, true) => "for tests, a sibling must be listed under test_siblings",
        (true, false) => "folders on one floor never import each other",
        (false, _) => "imports go to lower floors only",
    };
    let verb = if development {
        "imports for its tests"
    } else {
        "imports"
    };
    let what = format!("{verb} {} {}; {advice}", import.name, target.floor);
    report.complain(&format!("{} {}", package.name, placement.floor), &what);
}

fn is_allowed(package: &Package, placement: &Placement, import: &Import, report: &mut Report) {
    if !placement.third_party.contains(&import.name.as_str()) {
        let what = format!(
            "imports {}, which its allow-list in {TABLE_FILE} does not name; \
             floors 0 and 1 take nothing with a clock, a file, a socket or a runtime in it",
            import.name
        );
        report.complain(&format!("{} {}", package.name, placement.floor), &what);
    }
}

fn chain_is_short(workspace: &Workspace, table: &Table, report: &mut Report) {
    let mut known = BTreeMap::new();
    let longest = table
        .placements
        .iter()
        .filter(|placement| placement.floor != Floor::Outside)
        .map(|placement| {
            chain_below(
                placement.package,
                workspace,
                table,
                &mut known,
                &mut Vec::new(),
            )
        })
        .max_by_key(Vec::len)
        .unwrap_or_default();
    if longest.len() > table.longest_chain {
        let what = format!(
            "{} folders long, at most {} may be",
            longest.len(),
            table.longest_chain
        );
        report.complain(&longest.join(" > "), &what);
    }
}

/// The longest chain of imports that begins with `name`. A package already on the way ends the chain: cargo
/// refuses such a cycle, and `goes_down` has complained about it.
fn chain_below(
    name: &str,
    workspace: &Workspace,
    table: &Table,
    known: &mut BTreeMap<String, Vec<String>>,
    way: &mut Vec<String>,
) -> Vec<String> {
    if let Some(chain) = known.get(name) {
        return chain.clone();
    }
    way.push(name.to_owned());
    let imports = workspace
        .package(name)
        .map(|package| package.imports.as_slice())
        .unwrap_or_default();
    let mut longest = Vec::new();
    for import in imports
        .iter()
        .filter(|import| import.ours && import.kind != DependencyKind::Development)
    {
        let placed = table
            .placement(&import.name)
            .is_some_and(|placement| placement.floor != Floor::Outside);
        if placed && !way.contains(&import.name) {
            let chain = chain_below(&import.name, workspace, table, known, way);
            if chain.len() > longest.len() {
                longest = chain;
            }
        }
    }
    way.pop();
    longest.insert(0, name.to_owned());
    known.insert(name.to_owned(), longest.clone());
    longest
}
