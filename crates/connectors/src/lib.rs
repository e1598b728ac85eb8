//! Entitlements on real systems: a folder per kind, listed in `registry.rs`. Floor 3: what an entitlement
//! is worth, giving it, taking it away and proving both; never whether somebody may have it.

mod registry;

/// Makes a module of every folder in the list.
macro_rules! modules {
    ($($name:ident,)+) => {
        $(pub mod $name;)+
    };
}

family!(modules);

pub use registry::all;
