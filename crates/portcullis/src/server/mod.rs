//! Running an installation: configuration, the outside world, first start, serving, diagnosis.

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod folder;
pub(crate) mod init;
pub(crate) mod interruption;
pub(crate) mod recover;
pub(crate) mod serve;
mod telling;
mod url;
mod witnesses;
mod world;

pub(crate) use world::{OsEntropy, SystemClock, new_ports, ports, ports_of_copy};
