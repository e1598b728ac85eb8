//! The slots of a new installation, and Portcullis' own keys.

use portcullis_ledger::NoteSigner;
use portcullis_model::{InstallationId, Secret};
use portcullis_ports::clock::random;
use portcullis_vault::slot::Passphrase;
use portcullis_vault::{
    Custody, InstallationRoot, SecretKind, Slot, SlotKind, Slots, SshAuthority,
};

use super::Founding;
use crate::failure::Failure;
use crate::ports::Ports;
use crate::secrets::{OwnSecret, draw_from};

/// The label of the slot that `serve` opens.
pub(crate) const ONLINE: &str = "online";

/// The label of the slot to keep elsewhere.
pub(crate) const OFFLINE: &str = "offline";

/// An online slot by the sealer and an offline one by a passphrase; and what opens the first.
pub(super) fn make_slots(
    ports: &Ports,
    founding: &Founding,
    installation: InstallationId,
    root: &InstallationRoot,
) -> Result<(Slots, Secret<String>), Failure> {
    let now = ports.clock.now();
    let (identity, recipient) = ports.sealer.generate();
    let wrapped = ports
        .sealer
        .seal(&recipient, root.expose_to_slot_sealer())?;
    let kind = SlotKind::new(ports.sealer.name())?;
    let online = Slot::from_sealer(kind, ONLINE, Custody::Online, now, &wrapped)?;
    let by = Passphrase {
        installation,
        text: &founding.passphrase,
        cost: founding.cost,
    };
    let mut draw = draw_from(ports.entropy.as_ref());
    let offline = Slot::from_passphrase(OFFLINE, now, root, &by, &mut draw)?;
    Ok((
        Slots::new(installation, root, vec![online, offline])?,
        identity,
    ))
}

/// A key to be taken into the vault.
pub(super) struct NewKey {
    pub(super) name: String,
    pub(super) kind: SecretKind,
    pub(super) public: String,
    pub(super) value: Secret<Vec<u8>>,
}

/// Portcullis' own keys, just made.
pub(super) struct NewKeys {
    pub(super) ledger_key: String,
    pub(super) ssh_authority: String,
    ledger: [u8; 32],
    leases: [u8; 32],
    authority: [u8; 32],
    doors: Vec<(String, Secret<String>, String)>,
}

impl NewKeys {
    pub(super) fn make(ports: &Ports, origin: &str) -> Result<Self, Failure> {
        let entropy = ports.entropy.as_ref();
        let (ledger, leases, authority) = (random(entropy), random(entropy), random(entropy));
        let mut doors = Vec::new();
        for broker in &ports.brokers {
            let (private, public) = broker.generate_host_key(entropy)?;
            doors.push((broker.descriptor().name.to_owned(), private, public));
        }
        Ok(Self {
            ledger_key: NoteSigner::from_seed(origin, &ledger)?
                .verifier()
                .to_string(),
            ssh_authority: SshAuthority::from_seed(&Secret::new(authority)).public_openssh()?,
            ledger,
            leases,
            authority,
            doors,
        })
    }

    /// All of them with the HTTPS door's, ready to be sealed.
    pub(super) fn all(&self, tls: Secret<Vec<u8>>) -> Vec<NewKey> {
        let own = |secret: OwnSecret, public: &str, value: Secret<Vec<u8>>| NewKey {
            name: secret.name().to_owned(),
            kind: secret.kind(),
            public: public.to_owned(),
            value,
        };
        let seed = |bytes: &[u8; 32]| Secret::new(bytes.to_vec());
        let mut keys = vec![
            own(OwnSecret::Ledger, &self.ledger_key, seed(&self.ledger)),
            own(OwnSecret::Leases, "", seed(&self.leases)),
            own(
                OwnSecret::SshAuthority,
                &self.ssh_authority,
                seed(&self.authority),
            ),
            own(OwnSecret::Tls, "", tls),
        ];
        keys.extend(self.doors.iter().map(|(door, private, public)| NewKey {
            name: OwnSecret::door(door),
            kind: SecretKind::SshHostKey,
            public: public.clone(),
            value: Secret::new(private.expose().as_bytes().to_vec()),
        }));
        keys
    }
}
