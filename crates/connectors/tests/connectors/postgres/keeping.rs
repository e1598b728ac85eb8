//! The connection that is kept for readings: what it may not change about them.

use portcullis_ports::conformance::connector::target;
use portcullis_ports::{ConnectorError, Effective};
use serde_json::json;

use super::world::{PASSWORD, World};

impl World {
    /// The server processes that serve Portcullis now.
    async fn serving(&self) -> Vec<i32> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'portcullis' ORDER BY pid";
        let rows = self.admin.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn effective_with(
        &self,
        role: &str,
        password: &str,
    ) -> Result<Effective, ConnectorError> {
        let resource = self.resource(role);
        let target = target(&resource, password.as_bytes());
        self.connector
            .effective(&target, &self.read(&resource))
            .await
    }
}

#[tokio::test]
async fn readings_share_a_connection_and_nothing_else() {
    let world = World::start().await;
    world.reader("r_kept").await;
    what_changed_since_the_last_reading_is_seen(&world).await;
    what_was_under_way_at_the_last_reading_is_seen_once_it_is_committed(&world).await;
    another_role_is_read_though_nothing_changed(&world).await;
    one_that_died_unused_is_no_failure(&world).await;
    another_credential_does_not_get_in_by_it(&world).await;
    what_gives_and_takes_opens_its_own(&world).await;
}

async fn what_changed_since_the_last_reading_is_seen(world: &World) {
    let before = world.digest("r_kept").await;
    let serving = world.serving().await;
    assert_eq!(serving.len(), 1);
    world.sql("GRANT INSERT ON r_kept_t TO r_kept").await;
    assert_ne!(world.digest("r_kept").await, before);
    assert_eq!(world.serving().await, serving, "the same connection");
    world.sql("REVOKE INSERT ON r_kept_t FROM r_kept").await;
    assert_eq!(world.digest("r_kept").await, before);
}

async fn what_was_under_way_at_the_last_reading_is_seen_once_it_is_committed(world: &World) {
    world
        .sql("CREATE ROLE r_slow LOGIN SUPERUSER PASSWORD 'only in a test'")
        .await;
    let before = world.digest("r_kept").await;
    let slow = world.login_with("r_slow", "only in a test").await.unwrap();
    let begun = "BEGIN; GRANT DELETE ON r_kept_t TO r_kept";
    slow.batch_execute(begun).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.digest("r_kept").await, before, "not committed");
    }
    slow.batch_execute("COMMIT").await.unwrap();
    assert_ne!(world.digest("r_kept").await, before);
    world.sql("REVOKE DELETE ON r_kept_t FROM r_kept").await;
    assert_eq!(world.digest("r_kept").await, before);
}

async fn another_role_is_read_though_nothing_changed(world: &World) {
    world.reader("r_other").await;
    let mut resource = world.resource("r_kept");
    resource.settings["entitlements"]["other"] = json!("r_other");
    let target = target(&resource, PASSWORD.as_bytes());
    let mut digests = Vec::new();
    for name in ["read", "other", "read"] {
        let action = world.connector.parse(&resource, &[name.to_owned()]);
        let effective = world.connector.effective(&target, &action.unwrap()).await;
        digests.push(effective.unwrap().digest().unwrap());
    }
    assert_ne!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
    assert_eq!(world.serving().await.len(), 1, "over one connection");
}

async fn one_that_died_unused_is_no_failure(world: &World) {
    let before = world.serving().await;
    world
        .sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'portcullis'")
        .await;
    world.effective("r_kept").await;
    assert_ne!(world.serving().await, before);
}

async fn another_credential_does_not_get_in_by_it(world: &World) {
    world.effective("r_kept").await;
    let error = world.effective_with("r_kept", "wrong").await.unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    world.effective_with("r_kept", PASSWORD).await.unwrap();
}

async fn what_gives_and_takes_opens_its_own(world: &World) {
    world.person("kept_by").await;
    let assignment = world.give("r_kept", "kept_by").await;
    world.sql("ALTER ROLE portcullis NOLOGIN").await;
    world.effective("r_kept").await;
    let digest = world.digest("r_kept").await;
    let refused = world.assign("r_kept", "kept_by", digest).await;
    assert!(
        matches!(refused, Err(ConnectorError::Refused { .. })),
        "{refused:?}"
    );
    world.sql("ALTER ROLE portcullis LOGIN").await;
    world.take("r_kept", &assignment).await;
}
