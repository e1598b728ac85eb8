//! The SSH broker between plain OpenSSH clients and a real sshd, with a scripted control behind it.

mod conformance;
mod control;
mod endings;
mod greeting;
mod hostile;
mod hostile_target;
mod refusals;
mod sessions;
mod sign_in;
mod sshd;
mod world;

pub use conformance::Member;
