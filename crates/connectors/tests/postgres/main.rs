//! The PostgreSQL connector against a real server. Each test starts its own; the checks within one use
//! roles and tables of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod giving;
mod keeping;
mod lying;
mod suite;
mod taking;
mod tls;
mod world;
mod worth;
