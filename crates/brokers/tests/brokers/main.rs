//! Every broker of the registry: what all must do, and each against real clients and servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

/// A broker that is in the list and has no module of tests here, or no specimen in it, does not compile.
macro_rules! tried {
    ($($name:ident,)+) => {
        $(mod $name;)+

        mod does_what_every_broker_must {
            use portcullis_ports::conformance::broker::conforms;

            $(
                #[test]
                fn $name() {
                    conforms(&crate::$name::Member(&portcullis_brokers::$name::Door));
                }
            )+
        }
    };
}

portcullis_brokers::family!(tried);
