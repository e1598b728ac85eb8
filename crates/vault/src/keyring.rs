//! A tenant's keys: its root under the installation root, and one key per epoch under that.

use std::collections::BTreeMap;
use std::fmt;

use portcullis_model::{Secret, TenantId};

use crate::context::SecretContext;
use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::framing::{Fields, FormatError, Reader, begin, push_short_text};
use crate::key::{Key, WrappedKey};
use crate::root::InstallationRoot;
use crate::sealed::{Record, SealedSecret};

const WHAT: &str = "keyring";
const MAGIC: [u8; 4] = *b"PCKR";
const MAC_LEN: usize = 32;

const WRAPS_TENANT_ROOTS: &str = "installation root wraps tenant roots";
const WRAPS_EPOCH_KEYS: &str = "tenant root wraps epoch keys";
const AUTHENTICATES_KEYRING: &str = "tenant root authenticates its keyring";
const WRAPS_DATA_KEYS: &str = "epoch key wraps data keys";

/// The number of an epoch; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u32);

/// The keys of one tenant, open. Stored as [`Keyring::to_bytes`], which only the installation root opens.
///
/// Bytes: `PCKR`, version 1, tenant (1 + n), wrapped tenant root (60), number of epochs (4), for each its number (4)
/// and wrapped key (60), HMAC-SHA256 of all that (32). The tag keeps a list from being cut or mixed; it cannot tell
/// an older keyring of the same tenant, whose newest epoch is then simply the current one.
pub struct Keyring {
    tenant: TenantId,
    tenant_root: Key,
    wrapped_root: WrappedKey,
    current: Epoch,
    epochs: BTreeMap<Epoch, EpochKey>,
}

struct EpochKey {
    /// Derived from the epoch's key; the key itself is not kept.
    wrapping: Key,
    wrapped: WrappedKey,
}

impl Keyring {
    /// Makes a tenant's root and its first epoch.
    pub fn create(
        root: &InstallationRoot,
        tenant: TenantId,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, VaultError> {
        let tenant_root = Key::draw(entropy)?;
        let wrapped_root = root.key().derive(WRAPS_TENANT_ROOTS)?.wrap(
            &tenant_root_data(tenant),
            &tenant_root,
            entropy,
        )?;
        let current = Epoch::FIRST;
        let first = EpochKey::create(&tenant_root, tenant, current, entropy)?;
        Ok(Self {
            tenant,
            tenant_root,
            wrapped_root,
            current,
            epochs: BTreeMap::from([(current, first)]),
        })
    }

    /// Opens a stored keyring. Tells a root that is not this keyring's from a keyring that is altered.
    pub fn open(
        root: &InstallationRoot,
        tenant: TenantId,
        stored: &[u8],
    ) -> Result<Self, VaultError> {
        let parsed = Stored::read(stored)?;
        if parsed.tenant != tenant.to_string() {
            return Err(VaultError::KeyringOfAnotherTenant {
                wanted: tenant,
                found: parsed.tenant.to_owned(),
            });
        }
        let tenant_root = root
            .key()
            .derive(WRAPS_TENANT_ROOTS)?
            .unwrap_key(&tenant_root_data(tenant), &parsed.root)
            .map_err(|_| VaultError::WrongRoot { tenant })?;
        let authentic = tenant_root
            .derive(AUTHENTICATES_KEYRING)?
            .authentic(parsed.signed, &parsed.mac);
        if !authentic {
            return Err(VaultError::KeyringAltered { tenant });
        }
        Self::assemble(tenant, tenant_root, parsed)
    }

    fn assemble(
        tenant: TenantId,
        tenant_root: Key,
        parsed: Stored<'_>,
    ) -> Result<Self, VaultError> {
        let mut epochs = BTreeMap::new();
        for (epoch, wrapped) in parsed.epochs {
            let key = EpochKey::open(&tenant_root, tenant, epoch, wrapped)?;
            epochs.insert(epoch, key);
        }
        let current = *epochs
            .keys()
            .next_back()
            .ok_or(VaultError::KeyringAltered { tenant })?;
        Ok(Self {
            tenant,
            tenant_root,
            wrapped_root: parsed.root,
            current,
            epochs,
        })
    }

    /// The bytes to store. They hold no key in clear.
    pub fn to_bytes(&self) -> Result<Vec<u8>, VaultError> {
        let mut out = begin(MAGIC);
        push_short_text(&mut out, &self.tenant.to_string());
        self.wrapped_root.write(&mut out);
        let count = u32::try_from(self.epochs.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for (epoch, key) in &self.epochs {
            out.extend_from_slice(&epoch.0.to_be_bytes());
            key.wrapped.write(&mut out);
        }
        let mac = self
            .tenant_root
            .derive(AUTHENTICATES_KEYRING)?
            .authenticate(&out);
        out.extend_from_slice(mac.as_ref());
        Ok(out)
    }

    /// Whose keys these are.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The epoch that new secrets are sealed under.
    pub const fn current_epoch(&self) -> Epoch {
        self.current
    }

    /// The epochs that can still be opened, oldest first.
    pub fn epochs(&self) -> impl Iterator<Item = Epoch> {
        self.epochs.keys().copied()
    }

    /// Begins a new epoch. Store [`Keyring::to_bytes`] before anything sealed under it.
    pub fn rotate_epoch(&mut self, entropy: &mut dyn Entropy) -> Result<Epoch, VaultError> {
        let next = self.current.next().ok_or(VaultError::EpochsExhausted)?;
        let key = EpochKey::create(&self.tenant_root, self.tenant, next, entropy)?;
        self.epochs.insert(next, key);
        self.current = next;
        Ok(next)
    }

    /// Forgets an old epoch: what is still sealed under it can never be opened again once no stored copy of the
    /// keyring has it. The current epoch cannot be dropped.
    pub fn drop_epoch(&mut self, epoch: Epoch) -> Result<(), VaultError> {
        if epoch == self.current {
            return Err(VaultError::CurrentEpoch(epoch));
        }
        match self.epochs.remove(&epoch) {
            Some(_) => Ok(()),
            None => Err(VaultError::UnknownEpoch(epoch)),
        }
    }

    /// Seals a secret under a data key of its own, wrapped for the current epoch.
    pub fn seal(
        &self,
        context: &SecretContext,
        plaintext: &Secret<Vec<u8>>,
        entropy: &mut dyn Entropy,
    ) -> Result<SealedSecret, VaultError> {
        self.own(context)?;
        let data_key = Key::draw(entropy)?;
        let record = Record::seal(
            &data_key,
            &context.record_data(),
            plaintext.expose(),
            entropy,
        )?;
        self.wrap(context, &data_key, record, entropy)
    }

    /// **Releases a secret.** Nothing but engine's `secrets::release`, which takes a permit, may call this. It opens
    /// only under the context it was sealed with.
    pub fn open_sealed(
        &self,
        context: &SecretContext,
        sealed: &SealedSecret,
    ) -> Result<Secret<Vec<u8>>, VaultError> {
        let data_key = self.data_key(context, sealed)?;
        sealed
            .record
            .open(&data_key, &context.record_data())
            .ok_or(VaultError::Refused(*context))
    }

    /// Moves a sealed secret to the current epoch: its data key is wrapped anew, its ciphertext stays as it is.
    pub fn rewrap(
        &self,
        context: &SecretContext,
        sealed: &SealedSecret,
        entropy: &mut dyn Entropy,
    ) -> Result<SealedSecret, VaultError> {
        let data_key = self.data_key(context, sealed)?;
        self.wrap(context, &data_key, sealed.record.clone(), entropy)
    }

    fn wrap(
        &self,
        context: &SecretContext,
        data_key: &Key,
        record: Record,
        entropy: &mut dyn Entropy,
    ) -> Result<SealedSecret, VaultError> {
        let epoch = self.current;
        let wrapped = self
            .epoch_key(epoch)?
            .wrap(&context.wrap_data(epoch), data_key, entropy)?;
        Ok(SealedSecret {
            epoch,
            wrapped,
            record,
        })
    }

    fn data_key(&self, context: &SecretContext, sealed: &SealedSecret) -> Result<Key, VaultError> {
        self.own(context)?;
        self.epoch_key(sealed.epoch)?
            .unwrap_key(&context.wrap_data(sealed.epoch), &sealed.wrapped)
            .map_err(|_| VaultError::Refused(*context))
    }

    fn epoch_key(&self, epoch: Epoch) -> Result<&Key, VaultError> {
        self.epochs
            .get(&epoch)
            .map(|key| &key.wrapping)
            .ok_or(VaultError::UnknownEpoch(epoch))
    }

    fn own(&self, context: &SecretContext) -> Result<(), VaultError> {
        if context.tenant == self.tenant {
            return Ok(());
        }
        Err(VaultError::TenantMismatch {
            keyring: self.tenant,
            wanted: context.tenant,
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("tenant", &self.tenant)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl Epoch {
    pub(crate) const FIRST: Self = Self(1);

    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        match reader.number("epoch")? {
            0 => Err(reader.impossible("epoch")),
            number => Ok(Self(number)),
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}", self.0)
    }
}

impl EpochKey {
    fn create(
        tenant_root: &Key,
        tenant: TenantId,
        epoch: Epoch,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, VaultError> {
        let key = Key::draw(entropy)?;
        let wrapped = tenant_root.derive(WRAPS_EPOCH_KEYS)?.wrap(
            &epoch_key_data(tenant, epoch),
            &key,
            entropy,
        )?;
        Ok(Self {
            wrapping: key.derive(WRAPS_DATA_KEYS)?,
            wrapped,
        })
    }

    fn open(
        tenant_root: &Key,
        tenant: TenantId,
        epoch: Epoch,
        wrapped: WrappedKey,
    ) -> Result<Self, VaultError> {
        let wrapping = tenant_root
            .derive(WRAPS_EPOCH_KEYS)?
            .unwrap_key(&epoch_key_data(tenant, epoch), &wrapped)
            .map_err(|_| VaultError::KeyringAltered { tenant })?
            .derive(WRAPS_DATA_KEYS)?;
        Ok(Self { wrapping, wrapped })
    }
}

fn tenant_root_data(tenant: TenantId) -> Vec<u8> {
    Fields::new("portcullis vault tenant root v1")
        .text(&tenant.to_string())
        .finish()
}

fn epoch_key_data(tenant: TenantId, epoch: Epoch) -> Vec<u8> {
    Fields::new("portcullis vault epoch key v1")
        .text(&tenant.to_string())
        .number(epoch.0)
        .finish()
}

/// A stored keyring, read but not believed.
struct Stored<'a> {
    tenant: &'a str,
    root: WrappedKey,
    epochs: Vec<(Epoch, WrappedKey)>,
    signed: &'a [u8],
    mac: [u8; MAC_LEN],
}

impl<'a> Stored<'a> {
    fn read(stored: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::open(WHAT, MAGIC, stored)?;
        let tenant = reader.short_text("tenant")?;
        let root = WrappedKey::read(&mut reader, "tenant root")?;
        let epochs = Self::read_epochs(&mut reader)?;
        let mac = reader.array("tag")?;
        reader.finish()?;
        let signed = stored.get(..stored.len().saturating_sub(MAC_LEN));
        Ok(Self {
            tenant,
            root,
            epochs,
            signed: signed.unwrap_or_default(),
            mac,
        })
    }

    /// Numbers rise, and there is at least one; so one list of epochs has one form.
    fn read_epochs(reader: &mut Reader<'_>) -> Result<Vec<(Epoch, WrappedKey)>, FormatError> {
        let count = reader.number("number of epochs")?;
        let mut epochs: Vec<(Epoch, WrappedKey)> = Vec::new();
        for _ in 0..count {
            let epoch = Epoch::read(reader)?;
            if epochs.last().is_some_and(|(last, _)| *last >= epoch) {
                return Err(reader.impossible("order of epochs"));
            }
            epochs.push((epoch, WrappedKey::read(reader, "epoch key")?));
        }
        if epochs.is_empty() {
            return Err(reader.impossible("number of epochs"));
        }
        Ok(epochs)
    }
}
