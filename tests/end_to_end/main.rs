//! End to end: the built program, real servers, plain clients, no private doors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod administration;
mod approvals;
mod attacks;
mod backup;
mod bad_input;
mod broken_installation;
mod canary;
mod changed_store;
mod client;
mod command_line;
mod crash;
mod demo;
mod doctor;
mod dropped_events;
mod enrolling;
mod erasing;
mod evidence;
mod folders;
mod founding;
mod installation;
mod known_hosts;
mod reconnecting;
mod soak;
mod ssh_door;
mod sweep;
mod taking_away;
mod targets;
mod tasks;
mod terminals;
mod tour;
mod witness;
mod world;
