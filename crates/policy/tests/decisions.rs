//! Decisions and permits: the weakest profile, guardrails, failing policies, chains, groups, and refusals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod world;

use std::time::Duration;

use portcullis_model::{
    Action, Controls, Digest, Disclosure, IdentityKind, Impact, OwnerRole, Path,
};
use portcullis_policy::{
    Administer, AssignEntitlement, Bundle, Decision, Denial, DenialCause, Object, OpenSession,
    Ordinary, Permit, PolicyAction, Privileged, Refusal, ReleaseSecret, ReplayTape, WatchSession,
};
use world::{NOW, World, appended, controls, group, id, owner, person, strict, with};

const ANYBODY_OPENS: &str = "\n@id(\"anybody\")\npermit (principal, action == Portcullis::Action::\"open_session\", resource);\n";

fn profile(bundle: &Bundle, action: PolicyAction, world: &World) -> Controls {
    match bundle.decide(action, &world.query()) {
        Decision::Allowed { profile, .. } => profile,
        Decision::Denied(denial) => panic!("{denial}"),
    }
}

fn denial(bundle: &Bundle, action: PolicyAction, world: &World) -> Denial {
    match bundle.decide(action, &world.query()) {
        Decision::Denied(denial) => denial,
        allowed @ Decision::Allowed { .. } => panic!("{allowed:?}"),
    }
}

fn shell() -> World {
    World {
        impact: Impact::worst(),
        ..World::new()
    }
}

fn opened(world: &World) -> Result<Permit<Privileged, OpenSession>, Refusal> {
    strict().authorize(&world.query())
}

#[test]
fn reading_needs_one_approval_and_a_shell_needs_everything() {
    let bundle = strict();
    let reading = profile(&bundle, PolicyAction::AssignEntitlement, &World::new());
    assert_eq!(reading, controls(false, false, false, 1));
    let shell = profile(&bundle, PolicyAction::OpenSession, &shell());
    assert_eq!(shell, controls(true, true, true, 2));
}

#[test]
fn a_decision_names_its_path_and_the_policies_that_permit() {
    let Decision::Allowed {
        path, determining, ..
    } = strict().decide(PolicyAction::OpenSession, &shell().query())
    else {
        panic!("allowed");
    };
    assert_eq!(path, Path::Privileged);
    assert_eq!(determining.len(), 1);
    assert_eq!(determining[0].id, "privileged/sessions.cedar#open");
    assert!(
        determining[0]
            .title
            .as_deref()
            .unwrap()
            .starts_with("Sessions")
    );
}

#[test]
fn a_permit_binds_bundle_intent_people_resource_profile_and_a_short_time() {
    let bundle = strict();
    let world = World {
        met: controls(true, true, true, 3),
        behind: vec![person(7, "bob")],
        ..shell()
    };
    let permit: Permit<Privileged, OpenSession> = bundle.authorize(&world.query()).unwrap();
    assert_eq!(permit.bundle(), bundle.digest());
    assert_eq!(permit.intent(), Digest::of_bytes(b"intent"));
    assert_eq!(permit.identity(), world.alice.id);
    assert_eq!(permit.subject().on_behalf_of, [world.behind[0].id]);
    assert_eq!(permit.resource(), world.analytics.id);
    assert_eq!(permit.profile(), world.met);
    assert!(permit.is_valid_at(permit.not_after()));
    assert!(!permit.is_valid_at(permit.not_after().plus(Duration::from_millis(1))));
    assert!(permit.not_after().since(NOW) <= Duration::from_mins(5));
}

#[test]
fn what_is_missing_is_said_until_everything_is_met() {
    let mut world = shell();
    let Err(Refusal::Missing {
        needed, lacking, ..
    }) = opened(&world)
    else {
        panic!("missing")
    };
    assert_eq!(needed, controls(true, true, true, 2));
    assert_eq!(lacking.len(), 4);
    for met in Controls::lattice() {
        world.met = met;
        match opened(&world) {
            Ok(_) => assert!(met.satisfy(&needed), "{met:?}"),
            Err(Refusal::Missing { lacking, .. }) => assert_eq!(lacking, met.lacking(&needed)),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn what_is_missing_adds_to_what_is_met_rather_than_replacing_it() {
    let either = "@id(\"either\")\npermit (principal, action == Portcullis::Action::\"watch_session\", resource)\nwhen { context.controls.mfa || (context.controls.recording && context.controls.approvals >= 1) };";
    let bundle = with(&[("privileged/oversight.cedar", either)]).unwrap();
    let world = World {
        met: controls(false, false, false, 1),
        ..shell()
    };
    let refused = bundle
        .authorize::<Privileged, WatchSession>(&world.query())
        .unwrap_err();
    let Refusal::Missing { needed, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(*needed, controls(false, true, false, 1));
}

#[test]
fn an_entitlement_that_the_line_calls_privileged_is_refused_on_both_paths() {
    let world = World {
        impact: Impact {
            changes_state: true,
            ..world::read()
        },
        met: Controls::ALL,
        ..World::new()
    };
    let refused = strict()
        .authorize::<Ordinary, AssignEntitlement>(&world.query())
        .unwrap_err();
    let Refusal::WrongPath {
        needed: Path::Privileged,
        because,
        ..
    } = &refused
    else {
        panic!("{refused}")
    };
    assert!(because.contains(&"changes state".to_owned()));
    assert!(refused.to_string().contains("changes state"), "{refused}");
    let denied = denial(&strict(), PolicyAction::AssignEntitlement, &world);
    assert_eq!(denied.path, Path::Privileged);
    assert!(matches!(denied.cause, DenialCause::NotOnThisPath(_)));
    assert!(denied.narrowest.contains("session"), "{denied}");
}

#[test]
fn a_denial_on_the_privileged_path_does_not_fall_through_to_a_permissive_ordinary_one() {
    let everything = "permit (principal is Portcullis::Identity, action, resource);";
    let bundle = with(&[
        ("ordinary/read.cedar", everything),
        ("privileged/sessions.cedar", ""),
    ])
    .unwrap();
    let mut world = shell();
    world.met = Controls::ALL;
    assert_eq!(
        denial(&bundle, PolicyAction::OpenSession, &world).cause,
        DenialCause::NothingPermits
    );
    world.impact = world::read();
    assert_eq!(
        denial(&bundle, PolicyAction::OpenSession, &world).cause,
        DenialCause::NothingPermits
    );
}

#[test]
fn a_guardrail_beats_any_permit_on_either_path() {
    let everything = "permit (principal is Portcullis::Identity, action, resource);";
    let bundle = with(&[
        ("ordinary/all.cedar", everything),
        ("privileged/all.cedar", everything),
    ])
    .unwrap();
    let mut world = World {
        met: Controls::ALL,
        ..World::new()
    };
    for action in PolicyAction::ALL {
        assert_eq!(
            profile(&bundle, action, &world),
            Controls::NONE.max_for(action),
            "{action:?}"
        );
    }
    world.alice.active = false;
    for action in PolicyAction::ALL {
        let denied = denial(&bundle, action, &world);
        assert_eq!(denied.reasons[0].id, "guardrails/identities.cedar#inactive");
        assert!(denied.to_string().contains("ask an IAM owner"), "{denied}");
    }
}

trait WeakestUnderEverything {
    fn max_for(self, action: PolicyAction) -> Controls;
}

impl WeakestUnderEverything for Controls {
    /// A permit for everything leaves only what the shipped forbids ask for.
    fn max_for(self, action: PolicyAction) -> Controls {
        Controls {
            brokered: action == PolicyAction::ReleaseSecret,
            ..self
        }
    }
}

#[test]
fn a_failing_policy_denies_even_beside_one_that_permits() {
    let failing = "\n@id(\"failing\")\nforbid (principal, action == Portcullis::Action::\"open_session\", resource)\nwhen { context.now.seconds * 9223372036854775807 < 0 };\n";
    let bundle = appended(
        "privileged/sessions.cedar",
        &format!("{ANYBODY_OPENS}{failing}"),
    )
    .unwrap();
    let denied = denial(&bundle, PolicyAction::OpenSession, &shell());
    let DenialCause::Failed(told) = &denied.cause else {
        panic!("{denied}")
    };
    assert!(told.contains("privileged/sessions.cedar#failing"), "{told}");
    let bundle = appended("privileged/sessions.cedar", ANYBODY_OPENS).unwrap();
    assert_eq!(
        profile(&bundle, PolicyAction::OpenSession, &shell()),
        Controls::NONE
    );
}

#[test]
fn a_failing_permit_denies_as_well() {
    let failing = "\npermit (principal, action == Portcullis::Action::\"open_session\", resource)\nwhen { context.now.seconds * 9223372036854775807 < 0 };\n";
    let bundle = appended("privileged/sessions.cedar", failing).unwrap();
    let world = World {
        met: Controls::ALL,
        ..shell()
    };
    assert!(
        bundle
            .authorize::<Privileged, OpenSession>(&world.query())
            .is_err()
    );
    assert!(opened(&world).is_ok());
}

#[test]
fn nobody_gets_more_through_another_than_either_has_alone() {
    let pam = owner(3, "pam", OwnerRole::Pam);
    let watch = |subject, behind| {
        let world = World {
            alice: subject,
            behind,
            met: controls(false, false, true, 0),
            ..shell()
        };
        strict()
            .authorize::<Privileged, WatchSession>(&world.query())
            .is_ok()
    };
    let alice = || person(1, "alice");
    assert!(watch(pam.clone(), vec![]));
    assert!(watch(pam.clone(), vec![owner(4, "other", OwnerRole::Pam)]));
    assert!(
        !watch(alice(), vec![pam.clone()]),
        "borrowing the rights of the one behind"
    );
    assert!(
        !watch(pam.clone(), vec![alice()]),
        "lending one's own to the one behind"
    );
    let gone = |number| portcullis_model::Identity {
        active: false,
        ..owner(number, "gone", OwnerRole::Pam)
    };
    assert!(
        !watch(pam.clone(), vec![gone(4)]),
        "acting for somebody who was removed"
    );
    assert!(
        !watch(pam, vec![gone(3)]),
        "two records of one identity that contradict each other"
    );
}

#[test]
fn a_chain_may_name_somebody_twice_and_may_not_be_long() {
    let mut world = shell();
    world.behind = vec![world.alice.clone()];
    assert_eq!(
        profile(&strict(), PolicyAction::OpenSession, &world).approvals,
        2
    );
    world.behind = (10..14).map(|number| person(number, "behind")).collect();
    let denied = denial(&strict(), PolicyAction::OpenSession, &world);
    assert_eq!(
        denied.reasons[0].id,
        "guardrails/identities.cedar#short-chain"
    );
}

#[test]
fn a_group_counts_on_its_own_path_only() {
    let for_group = "permit (principal in Portcullis::Group::\"dba\", action == Portcullis::Action::\"watch_session\", resource);";
    let bundle = with(&[("privileged/oversight.cedar", for_group)]).unwrap();
    let watch = |path, members: &[_]| {
        let world = World {
            groups: vec![group("dba", path, members)],
            ..shell()
        };
        bundle
            .authorize::<Privileged, WatchSession>(&world.query())
            .is_ok()
    };
    assert!(watch(Path::Privileged, &[id(1)]));
    assert!(!watch(Path::Ordinary, &[id(1)]));
    assert!(!watch(Path::Privileged, &[id(2)]));
}

#[test]
fn who_is_no_person_needs_an_owner_and_an_end_that_has_not_come() {
    let mut world = shell();
    for kind in [
        IdentityKind::Workload,
        IdentityKind::Ci,
        IdentityKind::Vendor,
        IdentityKind::Agent,
    ] {
        world.alice.kind = kind;
        world.alice.owner = None;
        world.alice.ends_at = None;
        assert_eq!(
            denial(&strict(), PolicyAction::OpenSession, &world).reasons[0].id,
            "guardrails/identities.cedar#answered-for"
        );
        world.alice.owner = Some(id(2));
        world.alice.ends_at = Some(NOW);
        assert_eq!(
            denial(&strict(), PolicyAction::OpenSession, &world).reasons[0].id,
            "guardrails/identities.cedar#ended"
        );
        world.alice.ends_at = Some(NOW.plus(Duration::from_hours(1)));
        assert_eq!(
            profile(&strict(), PolicyAction::OpenSession, &world).approvals,
            2
        );
    }
}

#[test]
fn vendors_need_a_second_approval_for_what_others_get_with_one() {
    let mut world = World::new();
    world.alice.kind = IdentityKind::Vendor;
    world.alice.owner = Some(id(2));
    world.alice.ends_at = Some(NOW.plus(Duration::from_hours(1)));
    assert_eq!(
        profile(&strict(), PolicyAction::AssignEntitlement, &world).approvals,
        2
    );
}

#[test]
fn the_entitlement_guardrails_hold_under_a_line_that_permits_everything() {
    let all = "permit (principal, action == Portcullis::Action::\"take_ordinary_path\", resource);";
    let permits =
        "permit (principal, action == Portcullis::Action::\"assign_entitlement\", resource);";
    let bundle = with(&[("line/strict.cedar", all), ("ordinary/all.cedar", permits)]).unwrap();
    let denied = |impact| {
        let world = World {
            impact,
            ..World::new()
        };
        denial(&bundle, PolicyAction::AssignEntitlement, &world).reasons[0]
            .id
            .clone()
    };
    let secret = Impact {
        discloses: Disclosure::Secret,
        ..world::read()
    };
    assert_eq!(denied(secret), "guardrails/entitlements.cedar#no-secrets");
    let write = Impact {
        changes_state: true,
        ..world::read()
    };
    assert_eq!(
        denied(write),
        "guardrails/entitlements.cedar#production-unchanged"
    );
}

#[test]
fn what_is_part_of_an_action_is_asked_as_well_and_the_profile_does_for_both() {
    const RELEASE: &[PolicyAction] = &[PolicyAction::ReleaseSecret];
    let decide = |policy: &str| {
        let bundle = appended("privileged/sessions.cedar", policy).unwrap();
        bundle.decide_with(PolicyAction::OpenSession, RELEASE, &shell().query())
    };
    let allowed = |policy| match decide(policy) {
        Decision::Allowed {
            profile,
            determining,
            ..
        } => (profile, determining.into_iter().map(|by| by.id).collect()),
        Decision::Denied(denial) => panic!("{denial}"),
    };
    let both = ["open", "inject"].map(|id| format!("privileged/sessions.cedar#{id}"));
    assert_eq!(allowed(""), (controls(true, true, true, 2), both.to_vec()));
    let more = "\n@id(\"more\")\nforbid (principal, action == Portcullis::Action::\"release_secret\", resource)\nunless { context.controls.approvals >= 3 };";
    assert_eq!(allowed(more).0, controls(true, true, true, 3));
    for never in ["", "when { context.controls.approvals > 2 }"] {
        let never = format!(
            "\n@id(\"never\")\nforbid (principal, action == Portcullis::Action::\"release_secret\", resource) {never};"
        );
        let open = "\n@id(\"three\")\nforbid (principal, action == Portcullis::Action::\"open_session\", resource)\nunless { context.controls.approvals >= 3 };";
        let Decision::Denied(denial) = decide(&(never + open)) else {
            panic!("allowed");
        };
        assert_eq!(denial.action, PolicyAction::ReleaseSecret);
        assert_eq!(denial.cause, DenialCause::Forbidden);
        assert_eq!(denial.reasons[0].id, "privileged/sessions.cedar#never");
    }
}

#[test]
fn secrets_are_injected_and_never_shown() {
    let release = |met| {
        let world = World { met, ..shell() };
        strict()
            .authorize::<Privileged, ReleaseSecret>(&world.query())
            .map(|_| ())
    };
    assert_eq!(release(controls(true, true, true, 2)), Ok(()));
    assert!(release(controls(false, true, true, 3)).is_err());
    assert!(release(controls(true, true, true, 1)).is_err());
}

#[test]
fn owners_watch_with_a_second_factor_and_replay_with_an_approval_besides() {
    for watcher in [person(2, "owner"), owner(3, "pam", OwnerRole::Pam)] {
        let mut world = World {
            alice: watcher,
            ..shell()
        };
        assert_eq!(
            profile(&strict(), PolicyAction::WatchSession, &world),
            controls(false, false, true, 0)
        );
        assert_eq!(
            profile(&strict(), PolicyAction::ReplayTape, &world),
            controls(false, false, true, 1)
        );
        world.met = controls(false, false, true, 0);
        assert!(
            strict()
                .authorize::<Privileged, WatchSession>(&world.query())
                .is_ok()
        );
        assert!(
            strict()
                .authorize::<Privileged, ReplayTape>(&world.query())
                .is_err()
        );
    }
    for stranger in [person(1, "alice"), owner(4, "iam", OwnerRole::Iam)] {
        let world = World {
            alice: stranger,
            ..shell()
        };
        let denied = denial(&strict(), PolicyAction::WatchSession, &world);
        assert_eq!(denied.cause, DenialCause::NothingPermits);
        assert!(
            denied.narrowest.contains("Owners of the resource"),
            "{denied}"
        );
    }
}

#[test]
fn roles_administer_the_installation_and_only_that_act_is_done_to_it() {
    let met = controls(false, false, true, 0);
    let administer = |who, installation: bool| {
        let world = World {
            alice: who,
            met,
            ..shell()
        };
        let mut query = world.query();
        if installation {
            query.object = Object::Installation;
        }
        let permit = strict().authorize::<Privileged, Administer>(&query);
        permit.map(|permit| permit.object().is_none() == installation)
    };
    assert_eq!(administer(owner(3, "iam", OwnerRole::Iam), true), Ok(true));
    assert_eq!(administer(owner(3, "iam", OwnerRole::Iam), false), Ok(true));
    assert_eq!(administer(person(2, "owner"), false), Ok(true));
    assert!(administer(person(2, "owner"), true).is_err());
    assert!(administer(person(1, "alice"), false).is_err());
    let world = World {
        met: Controls::ALL,
        ..shell()
    };
    let query = portcullis_policy::Query {
        object: Object::Installation,
        ..world.query()
    };
    let refused = strict()
        .authorize::<Privileged, OpenSession>(&query)
        .unwrap_err();
    assert!(
        matches!(&refused, Refusal::Denied(denied) if denied.cause == DenialCause::NotToThis),
        "{refused}"
    );
}

#[test]
fn every_owner_signs_and_owners_of_resources_propose_what_opens_them() {
    let administer = |step: &str, change: &str, mfa| {
        let world = World {
            alice: owner(3, "olaf", OwnerRole::Resource),
            action: Action::named(step).with("change", change),
            met: controls(false, false, mfa, 0),
            ..shell()
        };
        let query = portcullis_policy::Query {
            object: Object::Installation,
            ..world.query()
        };
        let permit = strict().authorize::<Privileged, Administer>(&query);
        permit.is_ok()
    };
    assert!(administer("sign", "put_group", true));
    assert!(!administer("sign", "put_group", false));
    assert!(!administer("propose", "put_group", true));
    assert!(administer("propose", "add_secret", true));
    assert!(!administer("propose", "add_secret", false));
}

#[test]
fn a_policy_that_forbids_more_controls_is_denied_rather_than_called_missing() {
    let exactly = "@id(\"exactly\")\npermit (principal, action == Portcullis::Action::\"watch_session\", resource)\nwhen { context.controls.approvals == 1 };";
    let bundle = with(&[("privileged/oversight.cedar", exactly)]).unwrap();
    let world = World {
        met: controls(false, false, false, 2),
        ..shell()
    };
    let refused = bundle
        .authorize::<Privileged, WatchSession>(&world.query())
        .unwrap_err();
    assert!(matches!(refused, Refusal::Denied(_)), "{refused}");
}

#[test]
fn messages_say_what_why_and_next() {
    let mut world = shell();
    world.alice.active = false;
    let refused = opened(&world).unwrap_err().to_string();
    assert_eq!(
        refused,
        "open_session is denied on the privileged path: “An inactive identity does nothing” \
         (guardrails/identities.cedar#inactive): The identity was suspended or removed; next: ask an IAM owner: portcullis identities edit NAME --activate"
    );
    world.alice.active = true;
    world.met = controls(true, true, false, 2);
    assert_eq!(
        opened(&world).unwrap_err().to_string(),
        "open_session is allowed once more is met; next: get a second factor (step-up)"
    );
}
