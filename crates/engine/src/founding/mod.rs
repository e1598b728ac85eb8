//! Making an installation: its keys and slots, its first people, its first policy bundle.

mod keys;
mod people;

use portcullis_flow::installation::{FOUNDING_LASTS, Installation, InstallationEvent};
use portcullis_model::{IdentityId, InstallationId, Secret, TenantId};
use portcullis_policy::Bundle;
use portcullis_ports::clock::random;
use portcullis_ports::store::SealedRow;
use portcullis_vault::{KdfCost, Keyring};

use crate::bundles;
use crate::changes::apply::check_name;
use crate::failure::Failure;
use crate::journal::{Journal, Loaded};
use crate::ports::Ports;
use crate::secrets::{Intake, Vault, draw_from};

pub(crate) use keys::online_slot;
use keys::{NewKeys, make_slots, open_both};
use people::{Person, people};

/// The sealed row that holds the slots.
pub(crate) const SLOTS: &str = "slots";

/// The sealed row that holds the keyring.
pub(crate) const KEYRING: &str = "keyring";

/// Who is there at the beginning.
#[derive(Debug, Clone)]
pub enum Beginning {
    /// One administrator, who may enroll owners and add resources until three owners exist.
    Founder {
        /// The administrator's name.
        name: String,
    },
    /// Demo identities: a requester and one owner of each role. Not to be trusted with anything.
    Evaluation,
}

/// What an installation is made from.
pub struct Founding {
    /// Who is there.
    pub beginning: Beginning,
    /// The passphrase of the offline slot.
    pub passphrase: Secret<String>,
    /// What one guess at it costs.
    pub cost: KdfCost,
    /// The private key of the HTTPS door.
    pub tls_key: Secret<Vec<u8>>,
    /// The policy bundle to start with.
    pub bundle: Bundle,
}

/// What founding an installation leaves to be kept or handed out.
#[derive(Debug)]
pub struct Founded {
    /// What opens the online slot: to be kept where `serve` finds it.
    pub online: Secret<String>,
    /// One-time enrolment tokens, by name.
    pub tokens: Vec<(String, Secret<String>)>,
    /// What verifies the ledger's checkpoints.
    pub ledger_key: String,
    /// What target hosts are to trust.
    pub ssh_authority: String,
}

/// The ledger's origin: names it in every checkpoint.
pub(crate) fn origin(installation: InstallationId) -> String {
    format!("portcullis/{installation}")
}

/// Makes an installation in an empty store.
pub async fn found(ports: &Ports, founding: Founding) -> Result<Founded, Failure> {
    if !ports.store.events(0, 1).await?.is_empty() {
        return Err(Failure::Conflict(
            "there is an installation in this data folder already".to_owned(),
        ));
    }
    if let Beginning::Founder { name } = &founding.beginning {
        check_name(name)?;
    }
    let journal = ports.journal(fresh_tenant(ports));
    let installation = journal.fresh_id::<InstallationId>();
    let mut draw = draw_from(ports.entropy.as_ref());
    let root = portcullis_vault::InstallationRoot::create(&mut draw)?;
    let (slots, online) = make_slots(ports, &founding, installation, &root)?;
    let keyring = Keyring::create(&root, journal.tenant, &mut draw)?;
    let slots = slots.to_json()?;
    open_both(ports.sealer.as_ref(), &slots, &online, &founding.passphrase)?;
    let rows = [(SLOTS, slots.into_bytes()), (KEYRING, keyring.to_bytes()?)];
    let vault = Vault::new(keyring, journal.clone());
    let keys = NewKeys::make(ports, &origin(installation))?;

    let people = people(&journal, &founding.beginning);
    let mut command = journal.command(None);
    let mut stream = Loaded::<Installation>::fresh(installation);
    let event = founded_event(&journal, installation, &founding, &keys, &people);
    command.push(&mut stream, &event)?;
    for (id, bytes) in rows {
        command.seal(
            &stream.stream,
            SealedRow {
                id: id.to_owned(),
                version: 1,
                bytes,
            },
        );
    }
    for key in keys.all(founding.tls_key) {
        let intake = Intake {
            name: &key.name,
            kind: key.kind,
            public: &key.public,
            value: &key.value,
            change: None,
        };
        vault.store(&mut command, &intake).await?;
    }
    let tokens = people::add(&journal, &mut command, people)?;
    bundles::save(ports, &founding.bundle).await?;
    command.commit().await?;
    Ok(Founded {
        online,
        tokens,
        ledger_key: keys.ledger_key,
        ssh_authority: keys.ssh_authority,
    })
}

fn fresh_tenant(ports: &Ports) -> TenantId {
    use portcullis_model::id::TypedId;
    TenantId::from_parts(ports.clock.now(), random(ports.entropy.as_ref()))
}

fn founded_event(
    journal: &Journal,
    installation: InstallationId,
    founding: &Founding,
    keys: &NewKeys,
    people: &[Person],
) -> InstallationEvent {
    let founder = match founding.beginning {
        Beginning::Founder { .. } => people.first().map(|person| person.identity.id),
        Beginning::Evaluation => None::<IdentityId>,
    };
    InstallationEvent::Founded {
        installation,
        evaluation: matches!(founding.beginning, Beginning::Evaluation),
        founder,
        until: journal.now().plus(FOUNDING_LASTS),
        ledger_key: keys.ledger_key.clone(),
        ssh_authority: keys.ssh_authority.clone(),
        bundle: founding.bundle.digest(),
    }
}
