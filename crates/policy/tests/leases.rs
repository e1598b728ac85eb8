//! Leases: what was sealed comes out, and nothing else does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod world;

use std::time::Duration;

use portcullis_model::{Controls, Digest, Impact, Secret, SessionId};
use portcullis_policy::{
    Lease, LeaseBody, LeaseError, LeaseSigner, LeaseVerifier, OpenSession, Ordinary, Permit,
    Privileged, RunTask, SessionPermit, SignedLease, VerifyingKey,
};
use proptest::prelude::*;
use world::{NOW, World, id, person, strict};

fn signer(seed: u8) -> LeaseSigner {
    LeaseSigner::from_seed(&Secret::new([seed; 32])).unwrap()
}

fn permit() -> Permit<Privileged, OpenSession> {
    let world = World {
        impact: Impact::worst(),
        met: Controls::ALL,
        behind: vec![person(7, "bob")],
        ..World::new()
    };
    strict().authorize(&world.query()).unwrap()
}

fn sealed() -> SignedLease {
    let body = LeaseBody {
        session: id::<SessionId>(60),
        not_after: NOW.plus(Duration::from_secs(5)),
        payload: Secret::new(b"password: hunter2".to_vec()),
    };
    signer(1).seal(permit(), body).unwrap()
}

fn read(bytes: &[u8]) -> Result<Lease, LeaseError> {
    LeaseVerifier::new(signer(1).verifying_key()).verify_lease(bytes, NOW)
}

#[test]
fn a_lease_carries_its_permit_session_and_payload_unchanged() {
    let lease = read(sealed().expose()).unwrap();
    let original = permit();
    assert_eq!(lease.session, id::<SessionId>(60));
    assert_eq!(lease.payload.expose(), b"password: hunter2");
    assert_eq!(lease.permit.bundle(), original.bundle());
    assert_eq!(lease.permit.intent(), Digest::of_bytes(b"intent"));
    assert_eq!(lease.permit.subject(), original.subject());
    assert_eq!(lease.permit.resource(), original.resource());
    assert_eq!(lease.permit.profile(), Controls::ALL);
    assert_eq!(lease.permit.not_after(), NOW.plus(Duration::from_secs(5)));
}

#[test]
fn a_lease_of_an_ordinary_task_is_none_of_a_privileged_session() {
    let world = World {
        met: Controls::ALL,
        ..World::new()
    };
    let task: Permit<Ordinary, RunTask> = strict().authorize(&world.query()).unwrap();
    let body = LeaseBody {
        session: id::<SessionId>(60),
        not_after: NOW,
        payload: Secret::new(Vec::new()),
    };
    let lease = read(signer(1).seal(task, body).unwrap().expose()).unwrap();
    assert!(matches!(lease.permit, SessionPermit::Task(_)));
    let lease = read(sealed().expose()).unwrap();
    assert!(matches!(lease.permit, SessionPermit::Session(_)));
}

#[test]
fn a_change_of_any_byte_is_refused() {
    let sealed = sealed();
    for place in 0..sealed.expose().len() {
        for flip in [0x01, 0x80] {
            let mut bytes = sealed.expose().to_vec();
            bytes[place] ^= flip;
            assert_eq!(
                read(&bytes).unwrap_err(),
                LeaseError::Signature,
                "byte {place}"
            );
        }
    }
}

#[test]
fn a_lease_cut_short_or_drawn_out_at_any_place_is_refused() {
    let sealed = sealed();
    for length in 0..sealed.expose().len() {
        assert!(read(&sealed.expose()[..length]).is_err(), "{length} bytes");
    }
    let longer = [sealed.expose(), b"x"].concat();
    assert_eq!(read(&longer).unwrap_err(), LeaseError::Signature);
}

#[test]
fn an_expired_lease_is_refused_and_one_at_its_last_moment_is_not() {
    let sealed = sealed();
    let verifier = LeaseVerifier::new(signer(1).verifying_key());
    let end = NOW.plus(Duration::from_secs(5));
    assert!(verifier.verify_lease(sealed.expose(), end).is_ok());
    let late = verifier.verify_lease(sealed.expose(), end.plus(Duration::from_millis(1)));
    assert!(matches!(late.unwrap_err(), LeaseError::Expired { .. }));
}

#[test]
fn a_lease_never_outlives_its_permit() {
    let body = LeaseBody {
        session: id::<SessionId>(60),
        not_after: portcullis_model::Timestamp::MAX,
        payload: Secret::new(Vec::new()),
    };
    let lease = read(signer(1).seal(permit(), body).unwrap().expose()).unwrap();
    assert_eq!(lease.permit.not_after(), permit().not_after());
}

#[test]
fn a_lease_of_another_installation_is_refused() {
    let other = LeaseVerifier::new(signer(2).verifying_key());
    assert_eq!(
        other.verify_lease(sealed().expose(), NOW).unwrap_err(),
        LeaseError::Signature
    );
    let nonsense = LeaseVerifier::new(VerifyingKey::from_array([0xff; 32]));
    assert_eq!(
        nonsense.verify_lease(sealed().expose(), NOW).unwrap_err(),
        LeaseError::Signature
    );
}

#[test]
fn a_signature_over_the_same_bytes_in_another_domain_is_refused() {
    let key = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    let signed = sealed().expose()[64..].to_vec();
    let with_domain = [b"portcullis lease\n".as_slice(), &signed].concat();
    let forge = |message: &[u8]| [key.sign(message).as_ref(), &signed].concat();
    assert!(
        read(&forge(&with_domain)).is_ok(),
        "the attack below is made rightly"
    );
    assert_eq!(read(&forge(&signed)).unwrap_err(), LeaseError::Signature);
    let checkpoint = [b"portcullis checkpoint\n".as_slice(), &signed].concat();
    assert_eq!(
        read(&forge(&checkpoint)).unwrap_err(),
        LeaseError::Signature
    );
}

#[test]
fn what_control_signed_in_another_version_is_not_guessed_at() {
    let key = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    let sign = |change: &dyn Fn(String) -> String| {
        let bytes = sealed().expose()[64..].to_vec();
        let length = usize::try_from(u32::from_be_bytes(bytes[..4].try_into().unwrap())).unwrap();
        let header = change(String::from_utf8(bytes[4..4 + length].to_vec()).unwrap());
        let length = u32::try_from(header.len()).unwrap().to_be_bytes();
        let signed = [&length, header.as_bytes()].concat();
        let message = [b"portcullis lease\n".as_slice(), &signed].concat();
        [key.sign(&message).as_ref(), &signed].concat()
    };
    assert!(read(&sign(&|header| header)).is_ok());
    let later = sign(&|header| header.replace("\"v\":2", "\"v\":3"));
    assert!(matches!(
        read(&later).unwrap_err(),
        LeaseError::Unreadable(_)
    ));
    let wider = sign(&|header| header.replace("\"v\":2", "\"unlimited\":true,\"v\":2"));
    assert!(matches!(
        read(&wider).unwrap_err(),
        LeaseError::Unreadable(_)
    ));
}

#[test]
fn neither_lease_nor_signer_prints_what_it_holds() {
    let sealed = sealed();
    assert_eq!(format!("{sealed:?}"), "SignedLease([redacted])");
    let lease = read(sealed.expose()).unwrap();
    assert!(!format!("{lease:?} {:?}", signer(1)).contains("hunter2"));
}

proptest! {
    #[test]
    fn bytes_from_anywhere_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
    }
}
