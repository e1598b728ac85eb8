//! Sealing small keys to somebody outside: an age identity, a passphrase, one day a hardware module.

use portcullis_model::Secret;

/// Why sealing or opening failed.
#[derive(Debug, thiserror::Error)]
pub enum SealerError {
    /// The recipient or identity is not of this sealer's form.
    #[error("{what} is not usable: {cause}")]
    Malformed {
        /// What was given.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The sealed bytes are for somebody else.
    #[error("none of the given identities can open this")]
    NotForUs,
    /// The sealed bytes are damaged.
    #[error("the sealed bytes are damaged: {0}")]
    Damaged(String),
}

/// Seals small keys to recipients. What it needs of randomness it draws itself.
pub trait Sealer: Send + Sync {
    /// The name in configuration and slots: `age`.
    fn name(&self) -> &'static str;

    /// Seals to one recipient, in the sealer's own notation.
    fn seal(&self, recipient: &str, plain: &[u8]) -> Result<Vec<u8>, SealerError>;

    /// Opens with an identity, in the sealer's own notation.
    fn open(
        &self,
        identity: &Secret<String>,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, SealerError>;

    /// A new identity and its recipient.
    fn generate(&self) -> (Secret<String>, String);
}
