//! The bundle that comes with the product, and its presets of the line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bundle, BundleError};

/// Where the line of the shipped bundle runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Any write, deletion, elevation or labelled data is privileged.
    #[default]
    Strict,
    /// Outside production, small changes that can be undone are ordinary too.
    Reversible,
}

macro_rules! shipped_files {
    ($($file:literal),+ $(,)?) => {
        [$(($file, include_str!(concat!("../../../../policies/", $file)))),+]
    };
}

const FILES: [(&str, &str); 13] = shipped_files![
    "schema.cedarschema",
    "guardrails/entitlements.cedar",
    "guardrails/identities.cedar",
    "invariants/paths.cedar",
    "ordinary/flows.toml",
    "ordinary/read.cedar",
    "ordinary/small-changes.cedar",
    "ordinary/tasks.cedar",
    "ordinary/vendors.cedar",
    "privileged/administration.cedar",
    "privileged/flows.toml",
    "privileged/oversight.cedar",
    "privileged/sessions.cedar",
];

const fn line(preset: Preset) -> (&'static str, &'static str) {
    match preset {
        Preset::Strict => (
            "line/strict.cedar",
            include_str!("../../../../policies/line/strict.cedar"),
        ),
        Preset::Reversible => (
            "line/reversible.cedar",
            include_str!("../../presets/reversible.cedar"),
        ),
    }
}

/// The shipped bundle with a preset of the line. Fails never in a released build: a test reads each.
pub fn shipped(preset: Preset) -> Result<Bundle, BundleError> {
    let files: BTreeMap<String, Vec<u8>> = FILES
        .into_iter()
        .chain([line(preset)])
        .map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec()))
        .collect();
    Bundle::from_files(files)
}
