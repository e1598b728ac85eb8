//! Opening an installation's vault when the server starts.

use portcullis_flow::installation::Installation;
use portcullis_model::{Event, InstallationId, Secret, TenantId};
use portcullis_ports::Sealer;
use portcullis_vault::{InstallationRoot, Keyring, Slots};

use crate::failure::Failure;
use crate::founding::{KEYRING, SLOTS};
use crate::journal::{Journal, Loaded};
use crate::ports::Ports;
use crate::secrets::Vault;

/// What opens the vault.
pub enum Unlock {
    /// The identity of the online slot.
    Online(Secret<String>),
    /// The passphrase of the offline slot.
    Passphrase(Secret<String>),
}

/// An installation as it was found, its vault open.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) installation: Loaded<Installation>,
    pub(crate) vault: Vault,
}

/// Who the store belongs to, from its first event.
pub(crate) async fn whose(ports: &Ports) -> Result<(TenantId, InstallationId), Failure> {
    let first = ports.store.events(0, 1).await?;
    let first = first.first().ok_or_else(|| {
        Failure::NotFound("installation in this data folder: run portcullis init".to_owned())
    })?;
    let event = Event::from_leaf(&first.leaf)?;
    let installation = event.stream.parse::<InstallationId>().map_err(|_| {
        Failure::Damaged("the first event of the store is not an installation's".to_owned())
    })?;
    Ok((event.tenant, installation))
}

/// Opens it.
pub(crate) async fn open(ports: &Ports, unlock: Unlock) -> Result<Opened, Failure> {
    let (tenant, installation) = whose(ports).await?;
    let journal = ports.journal(tenant);
    let slots = slots(ports).await?;
    if slots.installation() != installation {
        return Err(Failure::Damaged(
            "the key slots are another installation's".to_owned(),
        ));
    }
    let root = open_root(ports, &slots, unlock)?;
    let keyring = stored(ports, KEYRING).await?;
    let keyring = Keyring::open(&root, tenant, &keyring)?;
    let vault = Vault::new(keyring, journal.clone());
    let installation = journal.load::<Installation>(installation).await?;
    Ok(Opened {
        journal,
        installation,
        vault,
    })
}

/// The key slots as they are stored.
pub(crate) async fn slots(ports: &Ports) -> Result<Slots, Failure> {
    let text = String::from_utf8(stored(ports, SLOTS).await?)
        .map_err(|_| Failure::Damaged("the key slots are not text".to_owned()))?;
    Ok(Slots::from_json(&text)?)
}

async fn stored(ports: &Ports, id: &str) -> Result<Vec<u8>, Failure> {
    let row = ports.store.sealed(id, None).await?;
    row.map(|row| row.bytes)
        .ok_or_else(|| Failure::Damaged(format!("the store has no {id}")))
}

fn open_root(ports: &Ports, slots: &Slots, unlock: Unlock) -> Result<InstallationRoot, Failure> {
    match unlock {
        Unlock::Passphrase(text) => open_offline(slots, &text),
        Unlock::Online(identity) => open_online(ports.sealer.as_ref(), slots, &identity),
    }
}

/// Opens a slot of the sealer's, and checks that it gave this installation's root.
pub(crate) fn open_online(
    sealer: &dyn Sealer,
    slots: &Slots,
    identity: &Secret<String>,
) -> Result<InstallationRoot, Failure> {
    let mut last = Failure::NotFound(format!("key slot of kind {}", sealer.name()));
    for slot in slots
        .iter()
        .filter(|slot| slot.kind().as_str() == sealer.name())
    {
        match sealer.open(identity, slot.wrapped()?) {
            Ok(opened) => {
                let root = InstallationRoot::from_slot(&opened)?;
                slots.recognise(&root)?;
                return Ok(root);
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Opens a slot by its passphrase, and checks that it gave this installation's root.
pub(crate) fn open_offline(
    slots: &Slots,
    text: &Secret<String>,
) -> Result<InstallationRoot, Failure> {
    let mut last = Failure::NotFound("key slot opened by a passphrase".to_owned());
    for slot in slots
        .iter()
        .filter(|slot| *slot.kind() == portcullis_vault::SlotKind::PASSPHRASE)
    {
        match slots.open_with_passphrase(slot.label(), text) {
            Ok(root) => return Ok(root),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}
