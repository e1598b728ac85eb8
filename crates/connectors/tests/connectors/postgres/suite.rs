//! What the family's suite is told of it.

use portcullis_ports::Connector;
use portcullis_ports::conformance::connector::Specimen;

use super::world::{PASSWORD, World};

impl World {
    /// A person's account, and an entitlement it does not hold.
    pub async fn specimen<'a>(&self, connector: &'a dyn Connector) -> Specimen<'a> {
        self.reader("suite_read").await;
        self.person("suite_ana").await;
        let mut unreachable = self.resource("suite_read");
        // A folder without a socket in it: nothing can come to listen there.
        unreachable.settings["host"] = "/nonexistent".into();
        Specimen {
            connector,
            resource: self.resource("suite_read"),
            credential: PASSWORD.as_bytes().to_vec(),
            words: vec!["read".to_owned()],
            account: "suite_ana".to_owned(),
            unreachable,
        }
    }
}
