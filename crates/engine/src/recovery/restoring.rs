//! An installation restored from a backup. What happened after the backup was taken is lost: approvals that were spent,
//! grants that were given, secrets that were rotated, people who were suspended. So it starts frozen. Whatever the
//! backup had open is over, what it gave is taken away at the targets, and nothing opens until three owners have seen
//! what the targets hold (decision 16).

use portcullis_flow::identity::IdentityEvent;
use portcullis_flow::installation::{Installation, InstallationEvent};
use portcullis_ledger::NoteVerifier;
use portcullis_model::{Event, Secret, Timestamp};
use portcullis_ports::store::SealedRow;
use portcullis_vault::{Custody, Slots};

use crate::Engine;
use crate::failure::Failure;
use crate::founding::{SLOTS, online_slot};
use crate::inspection;
use crate::ports::Ports;
use crate::start::{Options, assemble};
use crate::unlock::{Unlock, open_offline, slots, whose};

/// Why everything that was open ends.
const WHY: &str =
    "the installation was restored from a backup, and what happened since is not known";

/// What restoring leaves to be kept.
#[derive(Debug)]
pub struct Restored {
    /// What opens the new online slot: to be kept where `serve` finds it, which takes the one before no more. Both open the
    /// same root: with a copy of the database that has its slot, the one before still opens what is sealed.
    pub online: Secret<String>,
    /// What verifies the ledger's checkpoints, as before.
    pub ledger_key: String,
    /// How many events the backup held.
    pub events: u64,
    /// When the last of them was. Nothing vouches for the backup being of any later time.
    pub as_of: Timestamp,
}

/// What the ledger vouches for in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vouched {
    /// How many events there are.
    pub events: u64,
    /// When the last of them was.
    pub as_of: Timestamp,
}

/// Makes an installation of what was unpacked from a backup: opened by its offline slot, with a new online one, frozen,
/// and with nothing open. `said` is when the backup says that it was taken. What fails half way is thrown away and unpacked
/// anew.
pub async fn restore(
    ports: Ports,
    said: Timestamp,
    passphrase: Secret<String>,
) -> Result<Restored, Failure> {
    let (slots, online) = with_new_online_slot(&ports, &passphrase).await?;
    inspection::rows(&ports).await?;
    let Vouched { events, as_of } = vouched(&ports, said).await?;
    let assembled = assemble(ports, Options::default(), Unlock::Passphrase(passphrase)).await?;
    let engine = assembled.engine;
    engine.freeze(as_of, events, slots).await?;
    engine.clear_slate(WHY, &IdentityEvent::Restored {}).await?;
    Ok(Restored {
        online,
        ledger_key: assembled.installation.ledger_key,
        events,
        as_of,
    })
}

/// Refuses a store that is not, to its last event, what the ledger has signed: nothing else vouches for what it says. Nor may
/// it say of itself that it is older than that.
pub async fn vouched(ports: &Ports, said: Timestamp) -> Result<Vouched, Failure> {
    let (tenant, installation) = whose(ports).await?;
    let journal = ports.journal(tenant);
    let loaded = journal.load::<Installation>(installation).await?;
    let key = NoteVerifier::parse(&loaded.get()?.ledger_key)?;
    let signed = inspection::events(ports, &key).await?;
    let there = *ports.store.committed().borrow();
    if signed != there {
        return Err(Failure::Damaged(format!(
            "the backup has {there} events, and its ledger vouches for {signed} of them: take another one"
        )));
    }
    let last = ports.store.events(there.saturating_sub(1), 1).await?;
    let last = last.first().map(|stored| Event::from_leaf(&stored.leaf));
    let as_of = last.transpose()?.map_or(said, |event| event.at);
    if said < as_of {
        return Err(Failure::Damaged(format!(
            "the backup says that it was taken at {said}, and its last event was at {as_of}: take another one"
        )));
    }
    Ok(Vouched {
        events: there,
        as_of,
    })
}

/// The slots with another one in place of those that were opened on the lost machine.
async fn with_new_online_slot(
    ports: &Ports,
    passphrase: &Secret<String>,
) -> Result<(String, Secret<String>), Failure> {
    let known = slots(ports).await?;
    let root = open_offline(&known, passphrase)?;
    let (online, identity) = online_slot(ports, &root)?;
    let offline = known
        .iter()
        .filter(|slot| slot.custody() == Custody::Offline);
    let slots = offline.cloned().chain([online]).collect();
    let slots = Slots::new(known.installation(), &root, slots)?;
    Ok((slots.to_json()?, identity))
}

impl Engine {
    async fn freeze(&self, as_of: Timestamp, events: u64, slots: String) -> Result<(), Failure> {
        let known = self.journal.store.sealed(SLOTS, None).await?;
        let mut loaded = self.journal.load::<Installation>(self.installation).await?;
        let mut command = self.journal.command(None);
        let restored = InstallationEvent::Restored {
            taken_at: as_of,
            events,
        };
        command.push(&mut loaded, &restored)?;
        command.seal(
            &loaded.stream,
            SealedRow {
                id: SLOTS.to_owned(),
                version: known.map_or(1, |row| row.version + 1),
                bytes: slots.into_bytes(),
            },
        );
        command.commit().await
    }
}
