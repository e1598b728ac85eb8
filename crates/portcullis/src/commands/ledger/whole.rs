//! Whether verified leaves tell a whole story, and what of it has no end yet.

use anyhow::{Context, bail};
use portcullis_flow::story::Story;
use portcullis_ledger::EvidenceLeaf;
use portcullis_model::{Event, StreamId};

use crate::outcome::Outcome;

/// The story that the leaves tell; an error names what is missing.
pub(super) fn story(leaves: &[EvidenceLeaf]) -> anyhow::Result<Story> {
    let read = |leaf: &EvidenceLeaf| {
        Event::from_leaf(&leaf.data).with_context(|| format!("leaf {}", leaf.index))
    };
    let events = leaves.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Story::read(&events)?)
}

/// Refuses a story that holds and is another one than was asked for.
pub(super) fn is_of(story: &Story, wanted: &str) -> anyhow::Result<()> {
    if story.about.iter().any(|stream| stream.as_str() == wanted) {
        return Ok(());
    }
    bail!(
        "this is another story's evidence: it tells nothing of {wanted}, only of {}",
        about(story)
    )
}

/// Whose story it is.
fn about(story: &Story) -> String {
    let about: Vec<_> = story.about.iter().map(StreamId::as_str).collect();
    about.join(", ")
}

/// What is said of it, below what holds.
pub(super) fn lines(story: &Story) -> Vec<String> {
    let mut lines = vec![format!("it tells of {}", about(story))];
    if story.unfinished.is_empty() {
        lines.push("the story is whole: every stream from its first event to its last".to_owned());
        return lines;
    }
    lines.push("the story has no end yet:".to_owned());
    lines.extend(story.unfinished.iter().map(|what| format!("  {what}")));
    lines
}

/// A story without an end waits, as a request does.
pub(super) fn outcome(story: &Story) -> Outcome {
    if story.unfinished.is_empty() {
        Outcome::Done
    } else {
        Outcome::Pending
    }
}
