//! The family's suite, with every rotator.

use portcullis_ports::conformance::rotator::{Specimen, conforms};
use portcullis_ports::{Endpoint, Rotator};
use portcullis_rotators::{linux, ssh_key};

use crate::host::{Host, key};

async fn tried(host: &Host, rotator: &dyn Rotator, present: Vec<u8>) {
    conforms(&Specimen {
        rotator,
        resource: host.resource.clone(),
        endpoint: host.endpoint.clone(),
        account: host.account.clone(),
        present,
        unreachable: Endpoint {
            address: "127.0.0.1:1".to_owned(),
            ..host.endpoint.clone()
        },
    })
    .await;
}

#[tokio::test]
async fn ssh_keys_conform() {
    let Some(host) = Host::new() else { return };
    let (private, public) = key(1);
    host.authorize(&format!("{public} of the vault\n"));
    tried(&host, &ssh_key::Way, private).await;
}

#[tokio::test]
async fn passwords_conform() {
    let Some(host) = Host::new() else { return };
    host.set_password("as it was before");
    tried(&host, &linux::Way, b"as it was before".to_vec()).await;
}
