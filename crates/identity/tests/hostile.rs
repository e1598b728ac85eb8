//! Whatever comes in, no method panics, and nothing but the right thing is accepted.
#![allow(clippy::unwrap_used, reason = "tests")]

use portcullis_identity::{ssh_key, totp};
use portcullis_model::{Secret, Timestamp};
use portcullis_ports::conformance::authenticator::{Drawn, NOW, signed};
use portcullis_ports::{Authenticator, AuthenticatorError, Chosen, Presented};
use proptest::prelude::*;

const KEYS: [&str; 4] = [
    include_str!("keys/ed25519.pub"),
    include_str!("keys/ecdsa256.pub"),
    include_str!("keys/rsa3072.pub"),
    include_str!("keys/sk-ed25519.pub"),
];

/// A line of a `.pub` file with bytes replaced.
fn mangled_key() -> impl Strategy<Value = String> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(KEYS.to_vec()), changes).prop_map(|(key, changes)| {
        let mut bytes = key.as_bytes().to_vec();
        for (place, byte) in changes {
            *place.get_mut(bytes.as_mut_slice()) = byte;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #[test]
    fn only_the_code_of_a_near_step_is_accepted(code in "\\PC{0,8}|[0-9]{6}", seed in any::<u64>(), now in any::<u64>()) {
        let now = Timestamp::from_millis(now);
        let enrolled = totp::Method.enroll(None, "ana", &Drawn(seed)).unwrap();
        let step = now.as_secs() / 30;
        let near = [step.saturating_sub(1), step, step + 1].map(|step| {
            let then = Timestamp::from_millis(step.saturating_mul(30_000));
            totp::code_at(&enrolled.verifier, then).unwrap().expose().clone()
        });
        let verdict = totp::Method.verify(&enrolled.verifier, &Presented::Code(code.clone().into()), now);
        prop_assert_eq!(verdict.is_ok(), near.contains(&code));
    }

    #[test]
    fn a_code_is_accepted_within_its_three_steps_and_names_its_own(seed in any::<u64>(), now in 60_000..1_u64 << 50, away in -1_i64..=1) {
        let enrolled = totp::Method.enroll(None, "ana", &Drawn(seed)).unwrap();
        let then = Timestamp::from_millis(now.checked_add_signed(away * 30_000).unwrap());
        let code = totp::code_at(&enrolled.verifier, then).unwrap();
        let verdict = totp::Method.verify(&enrolled.verifier, &Presented::Code(code), Timestamp::from_millis(now));
        let portcullis_model::Factor::Totp { step } = verdict.unwrap() else {
            return Err(TestCaseError::fail("another factor"));
        };
        prop_assert!(step >= then.as_secs() / 30);
        let shown = totp::code_at(&enrolled.verifier, Timestamp::from_millis(step * 30_000)).unwrap();
        prop_assert!(shown == totp::code_at(&enrolled.verifier, then).unwrap());
    }

    #[test]
    fn what_can_be_enrolled_as_a_key_is_then_accepted_as_kept_and_enrolls_as_itself(text in mangled_key()) {
        let chosen = Chosen::PublicKey(text.into());
        if let Ok(enrolled) = ssh_key::Method.enroll(Some(chosen), "", &Drawn(1)) {
            let kept = String::from_utf8(enrolled.verifier.expose().clone()).unwrap();
            let presented = Presented::SignedKey(signed(&kept));
            prop_assert!(ssh_key::Method.verify(&enrolled.verifier, &presented, NOW).is_ok());
            let again = ssh_key::Method.enroll(Some(Chosen::PublicKey(kept.into())), "", &Drawn(1)).unwrap();
            prop_assert_eq!(again.verifier, enrolled.verifier);
            prop_assert_eq!(again.public, enrolled.public);
        }
    }

    #[test]
    fn any_text_at_all_is_refused_as_a_key_without_panic(text in "\\PC*", kind in prop::sample::select(vec!["", "ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-nistp256 "])) {
        let chosen = Chosen::PublicKey(format!("{kind}{text}").into());
        let outcome = ssh_key::Method.enroll(Some(chosen), "", &Drawn(1));
        prop_assert!(matches!(outcome, Err(AuthenticatorError::Unacceptable(_))));
    }

    #[test]
    fn any_bytes_at_all_are_a_damaged_key_or_seed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let verifier = Secret::new(bytes);
        let signed = Presented::SignedKey(signed("ssh-ed25519 AAAA"));
        let key = ssh_key::Method.verify(&verifier, &signed, NOW);
        prop_assert!(matches!(key, Err(AuthenticatorError::Damaged(_))));
        let code = totp::Method.verify(&verifier, &Presented::Code("123456".to_owned().into()), NOW);
        prop_assert!(matches!(code, Err(AuthenticatorError::Damaged(_))));
    }

    #[test]
    fn any_label_leaves_one_uri_with_one_secret(label in "\\PC{1,40}") {
        let outcome = totp::Method.enroll(None, &label, &Drawn(1));
        if label.trim().is_empty() {
            prop_assert!(outcome.is_err());
        } else {
            let uri = outcome.unwrap().show_once.unwrap();
            let uri = uri.expose();
            prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(uri.matches("secret=").count(), 1);
            prop_assert_eq!(uri.matches(['?', '#']).count(), 1);
        }
    }
}
