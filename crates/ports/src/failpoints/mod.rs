//! Fail points: a server can be made to die, to wait or to fail at every call that changes what is durable or
//! what is outside. Decision 0009.
//!
//! They are the ports themselves, wrapped: each call passes a step before it and one after it, so that a call
//! added later is a step as well. Only the build of the end-to-end tests has them: it takes the feature
//! `failpoints`, which `cargo xtask layers` lets nobody but tests switch on, *and* a build with debug assertions.
//! In every other build the functions here return what they are given.

#[cfg(all(feature = "failpoints", debug_assertions))]
mod effects;
#[cfg(all(feature = "failpoints", debug_assertions))]
mod evidence;
#[cfg(all(feature = "failpoints", debug_assertions))]
mod gate;
#[cfg(all(feature = "failpoints", debug_assertions))]
mod orders;
#[cfg(all(feature = "failpoints", debug_assertions))]
mod passing;
#[cfg(all(feature = "failpoints", debug_assertions))]
mod store;

use std::sync::Arc;

use crate::{Blobs, Connector, Control, Rotator, Store, Tiles};

macro_rules! ports {
    ($($name:ident: $port:ident by $wrapper:path;)+) => {$(
        #[doc = concat!("The port with its fail points, in a build that has them and while it is told to; otherwise the port.")]
        pub fn $name(port: Arc<dyn $port>) -> Arc<dyn $port> {
            #[cfg(all(feature = "failpoints", debug_assertions))]
            if let Some(points) = passing::Failpoints::asked_for() {
                return Arc::new($wrapper(port, points));
            }
            port
        }
    )+};
}

ports! {
    store: Store by store::Watched;
    tiles: Tiles by evidence::WatchedTiles;
    blobs: Blobs by evidence::WatchedBlobs;
    connector: Connector by effects::WatchedConnector;
    rotator: Rotator by effects::WatchedRotator;
    control: Control by gate::WatchedControl;
}
