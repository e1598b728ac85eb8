//! The ledger against known vectors, its own properties, foreign implementations and attackers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod evidence;
mod hostile;
mod interop;
mod memory;
mod stored_log;
mod tree;
mod vectors;
mod witness;
