//! Which files a bundle has, by their paths alone.

use std::collections::BTreeMap;

use portcullis_model::Path;

use super::error::{BundleError, Cause, Problem};

/// The longest name of a policy file, without its folder and ending: it is a file name wherever a bundle is written out.
const LONGEST_STEM: usize = 100;

/// The schema's path.
pub(super) const SCHEMA: &str = "schema.cedarschema";

/// A folder of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    Line,
    Path(Path),
    Guardrails,
    Invariants,
}

impl Folder {
    const ALL: [Self; 5] = [
        Self::Line,
        Self::Path(Path::Ordinary),
        Self::Path(Path::Privileged),
        Self::Guardrails,
        Self::Invariants,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Path(path) => path.as_str(),
            Self::Guardrails => "guardrails",
            Self::Invariants => "invariants",
        }
    }

    /// The folder of a policy file; nothing for every other file.
    pub(super) fn of(file: &str) -> Option<Self> {
        let (folder, name) = file.split_once('/')?;
        let stem = name.strip_suffix(".cedar")?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let plain = (1..=LONGEST_STEM).contains(&stem.len())
            && !stem.starts_with('.')
            && stem.bytes().all(fits);
        Self::ALL
            .into_iter()
            .find(|known| plain && known.as_str() == folder)
    }
}

/// The path of a control path's flows.
pub(super) const fn flows_file(path: Path) -> &'static str {
    match path {
        Path::Ordinary => "ordinary/flows.toml",
        Path::Privileged => "privileged/flows.toml",
    }
}

/// The texts of a bundle's files, when they are exactly those a bundle has.
pub(super) fn texts(
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<&str, &str>, BundleError> {
    let required = [
        SCHEMA,
        flows_file(Path::Ordinary),
        flows_file(Path::Privileged),
    ];
    let mut problems: Vec<Problem> = required
        .iter()
        .filter(|file| !files.contains_key(**file))
        .map(|file| Problem::whole_file(file, Cause::Missing))
        .collect();
    let mut texts = BTreeMap::new();
    for (file, bytes) in files {
        if !required.contains(&file.as_str()) && Folder::of(file).is_none() {
            problems.push(Problem::whole_file(file, Cause::Unknown));
            continue;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                texts.insert(file.as_str(), text);
            }
            Err(_) => problems.push(Problem::whole_file(file, Cause::NotText)),
        }
    }
    BundleError::check(problems)?;
    Ok(texts)
}
