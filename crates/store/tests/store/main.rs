//! The suites of the ports this crate implements, and what only its own members can be asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod directories;
mod killed;
mod opening;
mod reserve;
mod suites;
