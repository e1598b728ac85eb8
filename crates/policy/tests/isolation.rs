//! Properties over generated policies and questions: the paths do not touch, the profile is minimal.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod world;

use portcullis_model::{Controls, Disclosure, IdentityKind, Impact, OwnerRole, Path, Sensitivity};
use portcullis_policy::{
    AssignEntitlement, Bundle, Decision, LineQuery, OpenSession, Ordinary, PolicyAction, Privileged,
};
use proptest::prelude::*;
use world::{World, files, group, id};

const PRIVILEGED: [&str; 5] = [
    "open_session",
    "release_secret",
    "watch_session",
    "replay_tape",
    "administer",
];

fn condition() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..=3_u8).prop_map(|level| format!("context.controls.approvals >= {level}")),
        (0..=3_u8).prop_map(|level| format!("context.controls.approvals == {level}")),
        (0..=3_u8).prop_map(|level| format!("context.impact.discloses_level <= {level}")),
        Just("context.controls.mfa".to_owned()),
        Just("!context.controls.brokered".to_owned()),
        Just("context.controls.recording || context.controls.mfa".to_owned()),
        Just("context.impact.reversible".to_owned()),
        Just("principal in Portcullis::Group::\"dba\"".to_owned()),
        Just("principal.kind == \"human\"".to_owned()),
        Just("principal.roles.contains(\"pam\")".to_owned()),
        Just("context.now.seconds * 9223372036854775807 > 0".to_owned()),
    ]
}

/// Some policies for these actions, permits and forbids, some of which fail.
fn policies(actions: &'static [&'static str]) -> impl Strategy<Value = String> {
    let policy = (
        any::<bool>(),
        proptest::sample::select(actions),
        condition(),
        any::<bool>(),
    );
    proptest::collection::vec(policy, 0..5).prop_map(|list| {
        let texts: Vec<String> = list
            .into_iter()
            .map(|(permit, action, condition, when)| {
                let effect = if permit { "permit" } else { "forbid" };
                let word = if when { "when" } else { "unless" };
                format!("{effect} (principal, action == Portcullis::Action::\"{action}\", resource)\n{word} {{ {condition} }};\n")
            })
            .collect();
        texts.concat()
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let people = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let impact = (any::<bool>(), any::<bool>(), 0..4_u8, any::<bool>());
    (people, impact, 0..32_usize, any::<bool>()).prop_map(|(people, impact, met, labelled)| {
        let mut world = World::new();
        let (pam, agent, active, member) = people;
        world.alice.active = active || pam;
        if pam {
            world.alice.roles = [OwnerRole::Pam].into();
        }
        if agent {
            world.alice.kind = IdentityKind::Agent;
            world.alice.owner = Some(id(2));
            world.alice.ends_at = Some(portcullis_model::Timestamp::MAX);
        }
        let path = if member {
            Path::Privileged
        } else {
            Path::Ordinary
        };
        world.groups = vec![group("dba", path, &[world.alice.id])];
        let (changes_state, reversible, discloses, alters_security) = impact;
        world.impact = Impact {
            changes_state,
            reversible,
            alters_security,
            discloses: match discloses {
                0 => Disclosure::None,
                1 => Disclosure::Internal,
                2 => Disclosure::Sensitive,
                _ => Disclosure::Secret,
            },
            ..world::read()
        };
        if labelled {
            world.analytics.sensitivity = Sensitivity::Sensitive;
        }
        world.met = Controls::lattice()
            .get(met)
            .copied()
            .unwrap_or(Controls::NONE);
        world
    })
}

/// The shipped bundle with one folder's policies replaced.
fn replaced(folder: &str, text: &str) -> Bundle {
    let mut files = files();
    files.retain(|file, _| !file.starts_with(folder) || file.ends_with("flows.toml"));
    files.insert(
        format!("{folder}/generated.cedar"),
        text.as_bytes().to_vec(),
    );
    Bundle::from_files(files).expect("generated policies are valid")
}

fn decisions(bundle: &Bundle, world: &World, path: Path) -> Vec<Decision> {
    PolicyAction::ALL
        .into_iter()
        .filter(|action| action.path() == path)
        .map(|action| bundle.decide(action, &world.query()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn changing_the_ordinary_set_never_changes_a_privileged_decision(
        one in policies(&["assign_entitlement"]), other in policies(&["assign_entitlement"]), world in worlds(),
    ) {
        let (one, other) = (replaced("ordinary", &one), replaced("ordinary", &other));
        prop_assert_eq!(decisions(&one, &world, Path::Privileged), decisions(&other, &world, Path::Privileged));
        prop_assert_eq!(
            one.authorize::<Privileged, OpenSession>(&world.query()).is_ok(),
            other.authorize::<Privileged, OpenSession>(&world.query()).is_ok()
        );
    }

    #[test]
    fn changing_the_privileged_set_never_changes_an_ordinary_decision(
        one in policies(&PRIVILEGED), other in policies(&PRIVILEGED), world in worlds(),
    ) {
        let (one, other) = (replaced("privileged", &one), replaced("privileged", &other));
        prop_assert_eq!(decisions(&one, &world, Path::Ordinary), decisions(&other, &world, Path::Ordinary));
        prop_assert_eq!(
            one.authorize::<Ordinary, AssignEntitlement>(&world.query()).is_ok(),
            other.authorize::<Ordinary, AssignEntitlement>(&world.query()).is_ok()
        );
    }

    #[test]
    fn the_weakest_profile_is_allowed_and_nothing_weaker_is(
        text in policies(&["open_session"]), world in worlds(),
    ) {
        let bundle = replaced("privileged", &text);
        let allowed = |met| {
            let world = World { met, ..World::new() };
            let query = portcullis_policy::Query { met, ..world.query() };
            bundle.authorize::<Privileged, OpenSession>(&query).is_ok()
        };
        let base = World { met: world.met, ..World::new() };
        match bundle.decide(PolicyAction::OpenSession, &base.query()) {
            Decision::Allowed { profile, .. } => {
                prop_assert!(allowed(profile));
                for weaker in Controls::lattice() {
                    prop_assert!(weaker == profile || !profile.satisfy(&weaker) || !allowed(weaker), "{:?}", weaker);
                }
            }
            Decision::Denied(_) => prop_assert!(!Controls::lattice().into_iter().any(allowed)),
        }
    }

    #[test]
    fn a_permit_exists_only_where_the_line_the_decision_and_the_guardrails_agree(
        text in policies(&["assign_entitlement"]), world in worlds(),
    ) {
        let bundle = replaced("ordinary", &text);
        let path = bundle.line(&LineQuery::new(&world.impact, false, &world.analytics));
        if bundle.authorize::<Ordinary, AssignEntitlement>(&world.query()).is_ok() {
            prop_assert_eq!(path, Path::Ordinary);
            prop_assert!(world.alice.active);
            prop_assert!(world.impact.discloses < Disclosure::Secret && !world.impact.alters_security);
        }
    }
}
