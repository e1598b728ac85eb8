//! Hostile bytes give errors, never a panic; and nothing secret is ever printed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod world;

use portcullis_model::{Secret, Timestamp};
use portcullis_vault::slot::Passphrase;
use portcullis_vault::{
    CertRequest, Custody, KdfCost, Keyring, SealedSecret, Slot, SlotKind, Slots, SshAuthority,
    parse_password, parse_ssh_private_key, session_key,
};
use proptest::prelude::*;
use world::{context, counted, installation, keyring, root, secret, tenant};

fn request(subject: String) -> CertRequest {
    CertRequest {
        subject,
        principals: vec!["root".into()],
        valid_after: 1,
        valid_before: 2,
        serial: 1,
        key_id: "id".into(),
        force_command: None,
        source_addresses: vec![],
        permit_pty: false,
    }
}

/// Random bytes, or a good blob with some of its bytes overwritten and its end cut or lengthened.
fn mangled(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = good.len();
    let edits = prop::collection::vec((0..len, any::<u8>()), 1..6);
    let changed = (edits, 0..=len, prop::collection::vec(any::<u8>(), 0..8)).prop_map(
        move |(edits, keep, tail)| {
            let mut bytes = good.clone();
            for (place, value) in edits {
                bytes[place] = value;
            }
            if keep % 2 == 0 {
                bytes.truncate(keep);
            }
            bytes.extend(tail);
            bytes
        },
    );
    prop_oneof![changed, prop::collection::vec(any::<u8>(), 0..400)]
}

fn sealed_bytes() -> Vec<u8> {
    keyring()
        .seal(&context(), &secret("hunter2"), &mut counted(5))
        .unwrap()
        .to_bytes()
}

fn private_key() -> Vec<u8> {
    let pair = session_key(&Secret::new([7; 32])).unwrap();
    pair.private.expose().clone()
}

proptest! {
    #[test]
    fn a_mangled_sealed_secret_opens_as_what_it_was_or_not_at_all(bytes in mangled(sealed_bytes())) {
        if let Ok(sealed) = SealedSecret::from_bytes(&bytes) {
            prop_assert_eq!(&sealed.to_bytes(), &bytes);
            if let Ok(opened) = keyring().open_sealed(&context(), &sealed) {
                prop_assert_eq!(&bytes, &sealed_bytes());
                prop_assert_eq!(opened, secret("hunter2"));
            }
        }
    }

    #[test]
    fn a_mangled_keyring_opens_as_what_it_was_or_not_at_all(
        bytes in mangled(keyring().to_bytes().unwrap())
    ) {
        if let Ok(opened) = Keyring::open(&root(1), tenant(), &bytes) {
            prop_assert_eq!(opened.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn a_mangled_slot_never_panics(bytes in mangled(vec![b'x'; 90]), text in ".{0,200}") {
        let kind = SlotKind::new("age").unwrap();
        let made = Slot::from_sealer(kind, "x", Custody::Online, Timestamp::default(), &bytes).unwrap();
        prop_assert_eq!(made.wrapped().unwrap(), bytes.as_slice());
        prop_assert!(Slots::from_json(&text).is_err());
    }

    #[test]
    fn a_mangled_private_key_never_panics(bytes in mangled(private_key())) {
        drop(parse_ssh_private_key(&Secret::new(bytes.clone())));
        drop(parse_password(Secret::new(bytes)));
    }

    #[test]
    fn a_mangled_public_key_never_panics(
        bytes in mangled(session_key(&Secret::new([7; 32])).unwrap().public.into_bytes())
    ) {
        let line = String::from_utf8_lossy(&bytes).into_owned();
        drop(SshAuthority::from_seed(&Secret::new([1; 32])).certify(&request(line), &[1; 32]));
    }
}

/// Every form in which bytes are commonly printed.
fn shapes(bytes: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    vec![
        String::from_utf8_lossy(bytes).into_owned(),
        format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        hex::encode(bytes),
        hex::encode_upper(bytes),
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes),
    ]
}

#[test]
fn nothing_secret_is_in_the_debug_output_of_any_public_type() {
    let canary = *b"canary-canary-canary-canary-0123";
    let mut fixed = |out: &mut [u8]| {
        for (slot, byte) in out.iter_mut().zip(canary.iter().cycle()) {
            *slot = *byte;
        }
        Ok(())
    };
    let text = Secret::new(String::from_utf8(canary.to_vec()).unwrap());
    let root = portcullis_vault::InstallationRoot::create(&mut fixed).unwrap();
    let keyring = Keyring::create(&root, tenant(), &mut fixed).unwrap();
    let plain = Secret::new(canary.to_vec());
    let sealed = keyring.seal(&context(), &plain, &mut fixed).unwrap();
    let by = Passphrase {
        installation: installation(),
        text: &text,
        cost: KdfCost::new(19 * 1024, 2, 1).unwrap(),
    };
    let slot = Slot::from_passphrase("safe", Timestamp::default(), &root, &by, &mut fixed).unwrap();
    let wrapped = SlotKind::new("age").unwrap();
    let age = Slot::from_sealer(wrapped, "m", Custody::Online, Timestamp::default(), &canary);
    let slots = Slots::new(installation(), &root, vec![slot.clone(), age.unwrap()]).unwrap();
    let pair = session_key(&Secret::new(canary)).unwrap();
    let parsed = parse_ssh_private_key(&pair.private).unwrap();
    let authority = SshAuthority::from_seed(&Secret::new(canary));
    let printed = [
        format!("{root:?} {root:#?}"),
        format!("{keyring:?} {keyring:#?}"),
        format!("{sealed:?} {sealed:#?}"),
        format!("{by:?} {by:#?}"),
        format!("{slot:?} {slot:#?}"),
        format!("{slots:?} {slots:#?}"),
        format!("{pair:?} {pair:#?}"),
        format!("{parsed:?} {parsed:#?}"),
        format!("{authority:?} {authority:#?}"),
        format!("{:?}", keyring.open_sealed(&context(), &sealed)),
        format!("{:?}", parse_password(plain)),
    ];
    for output in printed {
        for shape in shapes(&canary) {
            assert!(!output.contains(&shape), "{shape} is in {output}");
        }
    }
}

#[test]
fn no_error_repeats_what_it_was_given() {
    let canary = "canary-canary-canary";
    let given = |text: String| Secret::new(text.into_bytes());
    let errors = [
        format!("{:?}", parse_password(given(format!("{canary}\n")))),
        format!("{:?}", parse_ssh_private_key(&given(canary.to_owned()))),
        format!(
            "{:?}",
            parse_ssh_private_key(&given(format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{canary}\n-----END OPENSSH PRIVATE KEY-----\n"
            )))
        ),
        format!(
            "{:?}",
            portcullis_vault::InstallationRoot::from_slot(&given(canary.to_owned()))
        ),
    ];
    for error in errors {
        assert!(error.starts_with("Err("), "{error}");
        assert!(!error.contains(canary), "{error}");
    }
}

#[test]
fn stored_bytes_hold_no_secret_in_clear() {
    let bytes = sealed_bytes();
    let keyring = keyring().to_bytes().unwrap();
    let root = root(1);
    let root = root.expose_to_slot_sealer();
    assert!(!bytes.windows(7).any(|part| part == b"hunter2"));
    assert!(!keyring.windows(32).any(|part| part == root));
}
