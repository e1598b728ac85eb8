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

use std::path::Path;
use std::process::Command;

use copy::Copy;
use served::Served;

const FOLDER: &str = "crates/connectors/src/dummy/";
/// What the family's suite is told of it.
const SPECIMEN: &str = "crates/connectors/tests/connectors/dummy.rs";
const REGISTRY: &str = "crates/connectors/src/registry.rs";
const LINE: &str = "            dummy,";

#[test]
fn a_new_connector_is_one_folder_and_one_line() {
    let copy = Copy::of_the_workspace();
    copy.write(&format!("{FOLDER}mod.rs"), include_str!("dummy/mod.rs"));
    copy.write(SPECIMEN, include_str!("dummy/specimen.rs"));
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

    let built = copy.build("portcullis", "connectors");
    passes_what_every_connector_does(&built.suite);
    let kinds = Served::by(&built.program).kinds();
    assert!(
        kinds.contains(&"dummy".to_owned()),
        "offered kinds: {kinds:?}"
    );

    let (members, lines): (Vec<_>, Vec<_>) = copy
        .differences()
        .into_iter()
        .filter(|difference| difference.path != SPECIMEN)
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

    // Had it brought nothing to be tried with, the family's tests would not have been built.
    copy.remove(SPECIMEN);
    let said = copy.refused("portcullis", "connectors");
    assert!(said.contains("file not found for module `dummy`"), "{said}");
}

fn passes_what_every_connector_does(tests: &Path) {
    let tried = Command::new(tests)
        .args(["--exact", "does_what_every_connector_must::dummy"])
        .output()
        .expect("the tests run");
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(
        tried.status.success() && said.contains("1 passed"),
        "{tried:?}"
    );
}

#[test]
fn a_difference_names_each_line_that_came_and_went() {
    let (added, removed) = copy::lines_between("a\nb\nc\n", "a\nx\nc\nd\n");
    assert_eq!(added, ["x", "d"]);
    assert_eq!(removed, ["b"]);
    let same = copy::lines_between("a\n", "a\n");
    assert!(same.0.is_empty() && same.1.is_empty());
}
