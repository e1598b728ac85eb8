//! Every connector of the registry: what all must do, and each against a real server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

/// A connector that is in the list and has no module of tests here, or no world in it, does not compile.
macro_rules! tried {
    ($($name:ident,)+) => {
        $(mod $name;)+

        mod does_what_every_connector_must {
            use portcullis_ports::conformance::connector::conforms;

            $(
                #[tokio::test]
                async fn $name() {
                    let world = crate::$name::World::start().await;
                    let connector = portcullis_connectors::$name::System::default();
                    conforms(&world.specimen(&connector).await).await;
                }
            )+
        }
    };
}

portcullis_connectors::family!(tried);
