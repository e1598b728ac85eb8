//! The suite that every connector passes, and what the registry says of the new one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use portcullis_connectors::all;
use portcullis_model::id::TypedId;
use portcullis_model::{Environment, IdentityId, Resource, ResourceId, Sensitivity, Timestamp};
use portcullis_ports::conformance::connector::{Specimen, conforms};

#[tokio::test]
async fn the_connector_is_registered_and_does_what_every_connector_must() {
    let found = all().into_iter();
    let mut found = found.filter(|connector| connector.descriptor().name == "dummy");
    let connector = found.next().expect("the registry knows it");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "open, please").unwrap();
    let at = Timestamp::from_millis(1_795_000_000_000);
    let resource = |place: &std::path::Path| Resource {
        id: ResourceId::from_parts(at, [1; 10]),
        name: "shelf".to_owned(),
        kind: "dummy".to_owned(),
        environment: Environment::Production,
        sensitivity: Sensitivity::Internal,
        owners: [IdentityId::from_parts(at, [2; 10])].into(),
        credential: Some("shelf-key".to_owned()),
        settings: serde_json::json!({ "folder": place, "entitlements": ["read"] }),
    };
    conforms(&Specimen {
        connector: connector.as_ref(),
        resource: resource(folder.path()),
        credential: b"open, please".to_vec(),
        words: vec!["read".to_owned()],
        account: "ana".to_owned(),
        unreachable: resource(&folder.path().join("nowhere")),
    })
    .await;
}
