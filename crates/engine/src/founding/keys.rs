//! The slots of a new installation, and Portcullis' own keys.

use portcullis_ledger::NoteSigner;
use portcullis_model::{InstallationId, Secret};
use portcullis_ports::Sealer;
use portcullis_ports::clock::random;
use portcullis_vault::slot::Passphrase;
use portcullis_vault::{
    Custody, InstallationRoot, SecretKind, Slot, SlotKind, Slots, SshAuthority,
};

use super::Founding;
use crate::failure::Failure;
use crate::ports::Ports;
use crate::secrets::{OwnSecret, draw_from};
use crate::unlock::{open_offline, open_online};

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
    let (online, identity) = online_slot(ports, root)?;
    let by = Passphrase {
        installation,
        text: &founding.passphrase,
        cost: founding.cost,
    };
    let mut draw = draw_from(ports.entropy.as_ref());
    let now = ports.clock.now();
    let offline = Slot::from_passphrase(OFFLINE, now, root, &by, &mut draw)?;
    Ok((
        Slots::new(installation, root, vec![online, offline])?,
        identity,
    ))
}

/// An online slot by the sealer, and what opens it.
pub(crate) fn online_slot(
    ports: &Ports,
    root: &InstallationRoot,
) -> Result<(Slot, Secret<String>), Failure> {
    let (identity, recipient) = ports.sealer.generate();
    let wrapped = ports
        .sealer
        .seal(&recipient, root.expose_to_slot_sealer())?;
    let kind = SlotKind::new(ports.sealer.name())?;
    let now = ports.clock.now();
    let slot = Slot::from_sealer(kind, ONLINE, Custody::Online, now, &wrapped)?;
    Ok((slot, identity))
}

/// Opens both slots as they will be stored, each with what will be kept to open it: one that does not open now never
/// would.
pub(super) fn open_both(
    sealer: &dyn Sealer,
    stored: &str,
    online: &Secret<String>,
    passphrase: &Secret<String>,
) -> Result<(), Failure> {
    let slots = Slots::from_json(stored)?;
    let by_slot = [
        (ONLINE, open_online(sealer, &slots, online)),
        (OFFLINE, open_offline(&slots, passphrase)),
    ];
    for (label, opened) in by_slot {
        opened.map_err(|error| {
            Failure::Unavailable(format!(
                "the {label} key slot cannot be opened with what it was made for: {error}; nothing was founded, \
                 run portcullis init again once that is mended"
            ))
        })?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use portcullis_model::Timestamp;
    use portcullis_model::id::TypedId;
    use portcullis_ports::SealerError;
    use portcullis_vault::KdfCost;

    use super::*;

    /// Seals nothing: what is sealed lies open.
    struct Glass;

    impl Sealer for Glass {
        fn name(&self) -> &'static str {
            "glass"
        }

        fn seal(&self, _: &str, plain: &[u8]) -> Result<Vec<u8>, SealerError> {
            Ok(plain.to_vec())
        }

        fn open(&self, _: &Secret<String>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealerError> {
            Ok(Secret::new(sealed.to_vec()))
        }

        fn generate(&self) -> (Secret<String>, String) {
            (text(""), String::new())
        }
    }

    fn text(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// Slots of one root, of which the online one holds another.
    fn stored(root: u8, online: u8, passphrase: &str) -> Result<String, Failure> {
        let now = Timestamp::from_millis(1);
        let installation = InstallationId::from_parts(now, [1; 10]);
        let root_of = |byte: u8| InstallationRoot::from_slot(&Secret::new(vec![byte; 32]));
        let (root, held) = (root_of(root)?, root_of(online)?);
        let kind = SlotKind::new("glass")?;
        let wrapped = held.expose_to_slot_sealer();
        let online = Slot::from_sealer(kind, ONLINE, Custody::Online, now, wrapped)?;
        let by = Passphrase {
            installation,
            text: &text(passphrase),
            cost: KdfCost::new(19 * 1024, 2, 1)?,
        };
        let mut draw = |bytes: &mut [u8]| {
            bytes.fill(5);
            Ok(())
        };
        let offline = Slot::from_passphrase(OFFLINE, now, &root, &by, &mut draw)?;
        Ok(Slots::new(installation, &root, vec![online, offline])?.to_json()?)
    }

    #[test]
    fn both_slots_open_with_what_is_kept_or_nothing_is_founded() -> Result<(), Failure> {
        let open = |stored: &str, passphrase| {
            let opened = open_both(&Glass, stored, &text(""), &text(passphrase));
            opened.map_err(|failure| failure.to_string())
        };
        let (good, words) = (stored(7, 7, "seven herons")?, "seven herons");
        assert_eq!(open(&good, words), Ok(()));
        let told = open(&good, "eight herons").err().unwrap_or_default();
        assert!(told.contains("the offline key slot"), "{told}");
        let told = open(&stored(7, 8, words)?, words).err().unwrap_or_default();
        assert!(told.contains("the online key slot"), "{told}");
        Ok(())
    }
}
