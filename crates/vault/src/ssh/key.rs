//! SSH private keys: checked at intake, and made from a seed for one session.

use portcullis_model::Secret;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey};

/// The longest private key file that is read, in bytes.
const MAX_KEY_LEN: usize = 64 * 1024;

/// Why a private key is not taken in. It never holds any part of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// The file has a passphrase.
    #[error(
        "the SSH private key is encrypted; take its passphrase off a copy with `ssh-keygen -p -f FILE` and add that: the vault seals it"
    )]
    Encrypted,
    /// The other half.
    #[error("this is an SSH public key; give the private key (the file without .pub)")]
    Public,
    /// PEM of before OpenSSH 7.8, or PKCS #8.
    #[error(
        "the private key is in an older PEM format; rewrite a copy with `ssh-keygen -p -f FILE`"
    )]
    OldFormat,
    /// A PPK file.
    #[error(
        "the private key is in PuTTY's format; convert it with `puttygen FILE -O private-openssh-new`"
    )]
    Putty,
    /// The key stays in a token; the file only points at it.
    #[error(
        "the private key of {algorithm} stays in its hardware token, so the vault cannot use it; make a key without one"
    )]
    Hardware {
        /// The algorithm's name.
        algorithm: String,
    },
    /// Broken, or unknown to us.
    #[error("keys of {algorithm} are not accepted; make an ed25519 key")]
    Algorithm {
        /// The algorithm's name.
        algorithm: String,
    },
    /// It begins like a key, but is none.
    #[error("the SSH private key is damaged: {reason}; copy the whole file again")]
    Damaged {
        /// What does not fit.
        reason: String,
    },
    /// Nothing we know.
    #[error("this is not an SSH private key; it begins with `-----BEGIN OPENSSH PRIVATE KEY-----`")]
    NotAKey,
}

/// A private key as it is sealed, and what may be shown of it.
#[derive(Debug)]
pub struct SshPrivateKey {
    /// The key in OpenSSH's format, without its comment.
    pub private: Secret<Vec<u8>>,
    /// The public half as one line for `authorized_keys`, without a comment.
    pub public: String,
    /// Such as `ssh-ed25519`.
    pub algorithm: String,
    /// Such as `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// A key pair made for one session.
#[derive(Debug)]
pub struct SshKeyPair {
    /// The private half in OpenSSH's format.
    pub private: Secret<Vec<u8>>,
    /// The public half as one line.
    pub public: String,
}

/// Checks a private key at intake. The comment is dropped: it is the submitter's free text, and would be printed.
/// For Ed25519 the two halves are checked to fit; of other algorithms only that the file agrees with itself.
pub fn parse_ssh_private_key(given: &Secret<Vec<u8>>) -> Result<SshPrivateKey, SshKeyError> {
    let bytes = given.expose();
    recognise(bytes)?;
    let mut key = PrivateKey::from_openssh(bytes.trim_ascii_start()).map_err(damaged)?;
    if key.is_encrypted() {
        return Err(SshKeyError::Encrypted);
    }
    accept(&key.algorithm())?;
    key.set_comment("");
    Ok(SshPrivateKey {
        private: private_bytes(&key).map_err(damaged)?,
        public: public_line(key.public_key())?,
        algorithm: key.algorithm().as_str().to_owned(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
    })
}

/// An Ed25519 key pair from 32 random bytes.
pub fn session_key(seed: &Secret<[u8; 32]>) -> Result<SshKeyPair, SshKeyError> {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(seed.expose()));
    Ok(SshKeyPair {
        private: private_bytes(&key).map_err(damaged)?,
        public: public_line(key.public_key())?,
    })
}

fn public_line(key: &PublicKey) -> Result<String, SshKeyError> {
    key.to_openssh().map_err(damaged)
}

fn private_bytes(key: &PrivateKey) -> Result<Secret<Vec<u8>>, ssh_key::Error> {
    let text = key.to_openssh(LineEnding::LF)?;
    Ok(Secret::new(text.as_bytes().to_vec()))
}

/// Says what the bytes are when they are not what is wanted.
fn recognise(bytes: &[u8]) -> Result<(), SshKeyError> {
    if bytes.len() > MAX_KEY_LEN {
        return Err(SshKeyError::NotAKey);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| SshKeyError::NotAKey)?
        .trim_ascii_start();
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
        return Ok(());
    }
    let label = first.strip_prefix("-----BEGIN ").unwrap_or_default();
    Err(
        if label.starts_with("ENCRYPTED ") || text.contains("Proc-Type: 4,ENCRYPTED") {
            SshKeyError::Encrypted
        } else if label.contains("PRIVATE KEY") {
            SshKeyError::OldFormat
        } else if first.starts_with("PuTTY-User-Key-File") {
            SshKeyError::Putty
        } else if ["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|start| first.starts_with(start))
        {
            SshKeyError::Public
        } else {
            SshKeyError::NotAKey
        },
    )
}

fn accept(algorithm: &Algorithm) -> Result<(), SshKeyError> {
    let name = || algorithm.as_str().to_owned();
    match algorithm {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => Ok(()),
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => {
            Err(SshKeyError::Hardware { algorithm: name() })
        }
        _ => Err(SshKeyError::Algorithm { algorithm: name() }),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` takes"
)]
fn damaged(error: ssh_key::Error) -> SshKeyError {
    SshKeyError::Damaged {
        reason: error.to_string(),
    }
}
