//! Tables in accept and reject pairs, and the property that one more right never makes less of an impact.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use portcullis_model::{Amount, Disclosure, Scope};
use proptest::prelude::*;

use super::*;

fn right(word: &str, kind: Kind, name: &str) -> Right {
    Right {
        word: word.to_owned(),
        grantable: false,
        on: Object {
            kind,
            name: name.to_owned(),
        },
        via: Vec::new(),
    }
}

fn of(rights: impl IntoIterator<Item = Right>, sensitivity: Sensitivity) -> Classified {
    classify(&Facts::Read {
        rights: rights.into_iter().collect(),
        sensitivity,
    })
}

fn alone(word: &str, kind: Kind, name: &str) -> Impact {
    of([right(word, kind, name)], Sensitivity::Internal).impact
}

fn orders(word: &str) -> Right {
    right(word, Kind::Table, "public.orders")
}

#[test]
fn reading_an_internal_table_discloses_without_changing_and_can_be_lived_with() {
    let read = of([orders("SELECT")], Sensitivity::Internal);
    assert_eq!(
        read.impact,
        Impact {
            discloses: Disclosure::Internal,
            amount: Amount::Unbounded,
            scope: Scope::Object,
            ..Impact::nothing()
        }
    );
    assert_eq!(
        read.reason,
        "SELECT on table public.orders: reads internal data"
    );
}

#[test]
fn reading_what_is_labelled_cannot_be_undone() {
    for (label, shown) in [
        (Sensitivity::Sensitive, Disclosure::Sensitive),
        (Sensitivity::Secret, Disclosure::Secret),
    ] {
        let impact = of([orders("SELECT")], label).impact;
        assert_eq!((impact.discloses, impact.reversible), (shown, false));
    }
}

#[test]
fn a_role_called_read_that_may_insert_changes_state_and_the_reason_names_insert() {
    let mut insert = orders("INSERT");
    insert.via = vec!["analytics_read".to_owned(), "loader".to_owned()];
    let both = of([orders("SELECT"), insert], Sensitivity::Internal);
    assert!(both.impact.changes_state && !both.impact.reversible);
    assert_eq!(
        both.reason,
        "INSERT on table public.orders through analytics_read, loader: adds rows (and 1 more of its rights)"
    );
}

#[test]
fn every_word_that_writes_changes_state_and_reading_does_not() {
    for word in [
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
        "MAINTAIN",
        "OWNER",
    ] {
        assert!(alone(word, Kind::Table, "t").changes_state, "{word}");
        assert!(alone(word, Kind::Column, "t.c").changes_state, "{word}");
    }
    for (word, kind) in [
        ("USAGE", Kind::Sequence),
        ("UPDATE", Kind::Sequence),
        ("UPDATE", Kind::LargeObject),
        ("CREATE", Kind::Schema),
        ("CREATE", Kind::Database),
        ("CREATE", Kind::Tablespace),
        ("OWNER", Kind::Schema),
    ] {
        assert!(
            alone(word, kind.clone(), "x").changes_state,
            "{word} {kind:?}"
        );
    }
    for (word, kind) in [
        ("SELECT", Kind::Table),
        ("SELECT", Kind::Column),
        ("SELECT", Kind::Sequence),
        ("SELECT", Kind::LargeObject),
    ] {
        assert!(!alone(word, kind.clone(), "x").changes_state, "{kind:?}");
    }
}

#[test]
fn what_every_account_needs_to_log_in_and_look_up_names_is_nothing() {
    for (word, kind) in [
        ("CONNECT", Kind::Database),
        ("TEMPORARY", Kind::Database),
        ("USAGE", Kind::Schema),
        ("USAGE", Kind::Type),
        ("USAGE", Kind::TrustedLanguage),
        ("EXECUTE", Kind::Function(Runs::AsCaller)),
        ("MEMBER", Kind::Role),
    ] {
        assert_eq!(
            alone(word, kind.clone(), "x"),
            Impact::nothing(),
            "{kind:?}"
        );
    }
}

#[test]
fn whatever_can_change_rights_alters_security() {
    for word in ["SUPERUSER", "CREATEROLE", "ADMIN OPTION", "BYPASSRLS"] {
        assert!(alone(word, Kind::Role, "r").alters_security, "{word}");
    }
    for word in ["OWNER", "TRIGGER"] {
        assert!(alone(word, Kind::Table, "t").alters_security, "{word}");
    }
    assert!(alone("UPDATE", Kind::SystemCatalog, "pg_catalog.pg_class").alters_security);
    assert!(!alone("UPDATE", Kind::Table, "t").alters_security);
    assert!(!alone("CREATEDB", Kind::Role, "r").alters_security);
}

#[test]
fn a_right_that_may_be_passed_on_alters_security_and_the_same_right_kept_does_not() {
    let mut passed_on = orders("SELECT");
    passed_on.grantable = true;
    let classified = of([passed_on], Sensitivity::Internal);
    assert!(classified.impact.alters_security);
    assert!(classified.reason.starts_with("SELECT WITH GRANT OPTION on"));
    assert!(
        !of([orders("SELECT")], Sensitivity::Internal)
            .impact
            .alters_security
    );
}

#[test]
fn catalogs_and_roles_that_lead_to_secrets_disclose_secrets() {
    for (word, kind, name) in [
        ("SELECT", Kind::SystemCatalog, "pg_catalog.pg_authid"),
        ("SELECT", Kind::SystemCatalog, "pg_catalog.pg_shadow"),
        ("MEMBER", Kind::Role, "pg_read_server_files"),
        ("MEMBER", Kind::Role, "pg_read_all_data"),
        ("MEMBER", Kind::Role, "pg_monitor"),
        ("REPLICATION", Kind::Role, "r"),
    ] {
        let impact = alone(word, kind, name);
        assert_eq!(impact.discloses, Disclosure::Secret, "{name}");
        assert!(!impact.reversible, "{name}");
    }
}

#[test]
fn predefined_roles_are_worth_what_the_manual_says_and_unlisted_ones_are_worst() {
    assert!(alone("MEMBER", Kind::Role, "pg_write_all_data").changes_state);
    assert!(!alone("MEMBER", Kind::Role, "pg_write_all_data").alters_security);
    let signal = alone("MEMBER", Kind::Role, "pg_signal_backend");
    assert!(signal.degrades_service && !signal.changes_state);
    for role in [
        "pg_execute_server_program",
        "pg_write_server_files",
        "pg_create_subscription",
        "pg_invented_next_year",
    ] {
        assert_eq!(alone("MEMBER", Kind::Role, role), Impact::worst(), "{role}");
    }
    assert_eq!(alone("MEMBER", Kind::Role, "analysts"), Impact::nothing());
}

#[test]
fn functions_that_run_with_more_than_the_callers_rights_are_worst() {
    for runs in [
        Runs::AsOwner("boss".to_owned()),
        Runs::AsServer("c".to_owned()),
        Runs::Extension("dblink".to_owned()),
        Runs::BuiltIn,
    ] {
        let kind = Kind::Function(runs.clone());
        assert_eq!(alone("EXECUTE", kind, "f()"), Impact::worst(), "{runs:?}");
    }
    for runs in [Runs::AsCaller, Runs::Extension("pgcrypto".to_owned())] {
        let kind = Kind::Function(runs.clone());
        assert_eq!(alone("EXECUTE", kind, "f()"), Impact::nothing(), "{runs:?}");
    }
}

#[test]
fn what_reaches_beyond_the_database_or_was_not_read_is_worst() {
    for (word, kind) in [
        ("SELECT", Kind::ForeignTable),
        ("USAGE", Kind::ForeignServer),
        ("USAGE", Kind::ForeignDataWrapper),
        ("SET", Kind::Parameter),
        ("RIGHTS", Kind::Elsewhere),
        ("OWNER", Kind::Elsewhere),
    ] {
        assert_eq!(alone(word, kind.clone(), "x"), Impact::worst(), "{kind:?}");
    }
}

#[test]
fn words_and_kinds_nobody_listed_are_worst_and_named() {
    for kind in kinds() {
        assert_eq!(
            alone("FROBNICATE", kind.clone(), "x"),
            Impact::worst(),
            "{kind:?}"
        );
    }
    let select = right("SELECT", Kind::Other("publication".to_owned()), "p");
    let classified = of([select], Sensitivity::Internal);
    assert_eq!(classified.impact, Impact::worst());
    assert!(classified.reason.contains("SELECT on publication p"));
}

#[test]
fn what_cannot_be_read_is_worst_and_says_why() {
    let unreadable = classify(&Facts::Unreadable("permission denied".to_owned()));
    assert_eq!(unreadable.impact, Impact::worst());
    assert!(unreadable.reason.ends_with("permission denied"));
}

#[test]
fn an_entitlement_without_rights_does_nothing_and_says_so() {
    let empty = of([], Sensitivity::Secret);
    assert_eq!(empty.impact, Impact::nothing());
    assert_eq!(empty.reason, "it holds no right at all");
}

#[test]
fn the_reason_names_the_gravest_right_whatever_their_order() {
    let rights = [
        orders("SELECT"),
        right("SUPERUSER", Kind::Role, "zzz"),
        orders("UPDATE"),
    ];
    let reason = of(rights, Sensitivity::Internal).reason;
    assert!(reason.starts_with("SUPERUSER on role zzz"), "{reason}");
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind::Role,
        Kind::Database,
        Kind::Schema,
        Kind::Table,
        Kind::Column,
        Kind::SystemCatalog,
        Kind::ForeignTable,
        Kind::Sequence,
        Kind::Function(Runs::AsCaller),
        Kind::Function(Runs::AsOwner("o".to_owned())),
        Kind::LargeObject,
        Kind::Type,
        Kind::TrustedLanguage,
        Kind::ForeignDataWrapper,
        Kind::ForeignServer,
        Kind::Tablespace,
        Kind::Parameter,
        Kind::Elsewhere,
        Kind::Other("operator".to_owned()),
    ]
}

const WORDS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "USAGE",
    "EXECUTE",
    "CREATE",
    "CONNECT",
    "OWNER",
    "MEMBER",
    "SUPERUSER",
    "CREATEDB",
    "ADMIN OPTION",
    "FROBNICATE",
];

const NAMES: &[&str] = &["orders", "pg_monitor", "pg_new", "pg_catalog.pg_authid"];

fn any_right() -> impl Strategy<Value = Right> {
    (
        proptest::sample::select(WORDS),
        proptest::sample::select(kinds()),
        proptest::sample::select(NAMES),
        any::<bool>(),
        proptest::collection::vec("[a-z]{1,3}", 0..3),
    )
        .prop_map(|(word, kind, name, grantable, via)| Right {
            grantable,
            via,
            ..right(word, kind, name)
        })
}

fn any_sensitivity() -> impl Strategy<Value = Sensitivity> {
    proptest::sample::select(vec![
        Sensitivity::Internal,
        Sensitivity::Sensitive,
        Sensitivity::Secret,
    ])
}

proptest! {
    #[test]
    fn one_more_right_never_makes_an_impact_smaller(
        rights in proptest::collection::btree_set(any_right(), 0..6),
        more in any_right(),
        sensitivity in any_sensitivity(),
    ) {
        let before = of(rights.clone(), sensitivity).impact;
        let after = of(rights.into_iter().chain([more]), sensitivity).impact;
        prop_assert!(before.is_within(&after), "{before:?} is not within {after:?}");
    }

    #[test]
    fn the_option_to_pass_a_right_on_never_makes_it_smaller(
        right in any_right(),
        sensitivity in any_sensitivity(),
    ) {
        let kept = of([Right { grantable: false, ..right.clone() }], sensitivity).impact;
        let passed_on = of([Right { grantable: true, ..right }], sensitivity).impact;
        prop_assert!(kept.is_within(&passed_on) && passed_on.alters_security);
    }

    #[test]
    fn owning_an_object_is_at_least_as_bad_as_every_listed_word_on_it(
        kind in proptest::sample::select(kinds()),
        word in proptest::sample::select(WORDS),
        sensitivity in any_sensitivity(),
    ) {
        prop_assume!(!matches!(kind, Kind::Role));
        let granted = of([right(word, kind.clone(), "x")], sensitivity).impact;
        let owned = of([right("OWNER", kind, "x")], sensitivity).impact;
        prop_assert!(granted == Impact::worst() || granted.is_within(&owned));
    }

    #[test]
    fn a_more_sensitive_resource_is_never_worth_less(right in any_right()) {
        let internal = of([right.clone()], Sensitivity::Internal).impact;
        let sensitive = of([right.clone()], Sensitivity::Sensitive).impact;
        let secret = of([right], Sensitivity::Secret).impact;
        prop_assert!(internal.is_within(&sensitive) && sensitive.is_within(&secret));
    }
}
