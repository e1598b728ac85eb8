//! Brokered sessions, a module per protocol. A broker proves who connected, asks control for each
//! channel, stands between client and target, and writes the tape; it decides nothing.

pub mod registry;

pub use registry::{all, by_name};
