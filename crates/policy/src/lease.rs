//! Signed leases: a permit to open a session, carried from control to a gate that has no policy and no
//! vault of its own. Bytes: signature (64), length of the header (4, big-endian), header (canonical
//! JSON), body (opaque). The signature covers a domain and everything behind it.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use portcullis_model::digest::canonical_json;
use portcullis_model::{Controls, Digest, Path, ResourceId, Secret, SessionId, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::permit::{SessionPermit, Terms};

/// Signatures over anything else by the same key are none over a lease.
const DOMAIN: &[u8] = b"portcullis lease\n";
const VERSION: u8 = 2;
const SIGNATURE_LEN: usize = 64;
const LENGTH_LEN: usize = 4;

/// What goes along with the permit.
#[derive(Debug)]
pub struct LeaseBody {
    /// The session to open.
    pub session: SessionId,
    /// The last moment at which the gate may open it; the permit's own end, when that is earlier.
    pub not_after: Timestamp,
    /// What the gate needs and this crate does not read: target, credential, slice of facts.
    pub payload: Secret<Vec<u8>>,
}

/// A verified lease.
#[derive(Debug)]
#[must_use = "a lease that is not used opens nothing"]
pub struct Lease {
    /// The permit, as it was sealed.
    pub permit: SessionPermit,
    /// The session to open.
    pub session: SessionId,
    /// What went along.
    pub payload: Secret<Vec<u8>>,
}

/// Why a lease was not sealed or is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// The signing key could not be used.
    #[error("the lease key cannot sign; check that the installation's key was unlocked")]
    Key,
    /// What goes along is too long to be written.
    #[error("the lease cannot be written: {0}; shorten what goes along with it")]
    Unwritable(String),
    /// The bytes are no lease.
    #[error("these bytes are no lease: they end too early; ask control for a new lease")]
    Truncated,
    /// Control did not sign these bytes.
    #[error(
        "the lease was not signed by this installation, or was changed; ask control for a new lease"
    )]
    Signature,
    /// Control signed something that this version does not read.
    #[error("the lease cannot be read: {0}; run the same version at control and gate")]
    Unreadable(String),
    /// It came too late.
    #[error("the lease ended at {ended} ms and it is {now} ms; ask control for a new lease")]
    Expired {
        /// Its end, in milliseconds since 1970.
        ended: u64,
        /// The present moment, likewise.
        now: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    v: u8,
    session: SessionId,
    path: Path,
    bundle: Digest,
    intent: Digest,
    subject: Subject,
    resource: ResourceId,
    profile: Controls,
    not_after: Timestamp,
}

/// A lease on its way. May hold a credential: prints nothing of itself and is wiped.
#[derive(PartialEq, Eq)]
pub struct SignedLease(Secret<Vec<u8>>);

impl SignedLease {
    /// The bytes, for the connection to the gate and nothing else.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for SignedLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedLease([redacted])")
    }
}

/// The key that control signs leases with.
pub struct LeaseSigner {
    key: Ed25519KeyPair,
}

impl LeaseSigner {
    /// From an Ed25519 seed (RFC 8032) that is used for nothing else.
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Result<Self, LeaseError> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed.expose());
        Ok(Self {
            key: key.map_err(|_| LeaseError::Key)?,
        })
    }

    /// What gates verify with.
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut key = [0_u8; 32];
        for (slot, byte) in key.iter_mut().zip(self.key.public_key().as_ref()) {
            *slot = *byte;
        }
        VerifyingKey(key)
    }

    /// Spends a permit to make a lease of it.
    pub fn seal(
        &self,
        permit: impl Into<SessionPermit>,
        body: LeaseBody,
    ) -> Result<SignedLease, LeaseError> {
        let LeaseBody {
            session,
            not_after,
            payload,
        } = body;
        let permit = permit.into();
        let header = canonical_json(&Header {
            v: VERSION,
            session,
            path: permit.path(),
            bundle: permit.bundle(),
            intent: permit.intent(),
            subject: permit.subject().clone(),
            resource: permit.resource(),
            profile: permit.profile(),
            not_after: not_after.min(permit.not_after()),
        })
        .map_err(|error| LeaseError::Unwritable(error.to_string()))?;
        let length = u32::try_from(header.len())
            .map_err(|error| LeaseError::Unwritable(error.to_string()))?;
        let payload = payload.expose();
        // Room for all of it at once: a buffer that grows leaves copies of a credential behind.
        let signed_len = DOMAIN.len() + LENGTH_LEN + header.len() + payload.len();
        let mut message = Vec::with_capacity(signed_len);
        message.extend_from_slice(DOMAIN);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&header);
        message.extend_from_slice(payload);
        let message = Secret::new(message);
        let signature = self
            .key
            .try_sign(message.expose())
            .map_err(|_| LeaseError::Key)?;
        let mut bytes = Vec::with_capacity(SIGNATURE_LEN + signed_len);
        bytes.extend_from_slice(signature.as_ref());
        bytes.extend(message.expose().iter().skip(DOMAIN.len()));
        drop(permit);
        Ok(SignedLease(Secret::new(bytes)))
    }
}

impl fmt::Debug for LeaseSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseSigner({:?})", self.verifying_key())
    }
}

/// The public half of a [`LeaseSigner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// A key made elsewhere.
    pub const fn from_array(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a gate reads leases with.
#[derive(Debug, Clone, Copy)]
pub struct LeaseVerifier {
    key: VerifyingKey,
}

impl LeaseVerifier {
    /// Trusts the leases of one installation.
    pub const fn new(key: VerifyingKey) -> Self {
        Self { key }
    }

    /// Reads a lease: signature first, then version and end. Bytes from anywhere are fine.
    pub fn verify_lease(&self, bytes: &[u8], now: Timestamp) -> Result<Lease, LeaseError> {
        let (signature, signed) = bytes
            .split_at_checked(SIGNATURE_LEN)
            .ok_or(LeaseError::Truncated)?;
        let message = Secret::new([DOMAIN, signed].concat());
        UnparsedPublicKey::new(&ED25519, self.key.as_bytes())
            .verify(message.expose(), signature)
            .map_err(|_| LeaseError::Signature)?;
        let (header, payload) = parts(signed).ok_or(LeaseError::Truncated)?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| LeaseError::Unreadable(error.to_string()))?;
        if header.v != VERSION {
            let told = format!("it has version {}, this reads {VERSION}", header.v);
            return Err(LeaseError::Unreadable(told));
        }
        if now > header.not_after {
            return Err(LeaseError::Expired {
                ended: header.not_after.as_millis(),
                now: now.as_millis(),
            });
        }
        let terms = Terms {
            bundle: header.bundle,
            intent: header.intent,
            subject: header.subject,
            profile: header.profile,
            not_after: header.not_after,
        };
        Ok(Lease {
            permit: SessionPermit::new(header.path, terms, header.resource),
            session: header.session,
            payload: Secret::new(payload.to_vec()),
        })
    }
}

/// Header and body of the signed part.
fn parts(signed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = signed.split_first_chunk::<LENGTH_LEN>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
