//! Every method in the registry passes the family's suite.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use portcullis_identity::{all, by_name, password, ssh_key, totp};
use portcullis_model::{Factor, Secret, Timestamp};
use portcullis_ports::conformance::authenticator::{Drawn, NOW, Specimen, conforms, signed};
use portcullis_ports::{Authenticator, AuthenticatorError, Chosen, Enrolled, Presented};

const PASSWORD: &str = "Correct horse, battery stäple";
const KEY: &str = include_str!("../keys/ed25519.pub");
const OTHER_KEY: &str = include_str!("../keys/ed25519-other.pub");

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn without_comment(key: &str) -> String {
    key.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn code(enrolled: &Enrolled, seconds_away: i64) -> String {
    let now = NOW
        .as_millis()
        .checked_add_signed(seconds_away * 1000)
        .unwrap();
    let code = totp::code_at(&enrolled.verifier, Timestamp::from_millis(now)).unwrap();
    code.expose().clone()
}

struct Password;

impl Specimen for Password {
    fn method(&self) -> &dyn Authenticator {
        &password::Method
    }

    fn chosen(&self) -> Option<Chosen> {
        Some(Chosen::Password(secret(PASSWORD)))
    }

    fn matching(&self, _enrolled: &Enrolled) -> Presented {
        Presented::Password(secret(PASSWORD))
    }

    fn wrong(&self, enrolled: &Enrolled) -> Vec<Presented> {
        let verifier = String::from_utf8(enrolled.verifier.expose().clone()).unwrap();
        let composed_otherwise = PASSWORD.replace('ä', "a\u{308}");
        let long = "a".repeat(1 << 20);
        [
            "Correct horse, battery stäplf",
            "correct horse, battery stäple",
            "Correct horse, battery stäple ",
            "Correct horse, battery stäple\0",
            "Correct horse, battery stäpl",
            "",
            composed_otherwise.as_str(),
            verifier.as_str(),
            long.as_str(),
        ]
        .map(|wrong| Presented::Password(secret(wrong)))
        .into()
    }

    fn secrets(&self, _enrolled: &Enrolled) -> Vec<String> {
        vec![PASSWORD.to_owned(), "battery".to_owned()]
    }
}

struct Totp;

impl Specimen for Totp {
    fn method(&self) -> &dyn Authenticator {
        &totp::Method
    }

    fn chosen(&self) -> Option<Chosen> {
        None
    }

    fn matching(&self, enrolled: &Enrolled) -> Presented {
        Presented::Code(secret(&code(enrolled, 0)))
    }

    fn wrong(&self, enrolled: &Enrolled) -> Vec<Presented> {
        let right = code(enrolled, 0);
        [
            code(enrolled, -60),
            code(enrolled, 60),
            code(enrolled, 1 << 30),
            format!("{right} "),
            format!("{} {}", &right[..3], &right[3..]),
            right[..5].to_owned(),
            format!("0{right}"),
            String::new(),
            "９９９９９９".to_owned(),
        ]
        .map(|wrong| Presented::Code(secret(&wrong)))
        .into()
    }

    fn secrets(&self, enrolled: &Enrolled) -> Vec<String> {
        let uri = enrolled.show_once.as_ref().unwrap().expose();
        let seed = uri.split(['=', '&']).nth(1).unwrap().to_owned();
        vec![seed, code(enrolled, 0)]
    }
}

struct SshKey;

impl Specimen for SshKey {
    fn method(&self) -> &dyn Authenticator {
        &ssh_key::Method
    }

    fn chosen(&self) -> Option<Chosen> {
        Some(Chosen::PublicKey(secret(KEY)))
    }

    fn matching(&self, _enrolled: &Enrolled) -> Presented {
        Presented::SignedKey(signed(&without_comment(KEY)))
    }

    fn wrong(&self, enrolled: &Enrolled) -> Vec<Presented> {
        let right = without_comment(KEY);
        [
            without_comment(OTHER_KEY),
            enrolled.public.clone(),
            KEY.to_owned(),
            format!("{right} "),
            format!("{right}\n"),
            right.replace("ssh-ed25519 ", "ssh-ed25519  "),
            right.replace(' ', "\t"),
            right[..right.len() - 1].to_owned(),
            String::new(),
        ]
        .map(|wrong| Presented::SignedKey(signed(&wrong)))
        .into()
    }

    fn secrets(&self, _enrolled: &Enrolled) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn the_password_conforms() {
    conforms(&Password);
}

#[test]
fn the_one_time_code_conforms() {
    conforms(&Totp);
}

#[test]
fn the_ssh_key_conforms() {
    conforms(&SshKey);
}

#[test]
fn every_registered_method_is_among_those_tried_here() {
    let tried: [&dyn Specimen; 3] = [&Password, &Totp, &SshKey];
    let tried = tried.map(|specimen| specimen.method().descriptor().name);
    let registered: Vec<_> = all()
        .iter()
        .map(|method| method.descriptor().name)
        .collect();
    assert_eq!(registered, tried);
}

#[test]
fn a_code_reports_the_step_that_made_it_for_the_engine_to_spend() {
    let enrolled = totp::Method.enroll(None, "ana@example", &Drawn(1)).unwrap();
    let now = NOW.as_secs() / 30;
    for (seconds_away, step) in [(-30, now - 1), (0, now), (30, now + 1)] {
        let presented = Presented::Code(secret(&code(&enrolled, seconds_away)));
        // Twice: this crate remembers nothing, so that a replay is refused in one place only, durably.
        for _ in 0..2 {
            let factor = totp::Method.verify(&enrolled.verifier, &presented, NOW);
            assert_eq!(factor, Ok(Factor::Totp { step }));
        }
    }
}

#[test]
fn a_key_reports_the_fingerprint_by_which_it_was_enrolled() {
    let enrolled = ssh_key::Method
        .enroll(SshKey.chosen(), "", &Drawn(1))
        .unwrap();
    let factor = ssh_key::Method.verify(&enrolled.verifier, &SshKey.matching(&enrolled), NOW);
    assert_eq!(
        factor,
        Ok(Factor::SshKey {
            fingerprint: enrolled.public
        })
    );
}

#[test]
fn no_method_takes_the_verifier_of_another() {
    let specimens: [&dyn Specimen; 3] = [&Password, &Totp, &SshKey];
    for owner in specimens {
        let enrolled = owner
            .method()
            .enroll(owner.chosen(), "ana@example", &Drawn(1))
            .unwrap();
        for (place, other) in specimens.into_iter().enumerate() {
            let name = other.method().descriptor().name;
            if name == owner.method().descriptor().name {
                continue;
            }
            let presented = match place {
                0 => Presented::Password(secret(PASSWORD)),
                1 => Presented::Code(secret("123456")),
                _ => Presented::SignedKey(signed(&without_comment(KEY))),
            };
            let verdict = by_name(name)
                .unwrap()
                .verify(&enrolled.verifier, &presented, NOW);
            assert!(
                matches!(verdict, Err(AuthenticatorError::Damaged(_))),
                "{name} got {verdict:?}"
            );
        }
    }
}
