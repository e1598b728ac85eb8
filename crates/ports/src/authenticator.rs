//! Sign-in methods: what an identity enrolled, what a caller presents, and what that proves.

use portcullis_model::{Factor, KindDescriptor, Secret, Timestamp};

use crate::Entropy;
use crate::control::KeyProof;

/// What a caller presents. There is no variant for an offer: only what proves something.
#[derive(Debug)]
pub enum Presented {
    /// A password.
    Password(Secret<String>),
    /// A one-time code.
    Code(Secret<String>),
    /// A public key whose signature over this connection was verified.
    SignedKey(SignedKey),
}

/// A public key (OpenSSH text) whose signature over this connection was verified. Only a
/// [`KeyProof`] becomes one:
///
/// ```
/// # use portcullis_ports::{authenticator::SignedKey, control::KeyProof};
/// fn presents(proof: &KeyProof) -> SignedKey {
///     SignedKey::from(proof)
/// }
/// ```
///
/// What a client merely offers does not:
///
/// ```compile_fail,E0277
/// # use portcullis_ports::{authenticator::SignedKey, control::KeyOffer};
/// fn presents(offer: &KeyOffer) -> SignedKey {
///     SignedKey::from(offer)
/// }
/// ```
///
/// Nor does the text of a key, from wherever it comes:
///
/// ```compile_fail,E0423
/// # use portcullis_ports::{authenticator::SignedKey, control::KeyOffer};
/// fn presents(offer: KeyOffer) -> SignedKey {
///     SignedKey(offer.fingerprint)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedKey(String);

impl SignedKey {
    /// The key, as the gate wrote it.
    pub fn as_openssh(&self) -> &str {
        &self.0
    }
}

impl From<&KeyProof> for SignedKey {
    fn from(proof: &KeyProof) -> Self {
        Self(proof.public_key.clone())
    }
}

/// What a person brings to an enrolment. It proves nothing, so it is no [`Presented`].
#[derive(Debug)]
pub enum Chosen {
    /// The password to be.
    Password(Secret<String>),
    /// The text of a public key; kept as a secret because people paste the private one by mistake.
    PublicKey(Secret<String>),
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
    /// The machine cannot do the work of judging at the moment.
    #[error("the {0} cannot be judged: the machine is short of memory, try again later")]
    Exhausted(&'static str),
}

/// One sign-in method.
pub trait Authenticator: Send + Sync {
    /// Its name and the schema of its settings.
    fn descriptor(&self) -> KindDescriptor;

    /// Takes in what a person sets (a password, a public key) or makes one (a TOTP seed). `label` names account and installation.
    fn enroll(
        &self,
        chosen: Option<Chosen>,
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

    /// Judges an attempt for somebody who enrolled nothing: does the work of `verify`, so that the time it
    /// takes does not tell who exists, and fails whatever is presented.
    fn decoy(&self, presented: &Presented, now: Timestamp) -> AuthenticatorError;
}
