//! The API against a whole engine on a real store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod access;
mod administering;
mod bundles;
mod call;
mod clock;
mod custody;
mod defects;
mod dial;
mod disk;
mod doors;
mod editing;
mod founding;
mod gate;
mod https;
mod lists;
mod live_sessions;
mod load;
mod lodge;
mod overlaps;
mod owners;
mod people;
mod pinned;
mod plan;
mod rebuilt;
mod reevaluation;
mod releases;
mod repeats;
mod resources;
mod restored;
mod retention;
mod rotation;
mod run_keys;
mod shapes;
mod shelf;
mod side_doors;
mod step_up;
mod stories;
mod streams;
mod succession;
mod texts;
mod torn_orders;
mod whereabouts;
mod windows;
mod world;
