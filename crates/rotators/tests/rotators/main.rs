//! Every rotator of the registry: what all must do, and each against a real sshd and a real account.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod host;

/// A rotator that is in the list and has no module of tests here, or no world in it, does not compile.
macro_rules! tried {
    ($($name:ident,)+) => {
        $(mod $name;)+

        mod does_what_every_rotator_must {
            use portcullis_ports::conformance::rotator::conforms;

            $(
                #[tokio::test]
                async fn $name() {
                    let Some(world) = crate::$name::World::start() else { return };
                    conforms(&world.specimen(&portcullis_rotators::$name::Way)).await;
                }
            )+
        }
    };
}

portcullis_rotators::family!(tried);
