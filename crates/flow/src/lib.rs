//! Requests, grants, sessions and changes as pure state machines. Floor 1: no clock, no file, no
//! policy engine; what a machine needs to know of the world is handed in as facts.

pub mod approval;
pub mod change;
pub mod grant;
pub mod identity;
pub mod installation;
pub mod machine;
pub mod records;
pub mod request;
pub mod retention;
pub mod secret;
pub mod session;
pub mod story;

pub use machine::{Machine, Meta, fold};
