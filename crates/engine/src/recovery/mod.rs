//! When a machine is lost, or an owner: what the offline slot is kept for. Either way the installation starts frozen, and
//! opens again when three owners have signed that (decision 16).

mod looking;
mod restoring;
mod succession;
mod thawing;

pub use restoring::{Restored, Vouched, restore, vouched};
pub use succession::{Successor, succeed};
