//! What every member of a family must do, as functions its tests call with a real member.

pub mod authenticator;
pub mod blobs;
pub mod broker;
pub mod connector;
pub mod machine;
pub mod port;
pub mod postgres_server;
pub mod rotator;
pub mod sealer;
pub mod store;
pub mod tiles;
