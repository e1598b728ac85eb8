//! Somebody elsewhere who keeps the last checkpoint they saw of the ledger, so that one that was rolled back or
//! rewritten does not pass for it.

use async_trait::async_trait;

/// What a witness answers. It is its own word, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// The checkpoint continues what it saw; the signature lines that say so.
    Cosigned(Vec<u8>),
    /// What it was shown does not start at the checkpoint it saw last, which has this size.
    Knows(u64),
    /// The proof does not hold: what it was shown does not begin with what it saw.
    Contradicted,
    /// Something else is wrong, in words for the log.
    Refused(String),
}

/// A witness could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("witness {witness} was not reached: {cause}")]
pub struct WitnessError {
    /// Its name.
    pub witness: String,
    /// What the client said.
    pub cause: String,
}

/// A witness. It answers within seconds, or fails.
#[async_trait]
pub trait Witness: Send + Sync {
    /// What its word is verified with, as signed notes write keys.
    fn key(&self) -> &str;

    /// Shows it how the ledger grew: the body of `add-checkpoint` of <https://c2sp.org/tlog-witness>.
    async fn show(&self, growth: String) -> Result<Word, WitnessError>;
}
