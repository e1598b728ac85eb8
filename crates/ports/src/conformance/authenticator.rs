//! What every sign-in method must do: accept what was enrolled, refuse all else in the same words, survive a
//! damaged verifier, and never print a secret.
#![expect(
    clippy::expect_used,
    reason = "a suite says what is wrong by panicking"
)]

use std::mem::discriminant;
use std::net::{Ipv4Addr, SocketAddr};

use portcullis_model::{Secret, Timestamp};

use crate::control::{KeyProof, Login};
use crate::{Authenticator, AuthenticatorError, Chosen, Enrolled, Entropy, Presented, SignedKey};

/// The moment at which [`conforms`] makes every attempt.
pub const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_123);

/// A method to be tried, with what only somebody who knows it can say.
pub trait Specimen {
    /// The method.
    fn method(&self) -> &dyn Authenticator;

    /// What a person brings to enroll; the same at every call.
    fn chosen(&self) -> Option<Chosen>;

    /// What proves to be who enrolled, at [`NOW`].
    fn matching(&self, enrolled: &Enrolled) -> Presented;

    /// The same kind of thing, but wrong: near misses first.
    fn wrong(&self, enrolled: &Enrolled) -> Vec<Presented>;

    /// Texts that must never be printed, beside the verifier and what is shown once.
    fn secrets(&self, enrolled: &Enrolled) -> Vec<String>;
}

/// Tries everything.
///
/// # Panics
/// When the method does not conform, saying in what.
pub fn conforms(specimen: &dyn Specimen) {
    let enrolled = specimen
        .method()
        .enroll(specimen.chosen(), "ana@example", &Drawn(1))
        .expect("what the specimen chose can be enrolled");
    describes_itself(specimen.method());
    accepts_what_matches_and_nothing_else(specimen, &enrolled);
    says_when_something_is_for_another_method(specimen, &enrolled);
    says_when_the_verifier_is_damaged(specimen, &enrolled);
    gives_a_decoy_no_success(specimen, &enrolled);
    prints_no_secret(specimen, &enrolled);
}

/// A key as if its signature had been verified, for trying methods that judge one.
pub fn signed(public_key: &str) -> SignedKey {
    SignedKey::from(&KeyProof {
        public_key: public_key.to_owned(),
        fingerprint: String::new(),
        source: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        login: Login {
            account: "root".to_owned(),
            target: "web-1".to_owned(),
        },
    })
}

/// Bytes that look random and are the same in every run; the number chooses which.
#[derive(Debug, Clone, Copy)]
pub struct Drawn(pub u64);

impl Entropy for Drawn {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0;
        for slot in buffer {
            // The step of SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let [byte, ..] = (mixed ^ (mixed >> 27)).to_be_bytes();
            *slot = byte;
        }
    }
}

fn describes_itself(method: &dyn Authenticator) {
    let descriptor = method.descriptor();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    assert!(
        !descriptor.name.is_empty() && descriptor.name.bytes().all(plain),
        "the name {:?} is not lower case with underscores",
        descriptor.name
    );
    assert!(!descriptor.title.is_empty(), "the method has no title");
}

fn accepts_what_matches_and_nothing_else(specimen: &dyn Specimen, enrolled: &Enrolled) {
    let method = specimen.method();
    method
        .verify(&enrolled.verifier, &specimen.matching(enrolled), NOW)
        .expect("what was enrolled is accepted");
    let wrong = specimen.wrong(enrolled);
    assert!(!wrong.is_empty(), "the specimen has nothing wrong to try");
    for (place, presented) in wrong.iter().enumerate() {
        let verdict = method.verify(&enrolled.verifier, presented, NOW);
        assert!(
            matches!(verdict, Err(AuthenticatorError::Mismatch(_))),
            "wrong attempt {place} got {verdict:?}"
        );
    }
}

fn says_when_something_is_for_another_method(specimen: &dyn Specimen, enrolled: &Enrolled) {
    let method = specimen.method();
    for presented in foreign_attempts(specimen, enrolled) {
        let verdict = method.verify(&enrolled.verifier, &presented, NOW);
        assert!(
            matches!(verdict, Err(AuthenticatorError::Unfit(_))),
            "{presented:?} got {verdict:?}"
        );
    }
    let own = specimen.chosen().as_ref().map(discriminant);
    let choices = [
        None,
        Some(Chosen::Password(text("correct horse battery staple"))),
        Some(Chosen::PublicKey(text("ssh-ed25519 AAAA"))),
    ];
    for chosen in choices {
        if chosen.as_ref().map(discriminant) == own {
            continue;
        }
        let outcome = method.enroll(chosen, "ana@example", &Drawn(2));
        assert!(
            matches!(outcome, Err(AuthenticatorError::Unfit(_))),
            "enrolling something foreign gave {outcome:?}"
        );
    }
}

fn says_when_the_verifier_is_damaged(specimen: &dyn Specimen, enrolled: &Enrolled) {
    let whole = enrolled.verifier.expose();
    let prefixes = (0..whole.len()).filter_map(|length| whole.get(..length).map(<[u8]>::to_vec));
    let noise = (0_u64..256).zip(0_usize..).map(|(seed, length)| {
        let mut bytes = vec![0; length];
        Drawn(seed).fill(&mut bytes);
        bytes
    });
    let longer = [0, b'\n', b'A', 0xff].map(|byte| {
        let mut bytes = whole.clone();
        bytes.push(byte);
        bytes
    });
    let presented = specimen.matching(enrolled);
    for damaged in prefixes.chain(noise).chain(longer) {
        let verdict = specimen
            .method()
            .verify(&Secret::new(damaged.clone()), &presented, NOW);
        assert!(
            matches!(verdict, Err(AuthenticatorError::Damaged(_))),
            "the verifier {:?} got {verdict:?}",
            String::from_utf8_lossy(&damaged)
        );
    }
}

fn gives_a_decoy_no_success(specimen: &dyn Specimen, enrolled: &Enrolled) {
    let method = specimen.method();
    let own = std::iter::once(specimen.matching(enrolled)).chain(specimen.wrong(enrolled));
    for presented in own {
        let refusal = method.decoy(&presented, NOW);
        assert!(
            matches!(refusal, AuthenticatorError::Mismatch(_)),
            "a decoy says {refusal:?}, which tells who exists"
        );
    }
    for presented in foreign_attempts(specimen, enrolled) {
        let refusal = method.decoy(&presented, NOW);
        assert!(
            matches!(refusal, AuthenticatorError::Unfit(_)),
            "a decoy says {refusal:?}, which tells who exists"
        );
    }
}

fn prints_no_secret(specimen: &dyn Specimen, enrolled: &Enrolled) {
    let mut secrets = specimen.secrets(enrolled);
    secrets.extend(
        enrolled
            .show_once
            .as_ref()
            .map(|once| once.expose().clone()),
    );
    let verifier = String::from_utf8_lossy(enrolled.verifier.expose()).into_owned();
    let mut own = vec![format!("{enrolled:?}"), enrolled.public.clone()];
    for printed in &own {
        assert!(!printed.contains(&verifier), "{printed} shows the verifier");
    }
    own.push(format!("{:?}", specimen.chosen()));
    own.push(format!("{:?}", specimen.matching(enrolled)));
    for presented in specimen.wrong(enrolled) {
        let verdict = specimen
            .method()
            .verify(&enrolled.verifier, &presented, NOW);
        own.push(format!("{verdict:?}"));
        own.extend(verdict.err().map(|error| error.to_string()));
    }
    for printed in own {
        for secret in &secrets {
            assert!(
                !printed.contains(secret.as_str()),
                "{printed} shows a secret"
            );
        }
    }
}

/// One of each kind of attempt the method is not for.
fn foreign_attempts(specimen: &dyn Specimen, enrolled: &Enrolled) -> Vec<Presented> {
    let own = discriminant(&specimen.matching(enrolled));
    let mut attempts = vec![
        Presented::Password(text("correct horse battery staple")),
        Presented::Code(text("123456")),
        Presented::SignedKey(signed("ssh-ed25519 AAAA")),
    ];
    attempts.retain(|presented| discriminant(presented) != own);
    attempts
}

fn text(value: &str) -> Secret<String> {
    Secret::new(value.to_owned())
}
