//! Tapes written, read back, attacked, recovered and exported.
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

mod attacks;
mod export;
mod hostile;
mod recorded;
mod recovery;
mod round_trip;
mod sanitize;
