//! Reading bundles: what is refused, with which place, and what a change counts as.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod world;

use std::collections::BTreeMap;

use portcullis_model::{Controls, Path};
use portcullis_policy::bundle::Cause;
use portcullis_policy::{Bundle, ChangeKind, Preset, change_kind, shipped};
use world::{appended, strict, with};

const FORBID: &str =
    "\n@id(\"freeze\")\nforbid (principal is Portcullis::Identity, action, resource);\n";

fn refused(changes: &[(&str, &str)]) -> String {
    with(changes)
        .expect_err("the bundle is refused")
        .to_string()
}

#[test]
fn both_presets_are_valid_and_differ_in_their_line_only() {
    let (strict, reversible) = (strict(), shipped(Preset::Reversible).unwrap());
    assert_ne!(strict.line_digest(), reversible.line_digest());
    let rest = |bundle: &Bundle| {
        let mut files = bundle.files().clone();
        files.retain(|file, _| !file.starts_with("line/"));
        files
    };
    assert_eq!(rest(&strict), rest(&reversible));
}

#[test]
fn a_file_that_no_folder_would_take_as_it_is_belongs_in_no_bundle() {
    let long = format!("guardrails/{}.cedar", "a".repeat(101));
    for name in [
        "guardrails/a\0.cedar",
        "guardrails/\u{1b}[2Ja.cedar",
        "guardrails/a\nb.cedar",
        "guardrails/a b.cedar",
        "guardrails/ä.cedar",
        &long,
    ] {
        let mut files = strict().files().clone();
        files.insert(name.to_owned(), FORBID.as_bytes().to_vec());
        let told = Bundle::from_files(files).unwrap_err().to_string();
        assert!(told.contains("no such file belongs"), "{name:?}: {told}");
    }
    let mut files = strict().files().clone();
    files.insert(
        "guardrails/Night-1.2_b.cedar".to_owned(),
        FORBID.as_bytes().to_vec(),
    );
    assert!(Bundle::from_files(files).is_ok());
}

#[test]
fn the_folder_of_policies_is_the_shipped_bundle() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&root).unwrap() {
        let entry = entry.unwrap().path();
        let inside = if entry.is_dir() {
            std::fs::read_dir(&entry)
                .unwrap()
                .map(|file| file.unwrap().path())
                .collect()
        } else {
            vec![entry]
        };
        for file in inside {
            let name = file
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            found.insert(name, std::fs::read(file).unwrap());
        }
    }
    assert_eq!(&found, strict().files());
}

#[test]
fn the_digest_follows_every_byte_and_the_line_digest_only_the_line() {
    let before = strict();
    let comment = appended("ordinary/read.cedar", "// agreed\n").unwrap();
    assert_ne!(before.digest(), comment.digest());
    assert_eq!(before.line_digest(), comment.line_digest());
    let line = appended("line/strict.cedar", "// agreed\n").unwrap();
    assert_ne!(before.line_digest(), line.line_digest());
    assert_eq!(before.digest(), strict().digest());
}

#[test]
fn renaming_a_file_changes_the_digest() {
    let text = String::from_utf8(world::files()["ordinary/vendors.cedar"].clone()).unwrap();
    let renamed = with(&[
        ("ordinary/vendors.cedar", ""),
        ("ordinary/others.cedar", &text),
    ])
    .unwrap();
    assert_ne!(renamed.digest(), strict().digest());
}

#[test]
fn bad_syntax_is_told_with_its_place() {
    let told = refused(&[(
        "ordinary/read.cedar",
        "// mine\npermit (principal,, action, resource);",
    )]);
    assert!(
        told.starts_with("ordinary/read.cedar:2:19: this is not Cedar:"),
        "{told}"
    );
}

#[test]
fn an_unknown_attribute_is_told_with_its_place_and_policy() {
    let policy = "@id(\"x\")\npermit (principal, action == Portcullis::Action::\"assign_entitlement\", resource)\nwhen { principal.rank > 3 };";
    let told = refused(&[("ordinary/read.cedar", policy)]);
    assert!(
        told.starts_with(
            "ordinary/read.cedar:3:8: policy ordinary/read.cedar#x does not fit the schema:"
        ),
        "{told}"
    );
    assert!(told.contains("rank"), "{told}");
}

#[test]
fn a_misspelt_action_and_a_wrong_type_are_refused() {
    let told = refused(&[(
        "privileged/more.cedar",
        "permit (principal, action == Portcullis::Action::\"open_sesion\", resource);",
    )]);
    assert!(
        told.contains("privileged/more.cedar:1:") && told.contains("open_session"),
        "{told}"
    );
    let told = refused(&[(
        "privileged/more.cedar",
        "permit (principal, action == Portcullis::Action::\"open_session\", resource)\nwhen { context.controls.mfa == 1 };",
    )]);
    assert!(told.contains("privileged/more.cedar:2:"), "{told}");
}

#[test]
fn every_missing_and_every_foreign_file_is_named() {
    let told = refused(&[
        ("schema.cedarschema", ""),
        ("privileged/flows.toml", ""),
        ("README.md", "hello"),
        ("ordinary/deep/er.cedar", "// no"),
        ("line/flows.toml", "# no"),
        ("../line/x.cedar", "// no"),
        ("line/.cedar", "// no"),
    ]);
    let places: Vec<&str> = told
        .lines()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    let expected = [
        "../line/x.cedar",
        "README.md",
        "line/.cedar",
        "line/flows.toml",
        "ordinary/deep/er.cedar",
        "privileged/flows.toml",
        "schema.cedarschema",
    ];
    assert_eq!(places, expected, "{told}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut files = world::files();
    files.insert("line/strict.cedar".to_owned(), vec![0xff, 0xfe]);
    let error = Bundle::from_files(files).unwrap_err();
    assert_eq!(error.problems()[0].cause, Cause::NotText);
}

#[test]
fn a_broken_or_unfitting_schema_is_refused() {
    let told = refused(&[(
        "schema.cedarschema",
        "namespace Portcullis {\n  entity Identity = \n}",
    )]);
    assert!(
        told.starts_with("schema.cedarschema:3:1: the schema is not valid:"),
        "{told}"
    );
    let text = String::from_utf8(world::files()["schema.cedarschema"].clone()).unwrap();
    let demanding = text.replace("has_owner: Bool,", "has_owner: Bool,\n    clearance: Long,");
    let told = refused(&[("schema.cedarschema", &demanding)]);
    assert!(
        told.contains("does not fit the facts") && told.contains("clearance"),
        "{told}"
    );
    let optional = text.replace(
        "has_owner: Bool,",
        "has_owner: Bool,\n    clearance?: Long,",
    );
    assert!(with(&[("schema.cedarschema", &optional)]).is_ok());
}

#[test]
fn a_guardrail_that_permits_is_refused_and_one_that_forbids_is_not() {
    let permit = FORBID.replace("forbid", "permit");
    let error = appended("guardrails/identities.cedar", &permit).unwrap_err();
    let problem = &error.problems()[0];
    assert!(
        matches!(problem.cause, Cause::PermitInGuardrails(_)),
        "{error}"
    );
    assert!(
        problem.place.at.is_some_and(|(line, _)| line > 20),
        "{error}"
    );
    assert!(appended("guardrails/identities.cedar", FORBID).is_ok());
}

#[test]
fn a_policy_that_is_never_asked_where_it_stands_is_refused() {
    let session = "permit (principal, action == Portcullis::Action::\"open_session\", resource);";
    let told = refused(&[("ordinary/more.cedar", session)]);
    assert!(
        told.contains("names no action that is asked in ordinary/: assign_entitlement"),
        "{told}"
    );
    let told = refused(&[("line/more.cedar", session)]);
    assert!(
        told.contains("asked in line/: take_ordinary_path"),
        "{told}"
    );
    assert!(with(&[("privileged/more.cedar", session)]).is_ok());
}

#[test]
fn templates_and_second_policies_of_one_name_are_refused() {
    let told = refused(&[(
        "ordinary/more.cedar",
        "permit (principal in ?principal, action, resource);",
    )]);
    assert!(
        told.contains("ordinary/more.cedar:1:1: templates are not used"),
        "{told}"
    );
    let twice = FORBID.repeat(2);
    let told = refused(&[("ordinary/more.cedar", &twice)]);
    assert!(
        told.contains("ordinary/more.cedar:5:1: a second policy has @id(\"freeze\")"),
        "{told}"
    );
}

#[test]
fn a_policy_that_can_never_apply_is_refused() {
    let told = refused(&[(
        "ordinary/more.cedar",
        "permit (principal, action == Portcullis::Action::\"assign_entitlement\", resource)\nwhen { false };",
    )]);
    assert!(told.contains("ordinary/more.cedar:"), "{told}");
}

#[test]
fn bad_flows_are_told_with_their_place() {
    let good = String::from_utf8(world::files()["ordinary/flows.toml"].clone()).unwrap();
    let told = |change: (&str, &str)| {
        let text = good.replacen(change.0, change.1, 1);
        assert_ne!(text, good);
        refused(&[("ordinary/flows.toml", &text)])
    };
    let unknown = told(("quorum = 1", "quorum = 1\nquroum = 2"));
    assert!(
        unknown.starts_with("ordinary/flows.toml:12:1: ") && unknown.contains("quroum"),
        "{unknown}"
    );
    let syntax = told(("level = 1", "level = "));
    assert!(syntax.starts_with("ordinary/flows.toml:6:"), "{syntax}");
    let nobody = told(("quorum = 1", "quorum = 0"));
    assert!(
        nobody.starts_with("ordinary/flows.toml:4:1: ") && nobody.contains("at least one"),
        "{nobody}"
    );
    assert!(told(("level = 3", "level = 2")).contains("no flow meets approval level 3"));
    assert!(told(("level = 3", "level = 4")).contains("above the highest"));
    assert!(
        told(("eligible = [\"resource_owners\"]", "eligible = []")).contains("nobody is eligible")
    );
    assert!(
        told((
            "eligible = [\"resource_owners\"]",
            "eligible = [\"friends\"]"
        ))
        .contains("friends")
    );
    assert!(told(("name = \"owner and second\"", "name = \"owner\"")).contains("a second flow"));
    let staged = told(("level = 1", "level = 0"));
    assert!(staged.contains("remove its stages"), "{staged}");
}

#[test]
fn every_level_a_policy_can_ask_for_has_one_flow_and_level_zero_asks_nobody() {
    let bundle = strict();
    for path in [Path::Ordinary, Path::Privileged] {
        let levels: Vec<u8> = bundle.flows(path).iter().map(|flow| flow.level).collect();
        assert_eq!(levels, [0, 1, 2, 3]);
        assert!(bundle.flow_for(path, 0).unwrap().stages.is_empty());
        assert!(
            bundle
                .flow_for(path, Controls::MOST_APPROVALS + 1)
                .is_none()
        );
    }
    assert_eq!(
        bundle.flow_for(Path::Privileged, 2).unwrap().stages.len(),
        2
    );
}

#[test]
fn a_flow_may_name_groups() {
    let text = String::from_utf8(world::files()["ordinary/flows.toml"].clone()).unwrap();
    let text = text.replacen("[\"resource_owners\"]", "[{ group = \"approvers\" }]", 1);
    assert!(with(&[("ordinary/flows.toml", &text)]).is_ok());
}

#[test]
fn adding_a_forbid_outside_the_line_is_the_one_narrow_change() {
    let old = strict();
    let kind = |new: &Bundle| change_kind(&old, new);
    assert_eq!(kind(&strict()), ChangeKind::Nothing);
    for file in [
        "guardrails/identities.cedar",
        "ordinary/read.cedar",
        "privileged/freeze.cedar",
    ] {
        assert_eq!(
            kind(&appended(file, FORBID).unwrap()),
            ChangeKind::AddsForbidOutsideLine,
            "{file}"
        );
    }
    let both = [("guardrails/a.cedar", FORBID), ("ordinary/a.cedar", FORBID)];
    assert_eq!(
        kind(&with(&both).unwrap()),
        ChangeKind::AddsForbidOutsideLine
    );
}

#[test]
fn every_other_change_counts_as_widening() {
    let old = strict();
    let kind = |new: Result<Bundle, _>| change_kind(&old, &new.unwrap());
    let line =
        "\nforbid (principal, action == Portcullis::Action::\"take_ordinary_path\", resource);";
    let permit = "@id(\"open-more\")\npermit (principal, action == Portcullis::Action::\"open_session\", resource);\n";
    let flows = String::from_utf8(world::files()["ordinary/flows.toml"].clone()).unwrap();
    let reader = String::from_utf8(world::files()["ordinary/read.cedar"].clone()).unwrap();
    let widening = vec![
        ("a forbid in the line", appended("line/strict.cedar", line)),
        ("a new line file", with(&[("line/more.cedar", line)])),
        ("an invariant", appended("invariants/paths.cedar", FORBID)),
        ("a permit", appended("privileged/sessions.cedar", permit)),
        (
            "a forbid and a permit",
            appended("privileged/sessions.cedar", &format!("{FORBID}{permit}")),
        ),
        (
            "a forbid removed",
            with(&[("guardrails/entitlements.cedar", "")]),
        ),
        (
            "a forbid removed, one added",
            with(&[
                ("guardrails/entitlements.cedar", ""),
                ("guardrails/a.cedar", FORBID),
            ]),
        ),
        ("a comment", appended("ordinary/read.cedar", "// hello\n")),
        (
            "an empty new file",
            with(&[("ordinary/more.cedar", "// hello\n")]),
        ),
        (
            "a forbid before others",
            with(&[("ordinary/read.cedar", &format!("{FORBID}{reader}"))]),
        ),
        (
            "flows",
            with(&[("ordinary/flows.toml", &format!("{flows}\n"))]),
        ),
        ("schema", appended("schema.cedarschema", "\n")),
        (
            "a condition loosened",
            with(&[("ordinary/read.cedar", &reader.replace(">= 1", ">= 0"))]),
        ),
    ];
    for (what, new) in widening {
        assert_eq!(kind(new), ChangeKind::Widening, "{what}");
    }
    let narrower = appended("guardrails/identities.cedar", FORBID).unwrap();
    assert_eq!(
        change_kind(&narrower, &old),
        ChangeKind::Widening,
        "the way back"
    );
}
