//! The door's certificate and key.

use std::sync::Arc;

use portcullis_model::Secret;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};

/// Why the HTTPS door cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The certificate cannot be read.
    #[error("the certificate cannot be read ({0}): give one or more certificates as PEM")]
    Certificate(String),
    /// The private key cannot be read.
    #[error("the private key of the HTTPS door cannot be read: give one key as PEM")]
    Key,
    /// Certificate and key do not go together, or cannot be used.
    #[error("the certificate and key of the HTTPS door cannot be used: {0}")]
    Identity(#[from] rustls::Error),
    /// A certificate cannot be made.
    #[error("no certificate can be made for these names: {0}")]
    Generate(#[from] rcgen::Error),
}

/// What the door shows and proves.
pub struct TlsIdentity {
    /// The certificate chain, PEM, the door's own first.
    pub cert_pem: String,
    /// The private key, PEM.
    pub key: Secret<Vec<u8>>,
}

impl TlsIdentity {
    /// Whether a door could show and prove this.
    pub fn check(&self) -> Result<(), ApiError> {
        self.config().map(drop)
    }

    /// TLS 1.2 and 1.3, HTTP/1.1, no client certificates.
    pub(crate) fn config(&self) -> Result<ServerConfig, ApiError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.cert_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| ApiError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(ApiError::Certificate("there is none".to_owned()));
        }
        // What is wrong with a key is not told: it might tell something of the key.
        let key = PrivateKeyDer::from_pem_slice(self.key.expose()).map_err(|_| ApiError::Key)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// A certificate for these names and addresses that nobody vouches for, and its key, both PEM: clients
/// trust it by having it. It does not end; a new one replaces it.
pub fn self_signed(names: &[String]) -> Result<(String, Secret<Vec<u8>>), ApiError> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Portcullis");
    params.is_ca = IsCa::ExplicitNoCa;
    // No key usages: clients that trust it directly would want it to be allowed to sign itself.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key_pem = Secret::new(key.serialize_pem().into_bytes());
    Ok((certificate.pem(), key_pem))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn made() -> TlsIdentity {
        let (cert_pem, key) = self_signed(&["localhost".to_owned()]).unwrap();
        TlsIdentity { cert_pem, key }
    }

    #[test]
    fn a_made_certificate_and_its_key_can_be_served() {
        assert!(made().config().is_ok());
    }

    #[test]
    fn the_key_of_another_certificate_is_refused() {
        let identity = TlsIdentity {
            key: made().key,
            ..made()
        };
        assert!(matches!(identity.config(), Err(ApiError::Identity(_))));
    }

    #[test]
    fn what_is_no_certificate_or_no_key_is_refused() {
        let no_certificate = TlsIdentity {
            cert_pem: String::new(),
            ..made()
        };
        let no_key = TlsIdentity {
            key: Secret::new(Vec::new()),
            ..made()
        };
        assert!(matches!(
            no_certificate.config(),
            Err(ApiError::Certificate(_))
        ));
        assert!(matches!(no_key.config(), Err(ApiError::Key)));
    }
}
