//! The rotators against a real sshd and a real account.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod host;
mod ssh_key;
mod suite;
