//! The commands of the command line, by whom they are for.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod administration;
pub(crate) mod classify;
pub(crate) mod enroll;
mod kinds;
pub(crate) mod ledger;
pub(crate) mod manual;
pub(crate) mod policy;
pub(crate) mod sessions;
pub(crate) mod side_doors;
pub(crate) mod ssh;
