//! Secrets at their targets: a folder per way of rotating them, listed in `registry.rs`. Floor 3: how another
//! value is put in force and the one before it taken out; never when, and never whether it worked.

mod host;
mod registry;

/// Makes a module of every folder in the list.
macro_rules! modules {
    ($($name:ident,)+) => {
        $(pub mod $name;)+
    };
}

family!(modules);

pub use registry::all;
