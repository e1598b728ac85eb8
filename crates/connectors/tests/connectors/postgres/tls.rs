//! Encrypted connections: the right server, and three wrong ones.

use portcullis_ports::conformance::connector::target;
use portcullis_ports::conformance::postgres_server::PostgresServer;
use portcullis_ports::{ConnectorError, Effective};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::world::{PASSWORD, World};

struct Tried<'a> {
    world: &'a World,
    folder: &'a std::path::Path,
}

impl Tried<'_> {
    async fn with(&self, host: &str, ca: &str) -> Result<Effective, ConnectorError> {
        let ca_file = self.folder.join("ca.pem");
        std::fs::write(&ca_file, ca).unwrap();
        let mut resource = self.world.resource("tls_read");
        resource.settings["host"] = host.into();
        resource.settings["tls"] = "verify-full".into();
        resource.settings["ca_file"] = ca_file.to_str().unwrap().into();
        let action = self.world.read(&resource);
        self.world
            .connector
            .effective(&target(&resource, PASSWORD.as_bytes()), &action)
            .await
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test]
async fn only_a_server_with_the_right_certificate_and_name_is_spoken_to() {
    let (ours, theirs) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &ours)
        .unwrap();
    let settings = ["ssl=on", "ssl_cert_file=tls.crt", "ssl_key_file=tls.key"];
    let files = [
        ("tls.crt", certificate.pem()),
        ("tls.key", key.serialize_pem()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let server = PostgresServer::start_with(&settings, &files).unwrap();
    let world = World::around(server).await;
    world.reader("tls_read").await;
    let folder = tempfile::tempdir().unwrap();
    let tried = Tried {
        world: &world,
        folder: folder.path(),
    };

    let right = tried.with("localhost", &ours.pem()).await;
    assert!(right.is_ok(), "{right:?}");
    for (host, ca) in [
        ("localhost", theirs.pem()),
        ("127.0.0.1", ours.pem()),
        ("localhost", "no certificate".to_owned()),
    ] {
        let wrong = tried.with(host, &ca).await;
        assert!(
            matches!(wrong, Err(ConnectorError::Unreachable { .. })),
            "{host}: {wrong:?}"
        );
    }
}

#[tokio::test]
async fn a_server_without_encryption_gets_no_password_when_it_is_demanded() {
    let world = World::start().await;
    world.reader("tls_read").await;
    let folder = tempfile::tempdir().unwrap();
    let tried = Tried {
        world: &world,
        folder: folder.path(),
    };
    let refused = tried.with("localhost", &authority().pem()).await;
    assert!(
        matches!(refused, Err(ConnectorError::Unreachable { .. })),
        "{refused:?}"
    );
}
