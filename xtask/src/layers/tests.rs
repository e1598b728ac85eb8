#![allow(clippy::unwrap_used, reason = "tests")]

use cargo_metadata::DependencyKind::{self, Build, Development, Normal};

use super::table::{Floor, ForbiddenCall, Impurity, Pattern, Placement, TABLE, Table};
use super::*;
use crate::workspace::{File, Import, Package};

const PLACES: &[Placement] = &[
    place("ground", Floor::Number(0), &["serde"], &[]),
    place("left", Floor::Number(1), &[], &["right"]),
    place("right", Floor::Number(1), &[], &[]),
    place("roof", Floor::Number(2), &[], &[]),
    place("yard", Floor::Outside, &[], &[]),
];

const SMALL: Table = Table {
    placements: PLACES,
    forbidden_calls: &[ForbiddenCall {
        pattern: Pattern::Path("left::open"),
        allowed_in: &["crates/left/", "crates/roof/src/secrets"],
        why: "because",
    }],
    impurities: &[
        Impurity {
            pattern: Pattern::Path("std::fs"),
            instead: "do not",
        },
        Impurity {
            pattern: Pattern::Path("async"),
            instead: "do not",
        },
        Impurity {
            pattern: Pattern::Method("spawn"),
            instead: "do not",
        },
    ],
    features_for_tests: &["traps"],
    longest_chain: 5,
    most_lines: 8,
    many_lines: 4,
};

const fn place(
    package: &'static str,
    floor: Floor,
    third_party: &'static [&'static str],
    test_siblings: &'static [&'static str],
) -> Placement {
    Placement {
        package,
        folder: package,
        floor,
        third_party,
        test_siblings,
    }
}

/// A workspace that keeps every rule of `SMALL`.
fn house() -> Workspace {
    let packages = PLACES
        .iter()
        .map(|place| Package {
            name: place.package.into(),
            folder: place.folder.into(),
            imports: vec![],
            switched_on: vec![],
        })
        .collect();
    Workspace {
        packages,
        ..Workspace::default()
    }
    .importing("ground", "serde", Normal, false)
    .importing("left", "ground", Normal, true)
    .importing("roof", "left", Normal, true)
    .importing("roof", "tokio", Normal, false)
    .importing("yard", "roof", Normal, true)
}

impl Workspace {
    fn importing(mut self, package: &str, name: &str, kind: DependencyKind, ours: bool) -> Self {
        let found = self
            .packages
            .iter_mut()
            .find(|found| found.name == package)
            .unwrap();
        found.imports.push(Import {
            name: name.into(),
            kind,
            ours,
        });
        self
    }

    fn with(mut self, path: &str, text: &str) -> Self {
        self.files.push(File {
            path: path.into(),
            text: text.into(),
        });
        self
    }
}

fn complaints(workspace: &Workspace) -> Vec<String> {
    check(workspace, &SMALL).complaints().to_vec()
}

/// Exactly one complaint, with all of `parts` in it.
fn assert_complains(workspace: &Workspace, parts: &[&str]) {
    let found = complaints(workspace);
    let named = |complaint: &String| parts.iter().all(|part| complaint.contains(part));
    assert!(
        found.len() == 1 && found.iter().all(named),
        "expected one complaint with {parts:?}, got {found:?}"
    );
}

fn assert_silent(workspace: &Workspace) {
    assert_eq!(complaints(workspace), Vec::<String>::new());
}

#[test]
fn a_house_in_order_is_left_alone() {
    assert_silent(&house());
}

#[test]
fn a_package_missing_from_the_table_is_refused() {
    let mut workspace = house();
    workspace.packages.push(Package {
        name: "shed".into(),
        folder: "shed".into(),
        imports: vec![],
        switched_on: vec![],
    });
    assert_complains(&workspace, &["shed", "has no floor"]);
}

#[test]
fn a_feature_for_tests_that_a_build_switches_on_is_refused() {
    let switching_on = |feature: &str| {
        let mut workspace = house();
        let roof = workspace.packages.iter_mut();
        for roof in roof.filter(|package| package.name == "roof") {
            roof.switched_on.push(feature.into());
        }
        workspace
    };
    assert_silent(&switching_on("speed"));
    assert_complains(&switching_on("traps"), &["roof", "traps"]);
}

#[test]
fn a_row_without_a_package_is_refused() {
    let mut workspace = house();
    workspace.packages.retain(|package| package.name != "right");
    assert_complains(&workspace, &["right", "not in the workspace"]);
}

#[test]
fn a_package_in_another_folder_than_the_table_says_is_refused() {
    let mut workspace = house();
    workspace
        .packages
        .iter_mut()
        .find(|package| package.name == "right")
        .unwrap()
        .folder = "attic".into();
    assert_complains(&workspace, &["right", "lies in attic"]);
}

#[test]
fn an_import_of_a_higher_floor_is_refused() {
    let workspace = house().importing("right", "roof", Normal, true);
    assert_complains(
        &workspace,
        &["right", "imports roof (floor 2)", "lower floors only"],
    );
}

#[test]
fn an_import_of_the_same_floor_is_refused() {
    let workspace = house().importing("right", "left", Normal, true);
    assert_complains(&workspace, &["right", "imports left", "one floor"]);
}

#[test]
fn a_build_script_may_not_import_upwards_either() {
    let workspace = house().importing("right", "roof", Build, true);
    assert_complains(&workspace, &["right", "imports roof"]);
}

#[test]
fn a_layer_broken_into_a_cycle_is_named_as_a_layer_broken() {
    let workspace = house().importing("left", "roof", Normal, true);
    assert_complains(&workspace, &["left", "imports roof (floor 2)"]);
}

#[test]
fn a_floor_that_imports_from_outside_the_floors_is_refused() {
    let workspace = house().importing("roof", "yard", Normal, true);
    assert_complains(&workspace, &["roof", "yard (outside the floors)"]);
}

#[test]
fn a_folder_of_ours_outside_the_workspace_is_refused() {
    let workspace = house().importing("roof", "stranger", Normal, true);
    assert_complains(&workspace, &["roof", "stranger", "has no floor"]);
}

#[test]
fn tests_may_import_lower_floors_themselves_and_listed_siblings() {
    let workspace = house()
        .importing("right", "ground", Development, true)
        .importing("right", "right", Development, true)
        .importing("left", "right", Development, true);
    assert_silent(&workspace);
}

#[test]
fn tests_may_not_import_a_sibling_that_is_not_listed() {
    let workspace = house().importing("right", "left", Development, true);
    assert_complains(
        &workspace,
        &["right", "for its tests left", "test_siblings"],
    );
}

#[test]
fn tests_may_not_import_a_higher_floor() {
    let workspace = house().importing("right", "roof", Development, true);
    assert_complains(&workspace, &["right", "for its tests roof"]);
}

#[test]
fn a_listed_sibling_is_for_tests_only() {
    let workspace = house().importing("left", "right", Normal, true);
    assert_complains(&workspace, &["left", "imports right", "one floor"]);
}

#[test]
fn a_pure_floor_may_import_only_what_its_list_names() {
    assert_complains(
        &house().importing("ground", "tokio", Normal, false),
        &["ground", "tokio", "allow-list"],
    );
    assert_complains(
        &house().importing("left", "cc", Build, false),
        &["left", "cc", "allow-list"],
    );
}

#[test]
fn tests_on_a_pure_floor_and_code_above_may_import_what_they_like() {
    let workspace = house()
        .importing("left", "proptest", Development, false)
        .importing("roof", "russh", Normal, false);
    assert_silent(&workspace);
}

#[test]
fn a_chain_longer_than_the_limit_is_shown_whole() {
    let short = Table {
        longest_chain: 2,
        ..SMALL
    };
    let found = check(&house(), &short).complaints().join("\n");
    assert!(
        found.contains("roof > left > ground") && found.contains("3 folders long"),
        "{found}"
    );
}

#[test]
fn a_long_file_is_refused_and_a_longish_one_is_listed() {
    assert_complains(
        &house().with("roof/src/a.rs", &"\n".repeat(9)),
        &["roof/src/a.rs", "9 lines"],
    );
    let report = check(&house().with("roof/src/a.rs", &"\n".repeat(8)), &SMALL);
    assert!(
        report.is_clean()
            && report
                .notes()
                .iter()
                .any(|note| note.contains("roof/src/a.rs: 8 lines"))
    );
}

#[test]
fn a_pure_floor_may_not_touch_what_is_impure() {
    assert_complains(
        &house().with("left/src/lib.rs", "\nuse std::{io, fs::File};"),
        &["left/src/lib.rs:2", "std::fs"],
    );
    assert_complains(
        &house().with("left/src/lib.rs", "async fn a() {}"),
        &["left/src/lib.rs:1", "async"],
    );
    assert_complains(
        &house().with("ground/src/a/b.rs", "fn a() { pool.spawn(b) }"),
        &["ground/src/a/b.rs:1", ".spawn("],
    );
}

#[test]
fn words_in_comments_strings_and_tests_are_no_impurity() {
    let text = "// std::fs\nconst A: &str = \"std::fs\";\n#[cfg(test)] mod tests { use std::fs; }";
    assert_silent(
        &house()
            .with("left/src/lib.rs", text)
            .with("left/tests/a.rs", "use std::fs;"),
    );
}

#[test]
fn a_test_module_in_its_own_file_is_test_code_only_if_declared_so() {
    let tests = "use std::fs;";
    let declared = house()
        .with("left/src/lib.rs", "#[cfg(test)] mod tests;")
        .with("left/src/tests.rs", tests);
    assert_silent(&declared);
    let undeclared = house()
        .with("left/src/lib.rs", "mod tests;")
        .with("left/src/tests.rs", tests);
    assert_complains(&undeclared, &["left/src/tests.rs:1", "std::fs"]);
}

#[test]
fn a_higher_floor_may_touch_what_a_pure_one_may_not() {
    assert_silent(&house().with("roof/src/lib.rs", "use std::fs; async fn a() {}"));
}

#[test]
fn a_call_from_elsewhere_than_its_one_place_is_refused() {
    let call = "fn a() { left::open(b) }";
    assert_complains(
        &house().with("crates/roof/src/other.rs", call),
        &["crates/roof/src/other.rs:1", "left::open"],
    );
    assert_silent(
        &house()
            .with("crates/roof/src/secrets/release.rs", call)
            .with("crates/left/src/lib.rs", call),
    );
}

#[test]
fn an_imported_name_is_as_forbidden_as_the_call() {
    let imported = "use left::{open, seal};";
    assert_complains(
        &house().with("yard/src/a.rs", imported),
        &["yard/src/a.rs:1", "left::open"],
    );
}

#[test]
fn a_module_that_lies_elsewhere_is_refused() {
    assert_complains(
        &house().with("roof/src/a.rs", "#[path = \"../b.rs\"] mod b;"),
        &["roof/src/a.rs:1", "#[path]"],
    );
    let conditional = "#[cfg_attr(unix, path = \"b.rs\")] mod b;";
    assert_complains(
        &house().with("roof/src/a.rs", conditional),
        &["roof/src/a.rs:1", "#[path]"],
    );
    assert_silent(&house().with(
        "roof/src/a.rs",
        "#[utoipa::path(get, path = \"/x\")] fn b() {}",
    ));
}

#[test]
fn sources_are_not_included_and_other_packages_files_neither() {
    assert_complains(
        &house().with("roof/src/a.rs", "include!(\"b.rs\");"),
        &["roof/src/a.rs:1", "include!"],
    );
    let foreign = "const A: &str = include_str!(\"../../left/src/b.txt\");";
    assert_complains(
        &house().with("roof/src/a.rs", foreign),
        &["roof/src/a.rs:1", "a file of left"],
    );
}

#[test]
fn own_files_and_files_beside_the_packages_may_be_included() {
    let own = "const A: &str = include_str!(\"b.txt\"); const B: &[u8] = include_bytes!(\"../../policies/line.cedar\");";
    let built = "include!(concat!(env!(\"OUT_DIR\"), \"/b.rs\"));";
    assert_silent(
        &house()
            .with("roof/src/a.rs", own)
            .with("roof/src/c.rs", built),
    );
}

#[test]
fn the_real_table_names_each_package_once_and_its_chain_is_as_deep_as_its_floors() {
    for (at, placement) in TABLE.placements.iter().enumerate() {
        let twice = TABLE
            .placements
            .iter()
            .skip(at + 1)
            .any(|other| other.package == placement.package);
        assert!(!twice, "{} is in the table twice", placement.package);
    }
    assert_eq!(TABLE.longest_chain, 6);
}

#[test]
fn the_real_table_keeps_the_vault_shut() {
    let text = "fn a() { keyring.open_sealed(b) }";
    for (path, refused) in [
        ("crates/engine/src/grants.rs", true),
        ("crates/store/src/sealer/age.rs", true),
        ("benches/src/lib.rs", true),
        ("crates/engine/src/secrets_of_others.rs", true),
        ("crates/engine/src/secrets.rs", true),
        ("crates/engine/src/secrets/release.rs", false),
    ] {
        let packages = TABLE.placements.iter().map(|place| Package {
            name: place.package.into(),
            folder: place.folder.into(),
            imports: vec![],
            switched_on: vec![],
        });
        let workspace = Workspace {
            packages: packages.collect(),
            ..Workspace::default()
        }
        .with(path, text);
        let found = check(&workspace, &TABLE);
        let named = found
            .complaints()
            .iter()
            .any(|complaint| complaint.starts_with(path));
        assert_eq!(named, refused, "{path}: {:?}", found.complaints());
    }
}
