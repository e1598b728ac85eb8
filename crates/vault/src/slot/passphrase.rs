//! The passphrase slot: Argon2id (RFC 9106), a check value, and the wrapped installation root.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use portcullis_model::{InstallationId, Secret};
use zeroize::{Zeroize, Zeroizing};

use super::SlotError;
use crate::entropy::{Entropy, draw};
use crate::error::VaultError;
use crate::framing::{Fields, FormatError, Reader, push_short_text};
use crate::key::{KEY_LEN, Key, WrappedKey};
use crate::root::InstallationRoot;

/// The shortest passphrase of a slot, in characters.
pub const MIN_PASSPHRASE_CHARS: usize = 12;

const WHAT: &str = "passphrase slot";
const SALT_LEN: usize = 16;
const CHECK_LEN: usize = 32;
const WRAPS: &str = "passphrase wraps installation root";
const CHECKS: &str = "passphrase recognises itself";

/// What one guess costs. Recorded in the slot, so that a later default changes no old slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl KdfCost {
    /// RFC 9106, section 4, second recommendation: 64 MiB, 3 passes, 4 lanes.
    pub const RECOMMENDED: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };

    /// 19 MiB to 1 GiB, 2 to 64 passes, 1 to 16 lanes. The lower bounds keep a guess dear; the upper ones keep a
    /// rewritten slot from taking the machine down.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, SlotError> {
        let good = (19 * 1024..=1024 * 1024).contains(&memory_kib)
            && (2..=64).contains(&passes)
            && (1..=16).contains(&lanes);
        if good {
            return Ok(Self {
                memory_kib,
                passes,
                lanes,
            });
        }
        Err(SlotError::CostOutOfRange {
            memory_kib,
            passes,
            lanes,
        })
    }

    fn key(self, passphrase: &Secret<String>, salt: &[u8; SALT_LEN]) -> Result<Key, SlotError> {
        let failed = |error: argon2::Error| SlotError::Kdf(error.to_string());
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_LEN)).map_err(failed)?;
        let mut memory = vec![Block::default(); params.block_count()];
        let mut out = Zeroizing::new([0_u8; KEY_LEN]);
        let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.expose().as_bytes(),
                salt,
                out.as_mut_slice(),
                &mut memory,
            );
        memory.iter_mut().for_each(Zeroize::zeroize);
        done.map_err(failed)?;
        Ok(Key::from_bytes(&out))
    }
}

/// What a passphrase slot is made from.
#[derive(Debug, Clone, Copy)]
pub struct Passphrase<'a> {
    /// The installation whose root it is.
    pub installation: InstallationId,
    /// The words; at least [`MIN_PASSPHRASE_CHARS`] characters, used as the UTF-8 bytes they are.
    pub text: &'a Secret<String>,
    /// What one guess costs.
    pub cost: KdfCost,
}

/// The slot's body: cost (3 x 4), salt (16), installation (1 + n), check value (32), wrapped root (60).
pub(super) fn seal(
    root: &InstallationRoot,
    by: &Passphrase<'_>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SlotError> {
    if by.text.expose().chars().count() < MIN_PASSPHRASE_CHARS {
        return Err(SlotError::WeakPassphrase);
    }
    let salt = *draw::<SALT_LEN>(entropy).map_err(VaultError::from)?;
    let key = by.cost.key(by.text, &salt)?;
    let mut body = Vec::with_capacity(192);
    for number in [by.cost.memory_kib, by.cost.passes, by.cost.lanes] {
        body.extend_from_slice(&number.to_be_bytes());
    }
    body.extend_from_slice(&salt);
    push_short_text(&mut body, &by.installation.to_string());
    body.extend_from_slice(key.derive(CHECKS)?.expose());
    let data = wrap_data(by.installation, by.cost, &salt);
    key.derive(WRAPS)?
        .wrap(&data, root.key(), entropy)?
        .write(&mut body);
    Ok(body)
}

/// Opens what [`seal`] made. The checksum over it has been checked, so a check value that differs means another
/// passphrase, and a wrap that then does not open means a hand that rewrote both.
pub(super) fn open(
    label: &str,
    body: &[u8],
    installation: InstallationId,
    given: &Secret<String>,
) -> Result<InstallationRoot, SlotError> {
    let label = || label.to_owned();
    let body = Body::read(body).map_err(|error| SlotError::Format {
        label: label(),
        error,
    })?;
    let cost = KdfCost::new(body.memory_kib, body.passes, body.lanes)?;
    if body.installation != installation.to_string() {
        return Err(SlotError::OtherInstallation {
            label: label(),
            wanted: installation,
            found: body.installation.to_owned(),
        });
    }
    let key = cost.key(given, &body.salt)?;
    let check = key.derive(CHECKS)?;
    if Secret::new(*check.expose()) != Secret::new(body.check) {
        return Err(SlotError::WrongPassphrase { label: label() });
    }
    key.derive(WRAPS)?
        .unwrap_key(&wrap_data(installation, cost, &body.salt), &body.wrapped)
        .map(InstallationRoot::from_key)
        .map_err(|_| SlotError::Altered { label: label() })
}

fn wrap_data(installation: InstallationId, cost: KdfCost, salt: &[u8; SALT_LEN]) -> Vec<u8> {
    Fields::new("portcullis vault passphrase slot v1")
        .text(&installation.to_string())
        .number(cost.memory_kib)
        .number(cost.passes)
        .number(cost.lanes)
        .bytes(salt)
        .finish()
}

struct Body<'a> {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_LEN],
    installation: &'a str,
    check: [u8; CHECK_LEN],
    wrapped: WrappedKey,
}

impl<'a> Body<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::over(WHAT, bytes);
        let body = Self {
            memory_kib: reader.number("memory cost")?,
            passes: reader.number("number of passes")?,
            lanes: reader.number("number of lanes")?,
            salt: reader.array("salt")?,
            installation: reader.short_text("installation")?,
            check: reader.array("check value")?,
            wrapped: WrappedKey::read(&mut reader, "wrapped root")?,
        };
        reader.finish()?;
        Ok(body)
    }
}
