//! Removing: sessions that kept the rights, targets that lie, accounts that are gone.

use portcullis_ports::ConnectorError;
use portcullis_ports::conformance::connector::{leave, target};

use super::world::{PASSWORD, World};

#[tokio::test]
async fn what_was_given_is_gone_from_live_sessions_too() {
    let world = World::start().await;
    a_session_that_set_its_role_before_the_revoke_is_found_and_ended(&world).await;
    a_session_of_somebody_who_became_the_account_is_ended(&world).await;
    another_chain_to_the_role_is_told_as_still_held(&world).await;
    what_was_held_before_is_left_with_its_sessions(&world).await;
    an_account_that_was_dropped_leaves_no_session_behind(&world).await;
    a_role_that_was_dropped_can_be_removed(&world).await;
    a_server_that_cannot_be_reached_is_told(&world).await;
    a_revoke_the_server_refuses_is_told(&world).await;
}

async fn a_session_that_set_its_role_before_the_revoke_is_found_and_ended(world: &World) {
    world.reader("kept").await;
    world.person("ana").await;
    world.person("bystander").await;
    let assignment = world.give("kept", "ana").await;
    let session = world.login("ana").await.unwrap();
    let bystander = world.login("bystander").await.unwrap();
    session.batch_execute("SET ROLE kept").await.unwrap();
    world.sql("REVOKE kept FROM ana").await;

    let still = session.batch_execute("SELECT * FROM kept_t").await;
    assert!(still.is_ok(), "PostgreSQL lets it read on: {still:?}");
    let held = world.held("kept", "ana").await;
    assert!(!held.effective && held.sessions.len() == 1, "{held:?}");
    assert!(held.sessions[0].contains(" of ana since "), "{held:?}");

    let removal = world.take("kept", &assignment).await;
    assert_eq!(removal.ended, held.sessions);
    assert!(removal.held.is_gone(), "{removal:?}");
    assert!(session.batch_execute("SELECT * FROM kept_t").await.is_err());
    assert!(bystander.batch_execute("SELECT 1").await.is_ok());
    let fresh = world.login("ana").await.unwrap();
    assert!(fresh.batch_execute("SELECT * FROM kept_t").await.is_err());
    assert!(fresh.batch_execute("SET ROLE kept").await.is_err());
}

async fn a_session_of_somebody_who_became_the_account_is_ended(world: &World) {
    world.reader("lent").await;
    world.person("eve").await;
    world.person("mallory").await;
    let assignment = world.give("lent", "eve").await;
    world.sql("GRANT eve TO mallory").await;
    let session = world.login("mallory").await.unwrap();
    session.batch_execute("SET ROLE lent").await.unwrap();
    let removal = world.take("lent", &assignment).await;
    assert!(removal.held.is_gone(), "{removal:?}");
    assert!(session.batch_execute("SELECT * FROM lent_t").await.is_err());
}

async fn another_chain_to_the_role_is_told_as_still_held(world: &World) {
    world.reader("lying").await;
    world.person("lia").await;
    let assignment = world.give("lying", "lia").await;
    world
        .sql("CREATE ROLE lying_team; GRANT lying TO lying_team; GRANT lying_team TO lia")
        .await;
    let removal = world.take("lying", &assignment).await;
    assert!(
        removal.held.effective && !removal.held.is_gone(),
        "{removal:?}"
    );
    world.sql("REVOKE lying FROM lying_team").await;
    assert!(world.take("lying", &assignment).await.held.is_gone());
}

async fn what_was_held_before_is_left_with_its_sessions(world: &World) {
    world.reader("old").await;
    world.person("otto").await;
    world.sql("GRANT old TO otto").await;
    let assignment = world.give("old", "otto").await;
    assert!(assignment.held_before);
    let session = world.login("otto").await.unwrap();
    let removal = world.take("old", &assignment).await;
    assert!(
        removal.held.effective && removal.ended.is_empty(),
        "{removal:?}"
    );
    assert!(session.batch_execute("SELECT * FROM old_t").await.is_ok());
}

async fn an_account_that_was_dropped_leaves_no_session_behind(world: &World) {
    world.reader("ghost").await;
    world.person("gil").await;
    let assignment = world.give("ghost", "gil").await;
    let session = world.login("gil").await.unwrap();
    session.batch_execute("SET ROLE ghost").await.unwrap();
    world.sql("DROP ROLE gil").await;
    assert!(session.batch_execute("SELECT * FROM ghost_t").await.is_ok());
    let held = world.held("ghost", "gil").await;
    assert!(held.sessions[0].contains("a dropped role"), "{held:?}");
    let removal = world.take("ghost", &assignment).await;
    assert!(
        removal.held.is_gone() && removal.ended.len() == 1,
        "{removal:?}"
    );
    assert!(session.batch_execute("SELECT 1").await.is_err());
}

async fn a_role_that_was_dropped_can_be_removed(world: &World) {
    world.reader("fallen").await;
    world.person("finn").await;
    let assignment = world.give("fallen", "finn").await;
    world.sql("DROP OWNED BY fallen; DROP ROLE fallen").await;
    assert!(world.take("fallen", &assignment).await.held.is_gone());
}

async fn a_server_that_cannot_be_reached_is_told(world: &World) {
    world.reader("away").await;
    world.person("ada").await;
    let assignment = world.give("away", "ada").await;
    let mut resource = world.resource("away");
    resource.settings["host"] = "/nonexistent".into();
    let target = target(&resource, PASSWORD.as_bytes());
    let removed = world
        .connector
        .remove(leave(resource.id), &target, &assignment)
        .await;
    assert!(
        matches!(removed, Err(ConnectorError::Unreachable { .. })),
        "{removed:?}"
    );
    assert!(world.held("away", "ada").await.effective);
}

async fn a_revoke_the_server_refuses_is_told(world: &World) {
    world.reader("stuck").await;
    world.person("stu").await;
    let assignment = world.give("stuck", "stu").await;
    world
        .sql("REVOKE ADMIN OPTION FOR stuck FROM portcullis")
        .await;
    let resource = world.resource("stuck");
    let target = target(&resource, PASSWORD.as_bytes());
    let removed = world
        .connector
        .remove(leave(resource.id), &target, &assignment)
        .await;
    assert!(
        matches!(removed, Err(ConnectorError::Refused { .. })),
        "{removed:?}"
    );
    assert!(world.held("stuck", "stu").await.effective);
}
