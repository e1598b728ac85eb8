//! Who is calling: a folder per sign-in method, listed in `registry.rs`. Floor 3: it reads no clock and
//! draws no randomness of its own, keeps no state and knows no identity; the engine does.

pub mod registry;

pub use registry::*;
