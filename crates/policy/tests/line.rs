//! The line: total, blind to everything but impact and two facts, and published.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod world;

use std::sync::LazyLock;

use portcullis_model::{Action, Disclosure, Environment, Impact, Path, Scope, Sensitivity};
use portcullis_policy::{Bundle, DrawnBy, LineQuery, PolicyAction, Preset, shipped};
use proptest::prelude::*;
use world::{World, appended, read, strict, with};

fn path(bundle: &Bundle, impact: &Impact) -> Path {
    bundle.line(&LineQuery::impact_alone(impact))
}

#[test]
fn reading_internal_data_is_ordinary_and_each_worse_respect_alone_is_privileged() {
    let bundle = strict();
    assert_eq!(path(&bundle, &read()), Path::Ordinary);
    assert_eq!(path(&bundle, &Impact::nothing()), Path::Ordinary);
    let worse = [
        Impact {
            changes_state: true,
            ..read()
        },
        Impact {
            discloses: Disclosure::Sensitive,
            ..read()
        },
        Impact {
            discloses: Disclosure::Secret,
            ..read()
        },
        Impact {
            alters_security: true,
            ..read()
        },
        Impact {
            degrades_service: true,
            ..read()
        },
        Impact {
            scope: Scope::Estate,
            ..read()
        },
        Impact::worst(),
    ];
    for impact in worse {
        assert_eq!(path(&bundle, &impact), Path::Privileged, "{impact:?}");
    }
}

#[test]
fn what_runs_through_a_broker_or_shows_a_labelled_resource_is_privileged() {
    let bundle = strict();
    let impact = read();
    let ordinary = LineQuery::impact_alone(&impact);
    assert_eq!(bundle.line(&ordinary), Path::Ordinary);
    assert_eq!(
        bundle.line(&LineQuery {
            brokered: true,
            ..ordinary
        }),
        Path::Privileged
    );
    for sensitivity in [Sensitivity::Sensitive, Sensitivity::Secret] {
        assert_eq!(
            bundle.line(&LineQuery {
                sensitivity,
                ..ordinary
            }),
            Path::Privileged
        );
    }
}

#[test]
fn what_is_privileged_for_what_the_resource_is_says_so_and_what_is_for_its_own_sake_does_not() {
    let bundle = strict();
    let (looks, nothing) = (read(), Impact::nothing());
    let here = LineQuery::impact_alone(&looks);
    let secret = LineQuery {
        sensitivity: Sensitivity::Secret,
        ..here
    };
    let held = Some(DrawnBy::Sensitivity(Sensitivity::Secret));
    assert_eq!(bundle.drawn_by(&secret, &looks), held);
    assert_eq!(bundle.drawn_by(&here, &looks), None);
    // What it shows is worse here than where nothing worse is held.
    let worse = Impact {
        discloses: Disclosure::Secret,
        ..read()
    };
    let shows = LineQuery {
        impact: &worse,
        ..secret
    };
    assert_eq!(bundle.drawn_by(&shows, &looks), held);
    assert_eq!(bundle.drawn_by(&shows, &worse), None);
    let opens = LineQuery {
        brokered: true,
        ..LineQuery::impact_alone(&nothing)
    };
    assert_eq!(bundle.drawn_by(&opens, &nothing), None);
}

#[test]
fn the_preset_reversible_moves_small_undoable_changes_outside_production_only() {
    let bundle = shipped(Preset::Reversible).unwrap();
    let write = Impact {
        changes_state: true,
        scope: Scope::Object,
        ..read()
    };
    let at = |environment, impact| {
        bundle.line(&LineQuery {
            environment,
            ..LineQuery::impact_alone(impact)
        })
    };
    assert_eq!(at(Environment::Staging, &write), Path::Ordinary);
    assert_eq!(at(Environment::Production, &write), Path::Privileged);
    let lasting = Impact {
        reversible: false,
        ..write.clone()
    };
    assert_eq!(at(Environment::Staging, &lasting), Path::Privileged);
    let wide = Impact {
        scope: Scope::Resource,
        ..write
    };
    assert_eq!(at(Environment::Staging, &wide), Path::Privileged);
}

#[test]
fn a_line_that_fails_or_is_empty_makes_everything_privileged() {
    // 2 times the largest number does not exist, so this policy fails whenever the scope is at least an object.
    let failing = "\nforbid (principal, action == Portcullis::Action::\"take_ordinary_path\", resource)\nwhen { context.impact.scope_level * 9223372036854775807 < 0 };";
    let bundle = appended("line/strict.cedar", failing).unwrap();
    assert_eq!(path(&bundle, &read()), Path::Privileged);
    assert_eq!(path(&bundle, &Impact::nothing()), Path::Ordinary);
    let bundle = with(&[("line/strict.cedar", "")]).unwrap();
    assert_eq!(path(&bundle, &Impact::nothing()), Path::Privileged);
}

#[test]
fn a_forbid_in_the_line_beats_its_permits() {
    let forbid = "\nforbid (principal, action == Portcullis::Action::\"take_ordinary_path\", resource)\nwhen { resource.environment == \"production\" };";
    let bundle = appended("line/strict.cedar", forbid).unwrap();
    assert_eq!(path(&bundle, &read()), Path::Privileged);
}

#[test]
fn the_published_truth_table_is_the_one_of_the_shipped_line() {
    let page = format!(
        "# The line\n\nWhich path an action takes, by what it can do and by two facts about the resource. Nothing else is asked:\n\
         not who asks, for how long, under which name. Made from `policies/line/` by asking it about every\n\
         combination, and joining rows that do not differ; a test fails when this page is older than the line.\n\n\
         ## Preset `strict`\n\n{}\n## Preset `reversible`\n\n{}",
        strict().truth_table(),
        shipped(Preset::Reversible).unwrap().truth_table()
    );
    let published = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/the-line.md");
    let fresh = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("the-line.md");
    std::fs::write(&fresh, &page).unwrap();
    let found = std::fs::read_to_string(&published).unwrap_or_default();
    assert!(
        found == page,
        "docs/the-line.md is stale: read {} and copy it there",
        fresh.display()
    );
}

fn impacts() -> impl Strategy<Value = Impact> {
    let bits = proptest::array::uniform4(any::<bool>());
    (bits, 0_usize..4, 0_usize..5).prop_map(|(bits, discloses, scope)| {
        let [changes_state, alters_security, degrades_service, reversible] = bits;
        let disclosures = [
            Disclosure::None,
            Disclosure::Internal,
            Disclosure::Sensitive,
            Disclosure::Secret,
        ];
        let scopes = [
            Scope::None,
            Scope::Record,
            Scope::Object,
            Scope::Resource,
            Scope::Estate,
        ];
        Impact {
            changes_state,
            alters_security,
            degrades_service,
            reversible,
            discloses: disclosures
                .get(discloses)
                .copied()
                .unwrap_or(Disclosure::Secret),
            scope: scopes.get(scope).copied().unwrap_or(Scope::Estate),
            ..Impact::worst()
        }
    })
}

static STRICT: LazyLock<Bundle> = LazyLock::new(strict);

proptest! {
    #[test]
    fn an_impact_that_is_worse_is_never_on_the_milder_path(one in impacts(), other in impacts()) {
        let bundle = &*STRICT;
        let both = one.join(&other);
        if path(bundle, &both) == Path::Ordinary {
            prop_assert_eq!(path(bundle, &one), Path::Ordinary);
            prop_assert_eq!(path(bundle, &other), Path::Ordinary);
        }
    }

    #[test]
    fn a_relabelled_request_stays_on_its_path(impact in impacts(), label in "[a-z ]{0,12}", who in "[a-z]{1,8}") {
        let bundle = &*STRICT;
        let mut world = World::new();
        world.impact = impact;
        let before = bundle.path_of(PolicyAction::AssignEntitlement, &world.query());
        world.action = Action::named("read only").with("duration", "1m").with("ticket", label.clone());
        world.analytics.name = label;
        world.alice.name = who;
        world.alice.roles = [portcullis_model::OwnerRole::Iam].into();
        let after = bundle.path_of(PolicyAction::AssignEntitlement, &world.query());
        prop_assert_eq!(before, after);
    }
}
