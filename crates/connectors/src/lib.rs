//! Entitlements on real systems: a folder per kind, listed in `registry.rs`. Floor 3: what an entitlement
//! is worth, giving it, taking it away and proving both; never whether somebody may have it.

pub mod registry;

pub use registry::*;
