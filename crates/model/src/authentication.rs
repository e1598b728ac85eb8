//! What a caller has proved about itself.

use serde::{Deserialize, Serialize};

use crate::{Digest, IdentityId, Timestamp};

/// One thing that was proved. An offer (a public key without a signature) has no variant here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "factor", rename_all = "snake_case")]
pub enum Factor {
    /// The identity's password.
    Password,
    /// Possession of a registered SSH key, by a signature over this connection.
    SshKey {
        /// The key's `SHA256:` fingerprint.
        fingerprint: String,
    },
    /// A time-based one-time password; each step counts once.
    Totp {
        /// The time step that was spent.
        step: u64,
    },
    /// A bearer token from an earlier sign-in.
    Token {
        /// SHA-256 of the token.
        token: Digest,
    },
    /// A step-up made beforehand through another channel.
    OutOfBand {
        /// When that step-up was made.
        at: Timestamp,
    },
}

impl Factor {
    /// Whether this factor counts as the second one.
    pub const fn is_second(&self) -> bool {
        matches!(self, Self::Totp { .. } | Self::OutOfBand { .. })
    }
}

/// Who is calling, and how that was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// The identity.
    pub identity: IdentityId,
    /// Everything that was proved, in order.
    pub factors: Vec<Factor>,
    /// When the last factor was proved.
    pub at: Timestamp,
}

impl Authentication {
    /// Whether a second factor is among what was proved.
    pub fn has_second_factor(&self) -> bool {
        self.factors.iter().any(Factor::is_second)
    }
}
