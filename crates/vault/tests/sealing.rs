//! Secrets seal, open where they belong, and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod world;

use portcullis_model::SecretId;
use portcullis_vault::{
    FormatError, Keyring, NoEntropy, SealedSecret, SecretContext, SecretKind, VaultError,
};
use world::{context, counted, id, keyring, root, secret, tenant};

fn sealed(keyring: &Keyring) -> SealedSecret {
    keyring
        .seal(&context(), &secret("hunter2"), &mut counted(5))
        .unwrap()
}

#[test]
fn a_secret_opens_after_a_trip_through_its_bytes() {
    let keyring = keyring();
    let stored = sealed(&keyring).to_bytes();
    let read = SealedSecret::from_bytes(&stored).unwrap();
    assert_eq!(
        keyring.open_sealed(&context(), &read).unwrap(),
        secret("hunter2")
    );
}

#[test]
fn every_kind_seals_and_opens_as_itself_and_as_no_other() {
    let keyring = keyring();
    for kind in SecretKind::ALL {
        let own = SecretContext {
            kind: *kind,
            ..context()
        };
        let sealed = keyring
            .seal(&own, &secret("value"), &mut counted(6))
            .unwrap();
        for other in SecretKind::ALL {
            let asked = SecretContext {
                kind: *other,
                ..context()
            };
            assert_eq!(
                keyring.open_sealed(&asked, &sealed).is_ok(),
                kind == other,
                "{kind} as {other}"
            );
        }
    }
}

#[test]
fn a_secret_swapped_to_another_place_does_not_open() {
    let keyring = keyring();
    let sealed = sealed(&keyring);
    let elsewhere = [
        SecretContext {
            kind: SecretKind::SshKey,
            ..context()
        },
        SecretContext {
            secret: id::<SecretId>(4),
            ..context()
        },
        SecretContext {
            version: 2,
            ..context()
        },
    ];
    for wrong in elsewhere {
        assert_eq!(
            keyring.open_sealed(&wrong, &sealed),
            Err(VaultError::Refused(wrong))
        );
        assert_eq!(
            keyring
                .rewrap(&wrong, &sealed, &mut counted(7))
                .unwrap_err(),
            VaultError::Refused(wrong)
        );
    }
}

#[test]
fn a_secret_of_one_tenant_does_not_open_for_another() {
    let keyring = keyring();
    let sealed = sealed(&keyring);
    let stranger = Keyring::create(&root(1), id(2), &mut counted(2)).unwrap();
    let wrong = SecretContext {
        tenant: id(2),
        ..context()
    };
    assert!(matches!(
        keyring.open_sealed(&wrong, &sealed),
        Err(VaultError::TenantMismatch { .. })
    ));
    assert!(matches!(
        stranger.open_sealed(&context(), &sealed),
        Err(VaultError::TenantMismatch { .. })
    ));
    // The same random bytes were drawn for both keyrings, so the keys are equal: only the context tells them apart.
    assert_eq!(
        stranger.open_sealed(&wrong, &sealed),
        Err(VaultError::Refused(wrong))
    );
}

#[test]
fn every_flipped_bit_of_a_sealed_secret_is_refused() {
    let keyring = keyring();
    let bytes = sealed(&keyring).to_bytes();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            let opened = SealedSecret::from_bytes(&flipped)
                .map_err(VaultError::from)
                .and_then(|sealed| keyring.open_sealed(&context(), &sealed));
            assert!(opened.is_err(), "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_lengthening_of_a_sealed_secret_is_refused() {
    let keyring = keyring();
    let bytes = sealed(&keyring).to_bytes();
    for len in 0..bytes.len() {
        assert!(
            matches!(
                SealedSecret::from_bytes(&bytes[..len]),
                Err(FormatError::Truncated { .. })
            ),
            "{len}"
        );
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    let longer = SealedSecret::from_bytes(&longer).unwrap();
    assert!(keyring.open_sealed(&context(), &longer).is_err());
}

#[test]
fn parts_of_two_sealed_secrets_do_not_mix() {
    let keyring = keyring();
    let one = sealed(&keyring).to_bytes();
    let two = keyring
        .seal(&context(), &secret("hunter3"), &mut counted(8))
        .unwrap()
        .to_bytes();
    let after_wrap = 4 + 1 + 4 + 60;
    let mixed = [&one[..after_wrap], &two[after_wrap..]].concat();
    let mixed = SealedSecret::from_bytes(&mixed).unwrap();
    assert_eq!(
        keyring.open_sealed(&context(), &mixed),
        Err(VaultError::Refused(context()))
    );
}

#[test]
fn sealing_the_same_twice_gives_different_bytes() {
    let keyring = keyring();
    let mut entropy = counted(5);
    let one = keyring
        .seal(&context(), &secret("hunter2"), &mut entropy)
        .unwrap();
    let two = keyring
        .seal(&context(), &secret("hunter2"), &mut entropy)
        .unwrap();
    assert_ne!(one.to_bytes(), two.to_bytes());
}

#[test]
fn without_random_bytes_nothing_is_sealed_or_made() {
    let keyring = keyring();
    let mut broken = |_: &mut [u8]| Err(NoEntropy);
    let mut lazy = |_: &mut [u8]| Ok(());
    let none = VaultError::Entropy(NoEntropy);
    assert_eq!(
        keyring
            .seal(&context(), &secret("x"), &mut broken)
            .unwrap_err(),
        none
    );
    assert_eq!(
        keyring
            .seal(&context(), &secret("x"), &mut lazy)
            .unwrap_err(),
        none
    );
    assert_eq!(
        Keyring::create(&root(1), tenant(), &mut broken).unwrap_err(),
        none
    );
}
