//! What can go wrong with keys and sealed secrets, by cause.

use portcullis_model::TenantId;

use crate::context::SecretContext;
use crate::entropy::NoEntropy;
use crate::framing::FormatError;
use crate::keyring::Epoch;

/// Why a key or a secret could not be made, read or opened. It never holds any part of either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// Stored bytes that are no well-formed blob.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The key an installation root was to be read from has another length.
    #[error(
        "an installation root has 32 bytes, this has {found}; the slot does not hold an installation root"
    )]
    RootLength {
        /// The length in bytes.
        found: usize,
    },
    /// The keyring names another tenant.
    #[error("the keyring belongs to {found}, not to {wanted}; check which record was read")]
    KeyringOfAnotherTenant {
        /// The tenant whose keyring was asked for.
        wanted: TenantId,
        /// The tenant the keyring names.
        found: String,
    },
    /// The installation root does not unwrap the tenant root.
    #[error(
        "the keyring of {tenant} does not open with this installation root: it was made under another, or is altered"
    )]
    WrongRoot {
        /// The keyring's tenant.
        tenant: TenantId,
    },
    /// The installation root opens the tenant root, but the rest is not what was written.
    #[error("the keyring of {tenant} is altered after its tenant root; restore it from a backup")]
    KeyringAltered {
        /// The keyring's tenant.
        tenant: TenantId,
    },
    /// The context names a tenant that the keyring is not of.
    #[error("the keyring of {keyring} holds no secrets of {wanted}")]
    TenantMismatch {
        /// The keyring's tenant.
        keyring: TenantId,
        /// The context's tenant.
        wanted: TenantId,
    },
    /// The keyring has no key of that epoch: it was dropped, or the record is from elsewhere.
    #[error("the keyring has no key of {0}: it was dropped, or the record is of another keyring")]
    UnknownEpoch(Epoch),
    /// The newest epoch cannot be dropped.
    #[error("{0} is the one new secrets are sealed under; rotate first, rewrap, then drop it")]
    CurrentEpoch(Epoch),
    /// There is no further epoch number.
    #[error("the keyring has used every epoch number")]
    EpochsExhausted,
    /// The sealed secret is altered, or belongs elsewhere.
    #[error(
        "the sealed {} {} of {} does not open as its version {}: it is altered or belongs elsewhere; restore it from a backup",
        .0.kind, .0.secret, .0.tenant, .0.version
    )]
    Refused(SecretContext),
    /// The plaintext is too long.
    #[error("a secret has at most {max} bytes, this has {found}")]
    TooLong {
        /// The length in bytes.
        found: usize,
        /// The greatest length in bytes.
        max: usize,
    },
    /// The cryptographic library refused what it should never refuse.
    #[error("the cryptographic library could not {0}")]
    Cryptography(&'static str),
}
