use super::table::TABLE;
use super::*;
use crate::workspace::{File, Package};

fn tree(files: &[(&str, &str)]) -> Workspace {
    let files = files
        .iter()
        .map(|(path, text)| File {
            path: (*path).into(),
            text: (*text).into(),
        })
        .collect();
    Workspace {
        files,
        ..Workspace::default()
    }
}

/// Exactly one complaint, with all of `parts` in it.
fn assert_complains(files: &[(&str, &str)], parts: &[&str]) {
    let report = check(&tree(files), &TABLE);
    let named = |complaint: &String| parts.iter().all(|part| complaint.contains(part));
    let found = report.complaints();
    assert!(
        found.len() == 1 && found.iter().all(named),
        "expected one complaint with {parts:?}, got {found:?}"
    );
}

fn assert_silent(files: &[(&str, &str)]) {
    assert_eq!(
        check(&tree(files), &TABLE).complaints(),
        Vec::<String>::new()
    );
}

#[test]
fn blanks_at_the_end_tabs_and_missing_line_feeds_are_refused_in_pages_and_settings() {
    assert_complains(&[("a.md", "a\nb \n")], &["a.md:2", "blank"]);
    assert_complains(&[("a.toml", "a\tb\n")], &["a.toml:1", "tab"]);
    assert_complains(&[("a.md", "a")], &["a.md", "line feed"]);
    assert_silent(&[("a.md", "a\n"), ("Makefile", "a:\n\tb\n")]);
}

#[test]
fn a_package_without_the_shared_lints_is_refused() {
    let mut bare = tree(&[
        ("a/Cargo.toml", "[package]\n[lints]\n\nworkspace = true\n"),
        ("b/Cargo.toml", "[lints]\n"),
    ]);
    for folder in ["a", "b"] {
        bare.packages.push(Package {
            name: folder.into(),
            folder: folder.into(),
            imports: vec![],
            switched_on: vec![],
        });
    }
    let report = check(&bare, &TABLE);
    assert_eq!(report.complaints().len(), 1);
    assert!(
        report
            .complaints()
            .iter()
            .all(|complaint| complaint.starts_with("b/Cargo.toml"))
    );
}

#[test]
fn names_that_say_nothing_are_refused() {
    assert_complains(&[("crates/a/src/utils.rs", "")], &["utils"]);
    assert_complains(&[("crates/a/tests/common/mod.rs", "")], &["common"]);
    assert_silent(&[("crates/a/src/commons.rs", "")]);
}

#[test]
fn words_from_the_table_are_refused_and_longer_words_are_not() {
    assert_complains(&[("a.rs", "// TODO: later\n")], &["a.rs:1", "TODO"]);
    assert_complains(&[("a.md", "as in a real system\n")], &["in a real system"]);
    assert_silent(&[
        ("a.rs", "const TODOS: u8 = 1; // mktemp XXXXXX\n"),
        ("STYLE.md", "No TODO.\n"),
    ]);
}

#[test]
fn a_test_that_sleeps_is_refused_wherever_it_stands() {
    let call = "fn a() { sleep(b); }";
    assert_complains(
        &[("a/src/lib.rs", &format!("#[cfg(test)] mod t {{ {call} }}"))],
        &["a/src/lib.rs:1", "sleeps"],
    );
    assert_complains(&[("tests/a.rs", call)], &["tests/a.rs:1", "sleeps"]);
    assert_silent(&[
        ("a/src/lib.rs", call),
        ("tests/a.rs", "fn a() { run(\"sleep(1)\"); } // sleep(1)"),
    ]);
}

#[test]
fn decisions_have_four_digits_a_title_and_no_gap() {
    assert_silent(&[
        ("docs/decisions/0001-a.md", ""),
        ("docs/decisions/0002-b-c.md", ""),
    ]);
    assert_complains(
        &[("docs/decisions/1-a.md", "")],
        &["docs/decisions/1-a.md", "NNNN-title.md"],
    );
    let gap = [
        ("docs/decisions/0001-a.md", ""),
        ("docs/decisions/0003-b.md", ""),
    ];
    assert_complains(&gap, &["0003-b.md", "decision 0002"]);
    let twice = [
        ("docs/decisions/0001-a.md", ""),
        ("docs/decisions/0001-b.md", ""),
    ];
    assert_complains(&twice, &["0001-b.md", "decision 0002"]);
}

#[test]
fn a_link_that_leads_nowhere_is_refused() {
    assert_complains(
        &[("docs/a.md", "see [b](b.md)\n")],
        &["docs/a.md:1", "b.md"],
    );
    assert_silent(&[
        ("docs/a.md", "[b](b.md#x) [c](https://c) [d](#d)\n"),
        ("docs/b.md", ""),
    ]);
    assert_silent(&[("docs/x/a.md", "[b](../b.md)\n"), ("docs/b.md", "")]);
    assert_silent(&[("a.md", "[docs](docs/)\n"), ("docs/b.md", "")]);
}

#[test]
fn a_threat_may_not_name_a_test_that_does_not_exist() {
    let table = "| class | answer | test |\n|---|---|---|\n| a | b | `opens_twice` |\n";
    assert_complains(&[("THREATS.md", table)], &["THREATS.md:3", "opens_twice"]);
    assert_silent(&[("THREATS.md", table), ("tests/a.rs", "fn opens_twice() {}")]);
}

#[test]
fn threats_without_a_test_are_counted_unless_planned() {
    let table = "| class | answer | test |\n|---|---|---|\n| a | b | |\n| c | d | planned |\n";
    let report = check(&tree(&[("THREATS.md", table)]), &TABLE);
    assert!(report.is_clean());
    assert_eq!(report.notes(), ["THREATS.md: 1 rows name no test"]);
}
