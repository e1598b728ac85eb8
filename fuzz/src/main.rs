//! The targets under libFuzzer: `portcullis-fuzz --target=NAME`, then libFuzzer's own options, corpora or inputs.

#![no_main]

use std::sync::LazyLock;

use portcullis_fuzz::{Target, named};

/// libFuzzer leaves what begins with two dashes to us.
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::args().find_map(|word| word.strip_prefix("--target=").map(str::to_owned));
    #[expect(
        clippy::expect_used,
        reason = "there is nothing to run, and nobody to tell it to otherwise"
    )]
    named(name.as_deref().unwrap_or_default())
        .expect("give --target=NAME, a name of fuzz/src/lib.rs")
});

libfuzzer_sys::fuzz_target!(init: LazyLock::force(&TARGET), |bytes: &[u8]| (TARGET.check)(bytes));
