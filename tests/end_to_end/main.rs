//! End to end: the built program, real servers, plain clients, no private doors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod attacks;
mod evidence;
mod tour;
mod world;
