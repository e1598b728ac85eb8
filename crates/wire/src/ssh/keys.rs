//! Keys as OpenSSH writes them: read, named by fingerprint, and made from random bytes.

use std::fmt;

use portcullis_model::Secret;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};

use super::algorithms;

/// Why a key cannot be used. Never holds any part of a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no key.
    #[error("this is no key in OpenSSH's format ({0}); give one line such as `ssh-ed25519 AAAA…`")]
    Unreadable(String),
    /// A key that is not supported.
    #[error("keys of {0} cannot be used here; use an ed25519 or ecdsa key")]
    Algorithm(String),
    /// A private key with a passphrase.
    #[error("the private key is encrypted; take its passphrase off with `ssh-keygen -p`")]
    Encrypted,
}

/// A public key of an algorithm that can be used here.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(russh::keys::PublicKey);

impl PublicKey {
    /// Reads one line: algorithm, base64, and perhaps a comment, which is dropped.
    pub fn parse(line: &str) -> Result<Self, KeyError> {
        let key = russh::keys::PublicKey::from_openssh(line.trim())
            .map_err(|error| KeyError::Unreadable(error.to_string()))?;
        if !algorithms::is_usable(&key.algorithm()) {
            return Err(KeyError::Algorithm(key.algorithm().to_string()));
        }
        Ok(Self::from_wire(&key))
    }

    pub(crate) fn from_wire(key: &russh::keys::PublicKey) -> Self {
        Self(russh::keys::PublicKey::new(key.key_data().clone(), ""))
    }

    pub(crate) fn algorithm(&self) -> russh::keys::Algorithm {
        self.0.algorithm()
    }

    /// Such as `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// One line without a comment.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_openssh().map_err(|_| fmt::Error)?.trim_end())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

/// A server's private key.
#[derive(Clone)]
pub struct HostKey(PrivateKey);

impl HostKey {
    /// Reads OpenSSH's format.
    pub fn parse(text: &Secret<String>) -> Result<Self, KeyError> {
        private_key(text).map(Self)
    }

    /// An Ed25519 key of 32 random bytes.
    pub fn generate(seed: &Secret<[u8; 32]>) -> Self {
        Self(PrivateKey::from(Ed25519Keypair::from_seed(seed.expose())))
    }

    /// The private half in OpenSSH's format.
    pub fn openssh(&self) -> Result<Secret<String>, KeyError> {
        self.0
            .to_openssh(LineEnding::LF)
            .map(|text| Secret::new(text.to_string()))
            .map_err(|error| KeyError::Unreadable(error.to_string()))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::from_wire(self.0.public_key())
    }

    pub(crate) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.public().fingerprint())
    }
}

/// Says why a private key could not be used to sign in at a target, if so.
pub fn check_private_key(text: &Secret<String>) -> Result<(), KeyError> {
    private_key(text).map(|_| ())
}

pub(crate) fn private_key(text: &Secret<String>) -> Result<PrivateKey, KeyError> {
    let key = PrivateKey::from_openssh(text.expose())
        .map_err(|error| KeyError::Unreadable(error.to_string()))?;
    if key.is_encrypted() {
        return Err(KeyError::Encrypted);
    }
    if !algorithms::is_usable(&key.algorithm()) {
        return Err(KeyError::Algorithm(key.algorithm().to_string()));
    }
    Ok(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_reads_back_and_depends_on_its_bytes_alone() {
        let one = HostKey::generate(&Secret::new([1; 32]));
        let read = HostKey::parse(&one.openssh().unwrap()).unwrap();
        assert_eq!(read.public(), one.public());
        let other = HostKey::generate(&Secret::new([2; 32]));
        assert_ne!(other.public(), one.public());
    }

    #[test]
    fn a_public_key_loses_its_comment_and_keeps_its_fingerprint() {
        let key = HostKey::generate(&Secret::new([3; 32])).public();
        let commented = PublicKey::parse(&format!("{key} ana@example\n")).unwrap();
        assert_eq!(commented.to_string(), key.to_string());
        assert!(commented.fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn what_is_no_key_or_cannot_be_used_is_refused() {
        for text in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "root:x:0:0"] {
            assert!(
                matches!(PublicKey::parse(text), Err(KeyError::Unreadable(_))),
                "{text}"
            );
        }
        let private = Secret::new("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned());
        assert!(HostKey::parse(&private).is_err());
    }
}
