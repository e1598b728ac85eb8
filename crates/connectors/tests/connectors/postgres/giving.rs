//! Assigning: only what was approved, only to one person's own account, whatever it is called.

use std::collections::BTreeSet;

use portcullis_ports::ConnectorError;
use portcullis_ports::conformance::connector::{permit, target};

use super::world::{PASSWORD, World};

const HOSTILE: &str = "an\"a; DROP ROLE ann; --' ü";

#[tokio::test]
async fn only_what_was_approved_is_given_and_only_to_a_persons_own_account() {
    let world = World::start().await;
    a_role_that_grew_since_it_was_approved_is_not_given(&world).await;
    a_role_that_grew_three_hops_away_is_not_given(&world).await;
    an_entitlement_that_means_another_role_by_now_is_not_given(&world).await;
    names_that_try_to_break_out_are_only_names(&world).await;
    names_the_server_would_read_as_something_else_are_refused(&world).await;
    an_account_others_can_become_is_refused(&world).await;
    our_own_role_and_missing_accounts_are_refused(&world).await;
    nobody_gets_the_option_to_pass_it_on(&world).await;
    what_another_grant_of_ours_gave_is_not_held_before(&world).await;
    a_role_reached_through_another_of_ours_is_given_itself(&world).await;
    two_resources_of_one_server_give_the_same_right(&world);
}

async fn what_another_grant_of_ours_gave_is_not_held_before(world: &World) {
    world.reader("twin").await;
    world.person("twin_ana").await;
    let approved = world.digest("twin").await;
    world.give("twin", "twin_ana").await;
    let second = world.assign_beside("twin", "twin_ana", approved, &["twin"]);
    assert!(!second.await.unwrap().held_before);
    // Somebody else's way to it beside ours: that part was held before.
    world
        .sql("CREATE ROLE twin_team; GRANT twin TO twin_team; GRANT twin_team TO twin_ana")
        .await;
    let third = world.assign_beside("twin", "twin_ana", approved, &["twin"]);
    assert!(third.await.unwrap().held_before);
}

async fn a_role_reached_through_another_of_ours_is_given_itself(world: &World) {
    world.reader("narrow").await;
    world.reader("wide").await;
    world.person("wide_ana").await;
    world.sql("GRANT narrow TO wide").await;
    let wide = world.give("wide", "wide_ana").await;
    let approved = world.digest("narrow").await;
    let narrow = world.assign_beside("narrow", "wide_ana", approved, &["wide"]);
    let narrow = narrow.await.unwrap();
    assert!(!narrow.held_before);

    assert!(world.take("wide", &wide).await.held.is_gone());
    let held = world.held("narrow", "wide_ana").await;
    assert!(held.effective, "its own role outlives the other");
    let wide = world.give("wide", "wide_ana").await;
    let removal = world.take("narrow", &narrow).await;
    let beside = BTreeSet::from(["wide".to_owned()]);
    assert_eq!(removal.held.through, beside);
    assert!(removal.held.is_gone_beside(&beside) && !removal.held.is_gone());
    assert!(world.take("wide", &wide).await.held.is_gone());
}

fn two_resources_of_one_server_give_the_same_right(world: &World) {
    let (one, mut other) = (world.resource("shared"), world.resource("shared"));
    other.settings["database"] = "template1".into();
    let action = world.read(&one);
    let right = world.connector.right(&one, &action);
    assert_eq!(right, world.connector.right(&other, &action));
    other.settings["port"] = 1.into();
    assert_ne!(right, world.connector.right(&other, &action));
}

async fn a_role_that_grew_since_it_was_approved_is_not_given(world: &World) {
    world.reader("grew").await;
    world.person("grew_ana").await;
    let approved = world.digest("grew").await;
    world.sql("GRANT INSERT ON grew_t TO grew").await;
    let refused = world.assign("grew", "grew_ana", approved).await;
    assert!(
        matches!(refused, Err(ConnectorError::Changed(_))),
        "{refused:?}"
    );
    assert!(!world.held("grew", "grew_ana").await.effective);
    world.sql("REVOKE INSERT ON grew_t FROM grew").await;
    world.assign("grew", "grew_ana", approved).await.unwrap();
    assert!(world.held("grew", "grew_ana").await.effective);
}

async fn a_role_that_grew_three_hops_away_is_not_given(world: &World) {
    world.reader("deep").await;
    world.person("deep_ana").await;
    world
        .sql("CREATE ROLE deep_1; CREATE ROLE deep_2; GRANT deep_1 TO deep; GRANT deep_2 TO deep_1")
        .await;
    let approved = world.digest("deep").await;
    world.sql("ALTER ROLE deep_2 CREATEROLE").await;
    let refused = world.assign("deep", "deep_ana", approved).await;
    assert!(
        matches!(refused, Err(ConnectorError::Changed(_))),
        "{refused:?}"
    );
}

async fn an_entitlement_that_means_another_role_by_now_is_not_given(world: &World) {
    world.reader("meant").await;
    world.reader("means").await;
    world.person("meant_ana").await;
    let action = world.read(&world.resource("meant"));
    let resource = world.resource("means");
    let approved = world.digest("meant").await;
    let permit = permit(&resource, &action, approved);
    let target = target(&resource, PASSWORD.as_bytes());
    let refused = world
        .connector
        .assign(
            permit,
            &target,
            &action,
            "meant_ana",
            approved,
            &BTreeSet::new(),
        )
        .await;
    assert!(
        matches!(refused, Err(ConnectorError::Invalid(_))),
        "{refused:?}"
    );
}

async fn names_that_try_to_break_out_are_only_names(world: &World) {
    world.person("ann").await;
    world.person(HOSTILE).await;
    let role = "read\"er; DROP ROLE ann; --";
    world.reader(role).await;
    let assignment = world.give(role, HOSTILE).await;
    assert!(world.held(role, HOSTILE).await.effective);
    assert!(!world.held(role, "ann").await.effective);
    let session = world.login(HOSTILE).await.unwrap();
    assert!(world.take(role, &assignment).await.held.is_gone());
    assert!(
        session.simple_query("SELECT 1").await.is_err(),
        "it was ended"
    );
    assert!(world.login("ann").await.is_ok(), "nobody was dropped");
}

async fn names_the_server_would_read_as_something_else_are_refused(world: &World) {
    world.reader("odd").await;
    let approved = world.digest("odd").await;
    let long = "l".repeat(63);
    world.person(&long).await;
    let longer = format!("{long}onger");
    for account in ["", "public", "none", "a\0b", &longer] {
        let refused = world.assign("odd", account, approved).await;
        assert!(
            matches!(refused, Err(ConnectorError::Invalid(_))),
            "{account}: {refused:?}"
        );
    }
    assert!(!world.held("odd", &long).await.effective);
    assert!(world.assign("odd", &long, approved).await.is_ok());
}

async fn an_account_others_can_become_is_refused(world: &World) {
    world.reader("shared").await;
    world.person("shared_ana").await;
    world.person("shared_bob").await;
    let approved = world.digest("shared").await;
    world.sql("GRANT shared_ana TO shared_bob").await;
    let refused = world
        .assign("shared", "shared_ana", approved)
        .await
        .unwrap_err();
    assert!(matches!(refused, ConnectorError::Refused { .. }));
    assert!(refused.to_string().contains("shared_bob"), "{refused}");
    world.sql("REVOKE shared_ana FROM shared_bob").await;
    assert!(world.assign("shared", "shared_ana", approved).await.is_ok());
}

async fn our_own_role_and_missing_accounts_are_refused(world: &World) {
    world.reader("own").await;
    let approved = world.digest("own").await;
    for account in ["portcullis", "nobody_of_that_name"] {
        let refused = world.assign("own", account, approved).await;
        assert!(
            matches!(refused, Err(ConnectorError::Refused { .. })),
            "{refused:?}"
        );
    }
}

async fn nobody_gets_the_option_to_pass_it_on(world: &World) {
    world.reader("kept").await;
    world.person("kept_ana").await;
    world.person("kept_bob").await;
    world.give("kept", "kept_ana").await;
    let ana = world.login("kept_ana").await.unwrap();
    assert!(ana.batch_execute("SELECT * FROM kept_t").await.is_ok());
    assert!(
        ana.batch_execute("INSERT INTO kept_t VALUES (1)")
            .await
            .is_err()
    );
    assert!(ana.batch_execute("GRANT kept TO kept_bob").await.is_err());
}
