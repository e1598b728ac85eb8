//! Whether verified leaves tell a whole story, and what of it has no end yet.

use anyhow::Context;
use portcullis_flow::story::Story;
use portcullis_ledger::EvidenceLeaf;
use portcullis_model::Event;

use crate::outcome::Outcome;

/// What the leaves leave open, in words; an error names what is missing.
pub(super) fn unfinished(leaves: &[EvidenceLeaf]) -> anyhow::Result<Vec<String>> {
    let read = |leaf: &EvidenceLeaf| {
        Event::from_leaf(&leaf.data).with_context(|| format!("leaf {}", leaf.index))
    };
    let events = leaves.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Story::read(&events)?.unfinished)
}

/// What is said of it, below what holds.
pub(super) fn lines(unfinished: &[String]) -> Vec<String> {
    if unfinished.is_empty() {
        return vec![
            "the story is whole: every stream from its first event to its last".to_owned(),
        ];
    }
    let mut lines = vec!["the story has no end yet:".to_owned()];
    lines.extend(unfinished.iter().map(|what| format!("  {what}")));
    lines
}

/// A story without an end waits, as a request does.
pub(super) fn outcome(unfinished: &[String]) -> Outcome {
    if unfinished.is_empty() {
        Outcome::Done
    } else {
        Outcome::Pending
    }
}
