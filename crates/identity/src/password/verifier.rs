//! What a password is checked against: an Argon2id hash (RFC 9106) in the PHC string format.
//! A string that is not written exactly as we write it, or costs more or less than is sensible, is damaged.

use std::fmt;
use std::ops::RangeInclusive;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64_NOPAD;
use portcullis_model::Secret;

/// Argon2id, version 1.3.
const PREFIX: &str = "$argon2id$v=19$";
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// From OWASP's least (Password Storage Cheat Sheet) to several times ours: neither a planted weak hash nor one
/// that would exhaust the machine is computed.
const MEMORY_KIB: RangeInclusive<u32> = 19 * 1024..=256 * 1024;
const PASSES: RangeInclusive<u32> = 1..=8;
const LANES: RangeInclusive<u32> = 1..=4;

/// What computing one hash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// What new passwords are hashed with: more work than any line of OWASP's table.
    pub const CURRENT: Self = Self {
        memory_kib: 32 * 1024,
        passes: 2,
        lanes: 1,
    };

    /// One that no machine can pay.
    #[cfg(test)]
    pub const IMPOSSIBLE: Self = Self {
        memory_kib: 0,
        passes: 0,
        lanes: 0,
    };

    fn parse(text: &str) -> Option<Self> {
        let (memory, rest) = text.strip_prefix("m=")?.split_once(",t=")?;
        let (passes, lanes) = rest.split_once(",p=")?;
        let cost = Self {
            memory_kib: memory.parse().ok()?,
            passes: passes.parse().ok()?,
            lanes: lanes.parse().ok()?,
        };
        let sensible = MEMORY_KIB.contains(&cost.memory_kib)
            && PASSES.contains(&cost.passes)
            && LANES.contains(&cost.lanes);
        sensible.then_some(cost)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m={},t={},p={}",
            self.memory_kib, self.passes, self.lanes
        )
    }
}

/// A hash with everything needed to compute it again.
pub struct Verifier {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: Secret<[u8; HASH_BYTES]>,
}

impl Verifier {
    /// Hashes a password. Fails when there is no memory for it.
    pub fn hash(password: &str, salt: [u8; SALT_BYTES], cost: Cost) -> argon2::Result<Self> {
        let hash = digest(password, &salt, cost)?;
        Ok(Self { cost, salt, hash })
    }

    /// A verifier that costs as much as any other and whose answer means nothing.
    pub const fn decoy(cost: Cost) -> Self {
        Self {
            cost,
            salt: [0; SALT_BYTES],
            hash: Secret::new([0; HASH_BYTES]),
        }
    }

    /// What judging with it takes.
    #[cfg(test)]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// Whether this is the password, in constant time. Fails when there is no memory to find out.
    pub fn accepts(&self, password: &str) -> argon2::Result<bool> {
        Ok(digest(password, &self.salt, self.cost)? == self.hash)
    }

    /// The PHC string.
    pub fn to_phc(&self) -> Secret<String> {
        Secret::new(format!(
            "{PREFIX}{}${}${}",
            self.cost,
            BASE64_NOPAD.encode(&self.salt),
            BASE64_NOPAD.encode(self.hash.expose())
        ))
    }

    /// Reads a PHC string; `None` for anything this module would not have written.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut fields = text.strip_prefix(PREFIX)?.split('$');
        let verifier = Self {
            cost: Cost::parse(fields.next()?)?,
            salt: decode(fields.next()?)?,
            hash: Secret::new(decode(fields.next()?)?),
        };
        (verifier.to_phc().expose() == text).then_some(verifier)
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = Secret::new(BASE64_NOPAD.decode(text.as_bytes()).ok()?);
    bytes.expose().as_slice().try_into().ok()
}

fn digest(
    password: &str,
    salt: &[u8; SALT_BYTES],
    cost: Cost,
) -> argon2::Result<Secret<[u8; HASH_BYTES]>> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES))?;
    let mut hash = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        password.as_bytes(),
        salt,
        &mut hash,
    )?;
    Ok(Secret::new(hash))
}
