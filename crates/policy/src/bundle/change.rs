//! What the step from one bundle to the next is, as far as the number of signatures depends on it.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy};
use serde::{Deserialize, Serialize};

use super::Bundle;
use super::compile::source;
use super::layout::Folder;

/// How a bundle differs from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Not at all, byte for byte.
    Nothing,
    /// The new one is the old one, byte for byte, with `forbid`s added outside `line/` and `invariants/`,
    /// each at the end of its file or in a file of its own. It can only narrow.
    AddsForbidOutsideLine,
    /// In any other way: it may widen access.
    Widening,
}

/// What the step from `old` to `new` is. Moving or rewording anything counts as widening, even when it
/// means the same: one signature is enough only where nobody has to think.
pub fn change_kind(old: &Bundle, new: &Bundle) -> ChangeKind {
    if old.files == new.files {
        return ChangeKind::Nothing;
    }
    let kept = old.files.keys().all(|file| new.files.contains_key(file));
    let narrowed = new
        .files
        .iter()
        .all(|(file, content)| match old.files.get(file) {
            Some(before) if before == content => true,
            Some(before) => content.starts_with(before) && only_adds_forbids(old, new, file),
            None => only_adds_forbids(old, new, file),
        });
    if kept && narrowed {
        ChangeKind::AddsForbidOutsideLine
    } else {
        ChangeKind::Widening
    }
}

/// Whether a file's policies are those it had before, and forbids where forbids may be added; at least one.
fn only_adds_forbids(old: &Bundle, new: &Bundle, file: &str) -> bool {
    let may_be_added = matches!(Folder::of(file), Some(Folder::Path(_) | Folder::Guardrails));
    let before: BTreeSet<_> = named(old, file).collect();
    let after: BTreeSet<_> = named(new, file).collect();
    let added: Vec<&Policy> = policies(new, file)
        .filter(|policy| !before.contains(&name_and_text(policy)))
        .collect();
    may_be_added
        && before.is_subset(&after)
        && !added.is_empty()
        && added.iter().all(|policy| policy.effect() == Effect::Forbid)
}

fn policies<'a>(bundle: &'a Bundle, file: &str) -> impl Iterator<Item = &'a Policy> {
    bundle.policies.get(file).into_iter().flatten()
}

fn named(bundle: &Bundle, file: &str) -> impl Iterator<Item = (String, String)> {
    policies(bundle, file).map(name_and_text)
}

fn name_and_text(policy: &Policy) -> (String, String) {
    (policy.id().to_string(), source(policy))
}
