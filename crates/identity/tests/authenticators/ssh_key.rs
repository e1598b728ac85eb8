//! The SSH key.

use portcullis_identity::ssh_key::Method;
use portcullis_model::Factor;
use portcullis_ports::conformance::authenticator::{Drawn, NOW, Specimen, signed};
use portcullis_ports::{Authenticator, Chosen, Enrolled, Presented};

use crate::secret;

const KEY: &str = include_str!("../keys/ed25519.pub");
const OTHER_KEY: &str = include_str!("../keys/ed25519-other.pub");

fn without_comment(key: &str) -> String {
    key.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

pub struct Member(pub &'static dyn Authenticator);

impl Specimen for Member {
    fn method(&self) -> &dyn Authenticator {
        self.0
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
fn a_key_reports_the_fingerprint_by_which_it_was_enrolled() {
    let enrolled = Method
        .enroll(Member(&Method).chosen(), "", &Drawn(1))
        .unwrap();
    let factor = Method.verify(
        &enrolled.verifier,
        &Member(&Method).matching(&enrolled),
        NOW,
    );
    assert_eq!(
        factor,
        Ok(Factor::SshKey {
            fingerprint: enrolled.public
        })
    );
}
