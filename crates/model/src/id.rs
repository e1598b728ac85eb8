//! Identifiers that say what they name: `req_01k…`, a type prefix and a time-ordered `UUIDv7`.
//!
//! The text form is a `TypeID` (prefix, underscore, 26 characters of lower-case Crockford base32).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BODY_LEN: usize = 26;

/// Why a text is not an identifier of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text names something else, or nothing.
    #[error(
        "{text:?} is not an identifier of the form {prefix}_… (26 characters after the underscore)"
    )]
    Prefix {
        /// The prefix that was wanted.
        prefix: &'static str,
        /// The text that was given.
        text: String,
    },
    /// The prefix is right, the rest is not base32 of 128 bits.
    #[error("{text:?} is damaged: its part after {prefix}_ is not 26 characters of base32")]
    Body {
        /// The prefix that was read.
        prefix: &'static str,
        /// The text that was given.
        text: String,
    },
}

fn uuid_v7(at: Timestamp, random: [u8; 10]) -> u128 {
    let time = u128::from(at.as_millis() & 0xffff_ffff_ffff) << 80;
    let mut tail = [0_u8; 16];
    for (slot, byte) in tail.iter_mut().skip(6).zip(random) {
        *slot = byte;
    }
    let entropy = u128::from_be_bytes(tail);
    let cleared = (time | entropy) & !(0xf_u128 << 76) & !(0b11_u128 << 62);
    cleared | (0x7_u128 << 76) | (0b10_u128 << 62)
}

fn encode(value: u128) -> String {
    (0..BODY_LEN)
        .rev()
        .filter_map(|place| {
            let index = usize::try_from((value >> (5 * place)) & 31).ok()?;
            ALPHABET.get(index).copied().map(char::from)
        })
        .collect()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != BODY_LEN || text.as_bytes().first()? > &b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        Some((value << 5) | u128::try_from(digit).ok()?)
    })
}

/// What all identifiers share: a stream of events is addressed by any of them.
pub trait TypedId: Copy + fmt::Display + FromStr<Err = IdError> {
    /// The text before the underscore.
    const PREFIX: &'static str;

    /// Makes an identifier from the time and ten random bytes; equal inputs give equal identifiers.
    fn from_parts(at: Timestamp, random: [u8; 10]) -> Self;
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl TypedId for $name {
            const PREFIX: &'static str = $prefix;

            fn from_parts(at: Timestamp, random: [u8; 10]) -> Self {
                Self(uuid_v7(at, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let body = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| {
                    IdError::Prefix { prefix: $prefix, text: text.to_owned() }
                })?;
                decode(body).map(Self).ok_or_else(|| IdError::Body {
                    prefix: $prefix,
                    text: text.to_owned(),
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl From<$name> for StreamId {
            fn from(id: $name) -> Self {
                Self(id.to_string())
            }
        }
    )+};
}

typed_id! {
    /// One installation's tenant. Today an installation has one.
    TenantId = "tnt";
    /// An installation, the root of its key hierarchy and the origin of its ledger.
    InstallationId = "ins";
    /// A person, workload, CI job, vendor or agent.
    IdentityId = "idn";
    /// A system that access is asked for.
    ResourceId = "res";
    /// An access request, on either path.
    RequestId = "req";
    /// What an approved request became.
    GrantId = "grt";
    /// One brokered session.
    SessionId = "ses";
    /// A vaulted secret.
    SecretId = "sec";
    /// A group of identities, typed by path.
    GroupId = "grp";
    /// A change of policy, resources or identities that owners sign.
    ChangeId = "chg";
    /// A task: a program with typed arguments that owners declared for a resource.
    TaskId = "tsk";
    /// What is known of a resource's host.
    HostId = "hst";
}

impl HostId {
    /// That of a resource: each has one.
    pub const fn of(resource: ResourceId) -> Self {
        Self(resource.0)
    }
}

/// The name of a stream of events: the text of the identifier it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(String);

impl StreamId {
    /// Reads the identifier back, when the stream belongs to one of that type.
    pub fn parse<T: TypedId>(&self) -> Result<T, IdError> {
        self.0.parse()
    }

    /// The text, as written in leaves.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_back_what_it_printed() {
        let id = RequestId::from_parts(Timestamp::from_millis(1_795_000_000_000), [0xab; 10]);
        assert_eq!(id.to_string().parse::<RequestId>().unwrap(), id);
        assert_eq!(id.to_string().len(), "req_".len() + BODY_LEN);
    }

    #[test]
    fn later_identifiers_sort_after_earlier_ones() {
        let early = GrantId::from_parts(Timestamp::from_millis(1_000), [0xff; 10]);
        let late = GrantId::from_parts(Timestamp::from_millis(1_001), [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn an_identifier_of_another_type_is_refused() {
        let id = RequestId::from_parts(Timestamp::from_millis(1), [1; 10]).to_string();
        assert!(matches!(id.parse::<GrantId>(), Err(IdError::Prefix { .. })));
    }

    #[test]
    fn damaged_identifiers_are_refused() {
        for text in [
            "req_",
            "req_zzzzzzzzzzzzzzzzzzzzzzzzzz",
            "req_0000000000000000000000000l",
            "req_é",
        ] {
            assert!(
                matches!(text.parse::<RequestId>(), Err(IdError::Body { .. })),
                "{text}"
            );
        }
    }
}
