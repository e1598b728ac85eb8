//! Who is calling: a folder per sign-in method, listed in `registry.rs`. Floor 3: it reads no clock and
//! draws no randomness of its own, keeps no state and knows no identity; the engine does.

mod registry;

/// Makes a module of every folder in the list.
macro_rules! modules {
    ($($name:ident,)+) => {
        $(pub mod $name;)+
    };
}

registry::family!(modules);

pub use registry::{all, by_name};
