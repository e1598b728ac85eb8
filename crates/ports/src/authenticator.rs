//! Sign-in methods: what an identity enrolled, what a caller presents, and what that proves.

use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};

use crate::Entropy;

/// What a caller presents. There is no variant for an offer: only what proves something.
#[derive(Debug)]
pub enum Presented {
    /// A password.
    Password(Secret<String>),
    /// A one-time code.
    Code(Secret<String>),
    /// A public key (OpenSSH text) whose signature over this connection was verified.
    SignedKey(String),
}

/// What enrolling a method leaves behind.
#[derive(Debug)]
pub struct Enrolled {
    /// To be sealed by the vault: what later attempts are checked against.
    pub verifier: Secret<Vec<u8>>,
    /// To be shown once to the person who enrolls, if anything (a TOTP seed as an `otpauth` URI).
    pub show_once: Option<Secret<String>>,
    /// What may stand in records: a key's fingerprint, a method's parameters.
    pub public: String,
}

/// Why an attempt proved nothing, or an enrolment is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticatorError {
    /// It does not match what was enrolled.
    #[error("the {0} does not match")]
    Mismatch(&'static str),
    /// What was presented is for another method.
    #[error("the {0} method cannot judge what was presented")]
    Unfit(&'static str),
    /// What was enrolled cannot be read.
    #[error("the enrolled {0} is damaged: enroll again")]
    Damaged(&'static str),
    /// What is to be enrolled is not acceptable.
    #[error("{0}")]
    Unacceptable(String),
}

/// One sign-in method.
pub trait Authenticator: Send + Sync {
    /// Its name and the schema of its settings.
    fn descriptor(&self) -> KindDescriptor;

    /// Takes in what a person sets (a password, a public key) or makes one (a TOTP seed). `label` names account and installation.
    fn enroll(
        &self,
        presented: Option<Presented>,
        label: &str,
        entropy: &dyn Entropy,
    ) -> Result<Enrolled, AuthenticatorError>;

    /// Judges an attempt. Takes time on purpose (password hashing): call it where blocking is allowed.
    fn verify(
        &self,
        verifier: &Secret<Vec<u8>>,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Factor, AuthenticatorError>;
}
