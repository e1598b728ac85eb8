//! Keyrings: stored and opened, rotated, cut and mixed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod world;

use portcullis_model::Secret;
use portcullis_vault::{FormatError, InstallationRoot, Keyring, SealedSecret, VaultError};
use world::{context, counted, id, keyring, root, secret, tenant};

const EPOCH_LEN: usize = 4 + 60;
const MAC_LEN: usize = 32;

fn seal(keyring: &Keyring, text: &str) -> SealedSecret {
    keyring
        .seal(&context(), &secret(text), &mut counted(5))
        .unwrap()
}

#[test]
fn a_keyring_read_back_opens_what_it_sealed() {
    let keyring = keyring();
    let sealed = seal(&keyring, "hunter2");
    let again = Keyring::open(&root(1), tenant(), &keyring.to_bytes().unwrap()).unwrap();
    assert_eq!(
        again.open_sealed(&context(), &sealed).unwrap(),
        secret("hunter2")
    );
}

#[test]
fn another_installation_root_does_not_open_a_keyring() {
    let stored = keyring().to_bytes().unwrap();
    assert_eq!(
        Keyring::open(&root(77), tenant(), &stored).unwrap_err(),
        VaultError::WrongRoot { tenant: tenant() }
    );
}

#[test]
fn a_root_from_a_slot_is_the_root_that_went_in() {
    let stored = keyring().to_bytes().unwrap();
    let opened = Secret::new(root(1).expose_to_slot_sealer().to_vec());
    let root = InstallationRoot::from_slot(&opened).unwrap();
    assert!(Keyring::open(&root, tenant(), &stored).is_ok());
    assert_eq!(
        InstallationRoot::from_slot(&Secret::new(vec![1; 31])).unwrap_err(),
        VaultError::RootLength { found: 31 }
    );
    assert_eq!(
        InstallationRoot::from_slot(&Secret::new(vec![1; 33])).unwrap_err(),
        VaultError::RootLength { found: 33 }
    );
}

#[test]
fn a_keyring_of_another_tenant_is_named() {
    let stored = keyring().to_bytes().unwrap();
    assert!(matches!(
        Keyring::open(&root(1), id(2), &stored),
        Err(VaultError::KeyringOfAnotherTenant { .. })
    ));
    let renamed = String::from_utf8_lossy(&stored)
        .find(&tenant().to_string())
        .unwrap();
    let mut forged = stored;
    let other: portcullis_model::TenantId = id(2);
    forged[renamed..renamed + 30].copy_from_slice(other.to_string().as_bytes());
    assert_eq!(
        Keyring::open(&root(1), other, &forged).unwrap_err(),
        VaultError::WrongRoot { tenant: other }
    );
}

#[test]
fn old_epochs_still_open_after_a_rotation() {
    let mut keyring = keyring();
    let old = seal(&keyring, "old");
    let next = keyring.rotate_epoch(&mut counted(9)).unwrap();
    let new = seal(&keyring, "new");
    assert_eq!((old.epoch().number(), new.epoch()), (1, next));
    let again = Keyring::open(&root(1), tenant(), &keyring.to_bytes().unwrap()).unwrap();
    assert_eq!(again.current_epoch(), next);
    for (sealed, text) in [(old, "old"), (new, "new")] {
        assert_eq!(
            again.open_sealed(&context(), &sealed).unwrap(),
            secret(text)
        );
    }
}

#[test]
fn rewrapping_keeps_the_ciphertext_and_outlives_the_old_epoch() {
    let mut keyring = keyring();
    let left = seal(&keyring, "left behind");
    let old = seal(&keyring, "moved");
    let first = keyring.current_epoch();
    keyring.rotate_epoch(&mut counted(9)).unwrap();
    let new = keyring.rewrap(&context(), &old, &mut counted(10)).unwrap();
    let tail = 4 + 1 + 4 + 60;
    assert_eq!(new.to_bytes()[tail..], old.to_bytes()[tail..]);
    assert_ne!(new.to_bytes()[..tail], old.to_bytes()[..tail]);
    keyring.drop_epoch(first).unwrap();
    let again = Keyring::open(&root(1), tenant(), &keyring.to_bytes().unwrap()).unwrap();
    assert_eq!(
        again.open_sealed(&context(), &new).unwrap(),
        secret("moved")
    );
    assert_eq!(
        again.open_sealed(&context(), &left),
        Err(VaultError::UnknownEpoch(first))
    );
}

#[test]
fn the_epoch_of_a_wrap_cannot_be_changed() {
    let mut keyring = keyring();
    let mut bytes = seal(&keyring, "hunter2").to_bytes();
    keyring.rotate_epoch(&mut counted(9)).unwrap();
    bytes[8] = 2;
    let moved = SealedSecret::from_bytes(&bytes).unwrap();
    assert_eq!(
        keyring.open_sealed(&context(), &moved),
        Err(VaultError::Refused(context()))
    );
}

#[test]
fn the_current_epoch_and_unknown_ones_cannot_be_dropped() {
    let mut keyring = keyring();
    let current = keyring.current_epoch();
    assert_eq!(
        keyring.drop_epoch(current),
        Err(VaultError::CurrentEpoch(current))
    );
    keyring.rotate_epoch(&mut counted(9)).unwrap();
    keyring.drop_epoch(current).unwrap();
    assert_eq!(
        keyring.drop_epoch(current),
        Err(VaultError::UnknownEpoch(current))
    );
    assert_eq!(keyring.epochs().count(), 1);
}

#[test]
fn every_flipped_bit_of_a_keyring_is_refused() {
    let mut keyring = keyring();
    keyring.rotate_epoch(&mut counted(9)).unwrap();
    let bytes = keyring.to_bytes().unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            assert!(
                Keyring::open(&root(1), tenant(), &flipped).is_err(),
                "byte {place}, bit {bit}"
            );
        }
    }
}

#[test]
fn every_cut_of_a_keyring_is_refused_and_so_are_bytes_after_it() {
    let bytes = keyring().to_bytes().unwrap();
    for len in 0..bytes.len() {
        let cut = Keyring::open(&root(1), tenant(), &bytes[..len]).unwrap_err();
        assert!(
            matches!(cut, VaultError::Format(FormatError::Truncated { .. })),
            "{len}: {cut}"
        );
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(
        Keyring::open(&root(1), tenant(), &longer),
        Err(VaultError::Format(FormatError::Trailing { extra: 1, .. }))
    ));
}

/// Each epoch's wrap is sound on its own; only the tag over the list tells that the newest was taken out, after
/// which secrets would again be sealed under a retired key.
#[test]
fn taking_the_newest_epoch_out_of_a_keyring_is_refused() {
    let mut keyring = keyring();
    keyring.rotate_epoch(&mut counted(9)).unwrap();
    let mut bytes = keyring.to_bytes().unwrap();
    let tag = bytes.len() - MAC_LEN;
    bytes.drain(tag - EPOCH_LEN..tag);
    let count = 5 + 1 + 30 + 60 + 3;
    assert_eq!(bytes[count], 2);
    bytes[count] = 1;
    assert_eq!(
        Keyring::open(&root(1), tenant(), &bytes).unwrap_err(),
        VaultError::KeyringAltered { tenant: tenant() }
    );
}
