//! Brokered sessions, a module per protocol. A broker proves who connected, asks control for each
//! channel, stands between client and target, and writes the tape; it decides nothing.

mod registry;

/// Makes a module of every folder in the list.
macro_rules! modules {
    ($($name:ident,)+) => {
        $(pub mod $name;)+
    };
}

family!(modules);

pub use registry::{all, by_name};
