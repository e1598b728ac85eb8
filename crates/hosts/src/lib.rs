//! What there is at a host: what bringing it in would change there, the exact way back, and the doors beside ours. Floor 1:
//! it says what to ask and what to do, and reads the answers; somebody else carries both.
//!
//! A look goes in rounds. [`Known`] says what it still has to ask, is handed the host's answers, and asks on, until nothing
//! is left: a configuration names files that name files.

mod accounts;
mod act;
mod ask;
mod doors;
mod known;
mod plan;
mod settings;
mod undo;

pub use act::{ACT, Act, Went};
pub use ask::{Answer, Ask, Garbled, LOOK};
pub use doors::side_doors;
pub use known::Known;
pub use plan::{Plan, Wish};
pub use undo::{Record, WayBack};

/// Where a host keeps what was done to it, and what was there before: root's alone, and gone with the undoing.
pub const KEPT: &str = "/var/lib/portcullis-enrolment";
