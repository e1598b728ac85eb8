//! The password.

use portcullis_ports::conformance::authenticator::Specimen;
use portcullis_ports::{Authenticator, Chosen, Enrolled, Presented};

use crate::secret;

const PASSWORD: &str = "Correct horse, battery stäple";

pub struct Member(pub &'static dyn Authenticator);

impl Specimen for Member {
    fn method(&self) -> &dyn Authenticator {
        self.0
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
