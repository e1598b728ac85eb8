//! The suite that every connector passes.

use portcullis_ports::conformance::connector::{Specimen, conforms};

use super::world::{PASSWORD, World};

#[tokio::test]
async fn the_connector_does_what_every_connector_must() {
    let world = World::start().await;
    world.reader("suite_read").await;
    world.person("suite_ana").await;
    let mut unreachable = world.resource("suite_read");
    // A folder without a socket in it: nothing can come to listen there.
    unreachable.settings["host"] = "/nonexistent".into();
    conforms(&Specimen {
        connector: world.connector.as_ref(),
        resource: world.resource("suite_read"),
        credential: PASSWORD.as_bytes().to_vec(),
        words: vec!["read".to_owned()],
        account: "suite_ana".to_owned(),
        unreachable,
    })
    .await;
}
