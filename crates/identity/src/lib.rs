//! Who is calling: a folder per sign-in method, listed in `registry.rs`. Floor 3: it reads no clock and
//! draws no randomness of its own, keeps no state and knows no identity; the engine does.

mod registry;

/// Makes a module of every folder in the list.
macro_rules! modules {
    ($($name:ident,)+) => {
        $(pub mod $name;)+
    };
}

family!(modules);

pub use registry::{all, by_name};

use portcullis_model::KindDescriptor;

/// What describes a way to sign in: it has no settings, and nothing is asked for with it.
fn method(name: &'static str, title: &'static str) -> KindDescriptor {
    KindDescriptor {
        name,
        title,
        settings: schemars::json_schema!({ "type": "object", "additionalProperties": false }),
        actions: Vec::new(),
        connect_hint: "",
    }
}
