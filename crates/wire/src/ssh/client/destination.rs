//! Where to go, with what, and why it did not work.

use portcullis_model::Secret;

use crate::ssh::keys::PublicKey;

/// Where to go, as whom.
#[derive(Debug)]
pub struct Destination {
    /// `host:port`.
    pub address: String,
    /// The keys the host may show; never empty.
    pub host_keys: Vec<PublicKey>,
    /// The account.
    pub account: String,
    /// What opens it.
    pub credential: Credential,
}

/// What opens an account.
#[derive(Debug)]
pub enum Credential {
    /// A key and the certificate made for it, OpenSSH text.
    Certificate {
        /// The private key.
        private_key: Secret<String>,
        /// The certificate.
        certificate: String,
    },
    /// A private key, OpenSSH text.
    Key(Secret<String>),
    /// A password.
    Password(Secret<String>),
}

/// Why a target cannot be used. Whoever is being brought there reads it: it does not say where the target is.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there, or nobody answers.
    #[error(
        "the target cannot be reached: {reason}; its owner checks the resource's address and the network"
    )]
    Unreachable {
        /// What was seen.
        reason: String,
    },
    /// It is another host, or has another key.
    #[error(
        "the target shows the host key {shown}, which is not the one on record ({known}); if the host was \
         reinstalled, its owner compares with `ssh-keygen -lf` on the host itself and has the resource's host_keys \
         changed, otherwise somebody may be in between"
    )]
    HostKey {
        /// The fingerprint it shows.
        shown: String,
        /// Those on record.
        known: String,
    },
    /// The credential cannot be used.
    #[error("the credential for {account} cannot be used: {reason}")]
    Credential {
        /// The account.
        account: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The target did not let us in.
    #[error(
        "the target does not let {account} in with the injected credential; its owner sees with \
         `portcullis resources show` what has to be placed there"
    )]
    NotLetIn {
        /// The account.
        account: String,
    },
    /// The two have no common language, or the connection broke.
    #[error("the SSH connection to the target failed: {reason}")]
    Protocol {
        /// What was seen.
        reason: String,
    },
}
