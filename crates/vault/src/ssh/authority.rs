//! The SSH user-certificate authority: one short certificate per session (OpenSSH's PROTOCOL.certkeys).

use std::fmt;

use portcullis_model::Secret;
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PrivateKey, PublicKey};

use super::address::is_network;

/// The length of an authority's seed in bytes.
pub const SEED_LEN: usize = 32;

/// The longest a certificate is valid, in seconds. sshd looks at it when a session begins, so minutes are enough.
pub const MAX_CERTIFICATE_SECS: u64 = 24 * 60 * 60;

/// OpenSSH reads the greatest number as "for ever" and takes none between.
const LAST_SECS: u64 = i64::MAX.unsigned_abs();

const MAX_TEXT_LEN: usize = 4096;

/// Why no certificate is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The subject is no key that can be certified.
    #[error("the key to certify is refused: {reason}")]
    Subject {
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate without principals is valid for everybody.
    #[error("a certificate names at least one account; without any it would open them all")]
    NoPrincipal,
    /// An account name that sshd could read in two ways.
    #[error(
        "{0:?} is not an account name: it is empty, or has a blank, comma, wildcard or control character"
    )]
    Principal(String),
    /// The window is empty or too long.
    #[error(
        "a certificate is valid for 1 to {MAX_CERTIFICATE_SECS} seconds, not from {valid_after} to {valid_before}"
    )]
    Window {
        /// Its beginning, in seconds since the Unix epoch.
        valid_after: u64,
        /// Its end, in seconds since the Unix epoch.
        valid_before: u64,
    },
    /// A text that would break the target's log, or its reading of the certificate.
    #[error(
        "the certificate's {field} is empty, longer than {MAX_TEXT_LEN} bytes, or has a control character"
    )]
    Text {
        /// The field.
        field: &'static str,
    },
    /// No address.
    #[error(
        "{0:?} is not an address or a network such as 192.0.2.0/24 with nothing set behind its prefix"
    )]
    SourceAddress(String),
    /// The nonce is all zeros.
    #[error("the certificate's nonce was not drawn at random")]
    Nonce,
    /// Signing or encoding failed.
    #[error("the certificate could not be made: {0}")]
    Encoding(String),
}

/// What a certificate is to say. Nothing that is not named here is permitted: no forwarding of ports, agent or X11,
/// no rc files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertRequest {
    /// The public key to certify, as one OpenSSH line.
    pub subject: String,
    /// The accounts it may log in to; at least one.
    pub principals: Vec<String>,
    /// From when, in seconds since the Unix epoch.
    pub valid_after: u64,
    /// Until when (not including), in seconds since the Unix epoch; at most [`MAX_CERTIFICATE_SECS`] later.
    pub valid_before: u64,
    /// Its number.
    pub serial: u64,
    /// What the target writes into its log.
    pub key_id: String,
    /// The only command that can be run.
    pub force_command: Option<String>,
    /// Addresses or networks it may be used from; none means any.
    pub source_addresses: Vec<String>,
    /// Whether a terminal may be asked for.
    pub permit_pty: bool,
}

/// The authority's key, open.
pub struct SshAuthority(PrivateKey);

impl SshAuthority {
    /// The authority of a seed.
    pub fn from_seed(seed: &Secret<[u8; SEED_LEN]>) -> Self {
        Self(PrivateKey::from(Ed25519Keypair::from_seed(seed.expose())))
    }

    /// The line for a target's `TrustedUserCAKeys`.
    pub fn public_openssh(&self) -> Result<String, AuthorityError> {
        self.0.public_key().to_openssh().map_err(encoding)
    }

    /// Such as `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Makes a user certificate: one line, as `ssh` reads it beside the private key. `nonce` is random.
    pub fn certify(
        &self,
        request: &CertRequest,
        nonce: &[u8; 32],
    ) -> Result<String, AuthorityError> {
        request.check()?;
        if nonce == &[0; 32] {
            return Err(AuthorityError::Nonce);
        }
        let subject = self.subject(&request.subject)?;
        let mut builder = Builder::new(
            nonce.as_slice(),
            subject,
            request.valid_after,
            request.valid_before,
        )
        .map_err(encoding)?;
        request.fill(&mut builder).map_err(encoding)?;
        let certificate = builder.sign(&self.0).map_err(encoding)?;
        certificate.to_openssh().map_err(encoding)
    }

    fn subject(&self, line: &str) -> Result<KeyData, AuthorityError> {
        let refuse = |reason: &str| AuthorityError::Subject {
            reason: reason.to_owned(),
        };
        let key = PublicKey::from_openssh(line).map_err(|error| refuse(&error.to_string()))?;
        match key.key_data() {
            KeyData::Ed25519(_)
            | KeyData::Ecdsa(_)
            | KeyData::Rsa(_)
            | KeyData::SkEd25519(_)
            | KeyData::SkEcdsaSha2NistP256(_) => {}
            _ => return Err(refuse("it is not an ed25519, ecdsa or rsa key")),
        }
        if key.key_data() == self.0.public_key().key_data() {
            return Err(refuse("it is the authority's own"));
        }
        Ok(key.key_data().clone())
    }
}

impl fmt::Debug for SshAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshAuthority({})", self.fingerprint())
    }
}

impl CertRequest {
    fn check(&self) -> Result<(), AuthorityError> {
        if self.principals.is_empty() {
            return Err(AuthorityError::NoPrincipal);
        }
        if let Some(bad) = self.principals.iter().find(|name| !is_account(name)) {
            return Err(AuthorityError::Principal(bad.clone()));
        }
        match self.valid_before.checked_sub(self.valid_after) {
            Some(1..=MAX_CERTIFICATE_SECS) if self.valid_before <= LAST_SECS => {}
            _ => {
                return Err(AuthorityError::Window {
                    valid_after: self.valid_after,
                    valid_before: self.valid_before,
                });
            }
        }
        check_text("key id", &self.key_id)?;
        if let Some(command) = &self.force_command {
            check_text("forced command", command)?;
        }
        match self.source_addresses.iter().find(|text| !is_network(text)) {
            Some(bad) => Err(AuthorityError::SourceAddress(bad.clone())),
            None => Ok(()),
        }
    }

    fn fill(&self, builder: &mut Builder) -> Result<(), ssh_key::Error> {
        builder
            .cert_type(CertType::User)?
            .serial(self.serial)?
            .key_id(&self.key_id)?;
        for principal in &self.principals {
            builder.valid_principal(principal)?;
        }
        if let Some(command) = &self.force_command {
            builder.critical_option("force-command", command)?;
        }
        if !self.source_addresses.is_empty() {
            builder.critical_option("source-address", self.source_addresses.join(","))?;
        }
        if self.permit_pty {
            builder.extension("permit-pty", "")?;
        }
        Ok(())
    }
}

fn is_account(name: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ',' | '*' | '?' | '!');
    !name.is_empty() && name.len() <= 255 && !name.contains(odd)
}

fn check_text(field: &'static str, text: &str) -> Result<(), AuthorityError> {
    if text.is_empty() || text.len() > MAX_TEXT_LEN || text.contains(char::is_control) {
        return Err(AuthorityError::Text { field });
    }
    Ok(())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` takes"
)]
fn encoding(error: ssh_key::Error) -> AuthorityError {
    AuthorityError::Encoding(error.to_string())
}
