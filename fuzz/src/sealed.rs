//! What only this installation can have written: sealed secrets, keyrings, key slots and leases.

use std::sync::LazyLock;

use aws_lc_rs::signature::Ed25519KeyPair;
use portcullis_model::{Secret, SecretId, TenantId};
use portcullis_policy::{LeaseSigner, LeaseVerifier};
use portcullis_vault::{
    InstallationRoot, Keyring, NoEntropy, SealedSecret, SecretContext, SecretKind, Slots,
};

use crate::fixed::{NOW, fill, id, made};

const SEED: [u8; 32] = [5; 32];

pub(crate) fn check(bytes: &[u8]) {
    secret(bytes);
    keyring(bytes);
    slots(bytes);
    lease(bytes);
}

struct Vault {
    root: InstallationRoot,
    keyring: Keyring,
    kept: Vec<u8>,
    sealed: Vec<u8>,
}

static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let root = made(InstallationRoot::create(&mut counted(1)));
    let keyring = made(Keyring::create(&root, tenant(), &mut counted(2)));
    let sealed = made(keyring.seal(&context(), &plaintext(), &mut counted(3)));
    Vault {
        kept: made(keyring.to_bytes()),
        sealed: sealed.to_bytes(),
        root,
        keyring,
    }
});

/// A sealed secret has one spelling, and opens as what it was or not at all.
fn secret(bytes: &[u8]) {
    let Ok(sealed) = SealedSecret::from_bytes(bytes) else {
        return;
    };
    assert_eq!(sealed.to_bytes(), bytes);
    if let Ok(opened) = VAULT.keyring.open_sealed(&context(), &sealed) {
        assert!(
            bytes == VAULT.sealed && opened == plaintext(),
            "an altered secret opens"
        );
    }
}

fn keyring(bytes: &[u8]) {
    if let Ok(opened) = Keyring::open(&VAULT.root, tenant(), bytes) {
        assert!(bytes == VAULT.kept, "an altered keyring opens");
        assert_eq!(opened.to_bytes().ok().as_deref(), Some(bytes));
    }
}

fn slots(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(slots) = Slots::from_json(text) else {
        return;
    };
    let again = slots.to_json().and_then(|json| Slots::from_json(&json));
    assert!(
        again.is_ok_and(|again| again == slots),
        "slots are stored as they are read"
    );
    let problems = slots.check();
    let usable = slots.iter().filter(|slot| slot.wrapped().is_ok()).count();
    assert!(
        usable >= 2 || !problems.is_empty(),
        "too few slots are found sufficient"
    );
}

/// No bytes are a lease, but those that were signed; and what was signed is read as it was written.
fn lease(bytes: &[u8]) {
    let signer = made(LeaseSigner::from_seed(&Secret::new(SEED)));
    let verifier = LeaseVerifier::new(signer.verifying_key());
    assert!(
        verifier.verify_lease(bytes, NOW).is_err(),
        "a lease passes that nobody signed"
    );
    let key = made(Ed25519KeyPair::from_seed_unchecked(&SEED));
    let signature = key.sign(&[b"portcullis lease\n", bytes].concat());
    let whole = [signature.as_ref(), bytes].concat();
    if let Ok(lease) = verifier.verify_lease(&whole, NOW) {
        assert!(bytes.ends_with(lease.payload.expose()));
        assert!(
            lease.permit.not_after() >= NOW,
            "a lease is read that has ended"
        );
    }
}

fn tenant() -> TenantId {
    id(1)
}

fn context() -> SecretContext {
    SecretContext {
        tenant: tenant(),
        kind: SecretKind::Password,
        secret: id::<SecretId>(3),
        version: 1,
    }
}

fn plaintext() -> Secret<Vec<u8>> {
    Secret::new(b"hunter2".to_vec())
}

fn counted(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), NoEntropy> {
    let mut block = 0;
    move |out| {
        fill(seed, &mut block, out);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    use portcullis_model::{Controls, Digest, ResourceId, SessionId, Subject};
    use portcullis_vault::slot::Passphrase;
    use portcullis_vault::{Custody, KdfCost, Slot, SlotKind};

    let by = Passphrase {
        installation: id(9),
        text: &Secret::new("a passphrase of some length".to_owned()),
        cost: KdfCost::new(19 * 1024, 2, 1).unwrap(),
    };
    let vault = &*VAULT;
    let safe = Slot::from_passphrase("safe", NOW, &vault.root, &by, &mut counted(4)).unwrap();
    let kind = SlotKind::new("age").unwrap();
    let machine = Slot::from_sealer(kind, "machine", Custody::Online, NOW, b"wrapped").unwrap();
    let slots = Slots::new(id(9), &vault.root, vec![safe, machine]).unwrap();
    let header = serde_json::json!({
        "v": 2,
        "session": id::<SessionId>(60),
        "path": "privileged",
        "bundle": Digest::of_bytes(b"bundle"),
        "intent": Digest::of_bytes(b"intent"),
        "subject": Subject::oneself(id(2)),
        "resource": id::<ResourceId>(50),
        "profile": Controls::ALL,
        "not_after": NOW,
    });
    let header = portcullis_model::digest::canonical_json(&header).unwrap();
    let length = u32::try_from(header.len()).unwrap();
    vec![
        ("secret", vault.sealed.clone()),
        ("keyring", vault.kept.clone()),
        ("slots", slots.to_json().unwrap().into_bytes()),
        (
            "lease",
            [&length.to_be_bytes()[..], &header, b"payload"].concat(),
        ),
    ]
}
