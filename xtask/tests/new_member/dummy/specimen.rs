//! What the suite that every connector passes is told of a folder.

use portcullis_model::id::TypedId;
use portcullis_model::{Environment, IdentityId, Resource, ResourceId, Sensitivity, Timestamp};
use portcullis_ports::Connector;
use portcullis_ports::conformance::connector::Specimen;

const OPENS: &str = "open, please";

pub struct World(tempfile::TempDir);

impl World {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), OPENS).unwrap();
        Self(folder)
    }

    pub async fn specimen<'a>(&self, connector: &'a dyn Connector) -> Specimen<'a> {
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
        Specimen {
            connector,
            resource: resource(self.0.path()),
            credential: OPENS.as_bytes().to_vec(),
            words: vec!["read".to_owned()],
            account: "ana".to_owned(),
            unreachable: resource(&self.0.path().join("nowhere")),
        }
    }
}
