//! Every sign-in method of the registry: what all must do, and what each says besides.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use portcullis_model::Secret;
use portcullis_ports::AuthenticatorError;
use portcullis_ports::conformance::authenticator::{Drawn, NOW, Specimen};

/// A method that is in the list and has no module of tests here, or no specimen in it, does not compile.
macro_rules! tried {
    ($($name:ident,)+) => {
        $(mod $name;)+

        fn specimens() -> Vec<Box<dyn Specimen>> {
            vec![$(Box::new($name::Member(&portcullis_identity::$name::Method))),+]
        }

        mod does_what_every_method_must {
            use portcullis_ports::conformance::authenticator::conforms;

            $(
                #[test]
                fn $name() {
                    conforms(&crate::$name::Member(&portcullis_identity::$name::Method));
                }
            )+
        }
    };
}

portcullis_identity::family!(tried);

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[test]
fn no_method_takes_the_verifier_of_another() {
    let enrolled = specimens().into_iter().map(|specimen| {
        let method = specimen.method();
        let enrolled = method
            .enroll(specimen.chosen(), "ana@example", &Drawn(1))
            .unwrap();
        (specimen, enrolled)
    });
    let enrolled: Vec<_> = enrolled.collect();
    for (place, (_, owners)) in enrolled.iter().enumerate() {
        for (other, (specimen, own)) in enrolled.iter().enumerate() {
            if other == place {
                continue;
            }
            let method = specimen.method();
            let verdict = method.verify(&owners.verifier, &specimen.matching(own), NOW);
            assert!(
                matches!(verdict, Err(AuthenticatorError::Damaged(_))),
                "{} got {verdict:?}",
                method.descriptor().name
            );
        }
    }
}
