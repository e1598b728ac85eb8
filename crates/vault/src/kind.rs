//! What a sealed secret is. The name is bound into the ciphertext, so one kind never opens as another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that is no kind of secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of secret")]
pub struct UnknownKind(String);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A kind of secret. The names are part of stored bytes and never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum SecretKind {
            $($(#[$doc])* $name,)+
        }

        impl SecretKind {
            /// Every kind, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

kinds! {
    /// A password of an account at a target.
    Password = "password",
    /// An SSH private key of an account at a target, in OpenSSH's format.
    SshKey = "ssh_key",
    /// The seed of an SSH user-certificate authority, 32 bytes.
    SshUserAuthority = "ssh_user_authority",
    /// The seed of the SSH door's own host key, 32 bytes.
    SshHostKey = "ssh_host_key",
    /// The private key of the HTTPS door's certificate.
    TlsKey = "tls_key",
    /// The seed of an identity's time-based one-time passwords.
    TotpSeed = "totp_seed",
    /// What an identity's password is checked against.
    PasswordVerifier = "password_verifier",
    /// The key of one tape.
    TapeKey = "tape_key",
    /// The seed of the key that signs leases.
    LeaseKey = "lease_key",
    /// The seed of the key that signs the ledger's checkpoints.
    LedgerKey = "ledger_key",
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SecretKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .iter()
            .find(|kind| kind.as_str() == text)
            .copied()
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_the_names_in_json() {
        for kind in SecretKind::ALL {
            assert_eq!(kind.as_str().parse::<SecretKind>().unwrap(), *kind);
            assert_eq!(
                serde_json::to_string(kind).unwrap(),
                format!("{:?}", kind.as_str())
            );
        }
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!("Password".parse::<SecretKind>().is_err());
    }
}
