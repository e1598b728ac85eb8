//! Fuzz targets: for everything that this project parses itself, a function that is handed bytes of any kind and panics
//! when a promise is broken. `make fuzz` runs them under libFuzzer; the tests here replay `fuzz/seeds/` and
//! `fuzz/regressions/`, so that what was found once stays found.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")
)]

mod fixed;
#[cfg(test)]
mod replay;
mod shell_words;

/// One fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folders.
    pub name: &'static str,
    /// Panics when these bytes break a promise.
    pub check: fn(&[u8]),
}

/// Makes a module, a line of [`TARGETS`] and a test of every name.
macro_rules! targets {
    ($($name:ident,)+) => {
        $(mod $name;)+

        /// All targets.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($name), check: $name::check },)+
        ];

        #[cfg(test)]
        mod inputs {
            $(
                #[test]
                fn $name() {
                    crate::replay::replay(stringify!($name), crate::$name::check);
                }
            )+

            #[test]
            #[ignore = "writes fuzz/seeds: run it by name when a format is new or has changed"]
            fn write_the_seeds() {
                $(crate::replay::write(stringify!($name), &crate::$name::seeds());)+
            }
        }
    };
}

targets! {
    archive,
    bundle,
    events,
    evidence,
    hosts,
    keys,
    names,
    notes,
    proofs,
    sealed,
    settings,
    tape,
    task,
    terminal,
    tiles,
}

/// The target of a name.
pub fn named(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
