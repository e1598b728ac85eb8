//! Adds a connector to a copy of the workspace: a new member of a family is one folder and one line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod copy;
mod served;

use std::process::Command;

use copy::Copy;
use served::Served;

const FOLDER: &str = "crates/connectors/src/dummy/";
const SUITE: &str = "crates/connectors/tests/dummy.rs";
const REGISTRY: &str = "crates/connectors/src/registry.rs";
const LINE: &str = "            dummy,";

#[test]
fn a_new_connector_is_one_folder_and_one_line() {
    let copy = Copy::of_the_workspace();
    copy.write(&format!("{FOLDER}mod.rs"), include_str!("dummy/mod.rs"));
    copy.write(SUITE, include_str!("dummy/suite.rs"));
    let registry = copy.original(REGISTRY);
    let known = "            postgres,\n";
    assert!(
        registry.contains(known),
        "the list is not where it was: {registry}"
    );
    copy.write(
        REGISTRY,
        &registry.replacen(known, &format!("{known}{LINE}\n"), 1),
    );

    let built = copy.build("portcullis", "dummy");
    let suite = Command::new(&built.suite).output().expect("the suite runs");
    assert!(
        suite.status.success(),
        "the suite every connector passes: {suite:?}"
    );
    let kinds = Served::by(&built.program).kinds();
    assert!(
        kinds.contains(&"dummy".to_owned()),
        "offered kinds: {kinds:?}"
    );

    let (members, lines): (Vec<_>, Vec<_>) = copy
        .differences()
        .into_iter()
        .filter(|difference| difference.path != SUITE)
        .partition(|difference| difference.path.starts_with(FOLDER));
    assert!(
        members.iter().all(|member| member.is_new),
        "changed in place: {members:?}"
    );
    assert_eq!(lines.len(), 1, "outside the member's own folder: {lines:?}");
    assert_eq!(
        (lines[0].path.as_str(), lines[0].added.as_slice()),
        (REGISTRY, [LINE.to_owned()].as_slice())
    );
    assert!(lines[0].removed.is_empty(), "{lines:?}");
}

#[test]
fn a_difference_names_each_line_that_came_and_went() {
    let (added, removed) = copy::lines_between("a\nb\nc\n", "a\nx\nc\nd\n");
    assert_eq!(added, ["x", "d"]);
    assert_eq!(removed, ["b"]);
    let same = copy::lines_between("a\n", "a\n");
    assert!(same.0.is_empty() && same.1.is_empty());
}
