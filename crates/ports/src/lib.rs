//! What the engine needs from the outside world, as traits. Floor 2: no implementation lives here.
//!
//! A family of plug-ins is one file here, one `registry.rs` in its own crate and one suite in
//! `conformance` that every member passes.

pub mod authenticator;
pub mod blobs;
pub mod broker;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod connector;
pub mod control;
#[cfg(doctest)]
mod doors;
pub mod failpoints;
pub mod reserve;
pub mod rotator;
mod sealer;
pub mod store;
pub mod tiles;
pub mod witness;

pub use authenticator::{
    Authenticator, AuthenticatorError, Chosen, Enrolled, Presented, SignedKey,
};
pub use blobs::{BlobError, BlobWriter, Blobs};
pub use broker::{Broker, BrokerError, BrokerSettings, Endpoint, Opener};
pub use clock::{Clock, Entropy};
pub use connector::{
    Assignment, Connector, ConnectorError, Effective, Held, Privilege, Removal, Right, Target,
};
pub use control::Control;
pub use reserve::Reserve;
pub use rotator::{Drawn, Rotator, RotatorDescriptor, RotatorError, Site};
pub use sealer::{Sealer, SealerError};
pub use store::{Append, AppendError, Record, Row, Store, StoreError, Stored};
pub use tiles::{TileError, Tiles};
pub use witness::{Witness, WitnessError, Word};
