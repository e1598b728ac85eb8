//! Checking a tape: by the server, or offline against evidence that is verified itself first.

use std::path::Path;

use anyhow::{Context, bail};
use portcullis_tape::{Ending, Head};
use serde_json::{Value, json};

use super::{NO_END, tape_file};
use crate::args::Global;
use crate::client::Api;
use crate::commands::ledger;
use crate::outcome::Outcome;
use crate::output::{self, text};

/// Checks a session at the server, or a tape in a file, held against evidence under the ledger's key.
pub(super) async fn run(
    global: &Global,
    what: &str,
    evidence: Option<(&Path, &str)>,
) -> anyhow::Result<Outcome> {
    if what.starts_with("ses_") && !Path::new(what).exists() {
        by_the_server(global, what).await?;
    } else {
        file(global, Path::new(what), evidence)?;
    }
    Ok(Outcome::Done)
}

async fn by_the_server(global: &Global, session: &str) -> anyhow::Result<()> {
    let report = Api::signed_in(global)?
        .post(&format!("/sessions/{session}/verify"), &json!({}))
        .await?;
    if global.json {
        return output::json(&report);
    }
    output::line(format!(
        "the tape holds: {} segments, {} bytes, {}, {} in the ledger",
        text(&report, "/segments"),
        text(&report, "/bytes"),
        text(&report, "/ending"),
        agreeing(report.get("heads").and_then(Value::as_u64).unwrap_or(0))
    ))
}

fn file(global: &Global, path: &Path, evidence: Option<(&Path, &str)>) -> anyhow::Result<()> {
    let session = portcullis_tape::open(tape_file(path)?)?
        .header()
        .session
        .clone();
    is_named_for(path, &session)?;
    let heads = match evidence {
        Some((path, key)) => heads_in(path, key, &session)?,
        None => Vec::new(),
    };
    let verified = portcullis_tape::verify(tape_file(path)?, &heads, None)?;
    if matches!(verified.ending, Ending::Unfinished { .. }) {
        bail!(NO_END);
    }
    if let Some((path, _)) = evidence {
        reaches_the_end(&heads, &verified.head, path)?;
    }
    told(global, &session, &verified.head, heads.len())
}

/// A tape named for one session that is another's would be taken for the wrong one.
fn is_named_for(path: &Path, session: &str) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("ses_") && !name.starts_with(session) {
        bail!(
            "{} is named for another session: it is the tape of {session}",
            path.display()
        );
    }
    Ok(())
}

/// What lies behind the last head could have been written by anybody.
fn reaches_the_end(heads: &[Head], end: &Head, evidence: &Path) -> anyhow::Result<()> {
    if heads.contains(end) {
        return Ok(());
    }
    bail!(
        "{} tells nothing of this tape's end, only of its beginning: take the evidence again, now that the session is over",
        evidence.display()
    )
}

fn told(global: &Global, session: &str, end: &Head, heads: usize) -> anyhow::Result<()> {
    if global.json {
        return output::json(&json!({
            "session": session,
            "segments": end.segments, "bytes": end.bytes, "heads": heads,
            "held_against": if heads == 0 { "nothing" } else { "evidence" },
        }));
    }
    let size = format!("{} segments, {} bytes", end.segments, end.bytes);
    if heads == 0 {
        return output::line(format!(
            "the tape of {session} fits together: {size}; held against nothing, so it may have been made anew as a whole\n\
             next: add --evidence FILE --key KEY, with the key from ledger key"
        ));
    }
    let heads = agreeing(u64::try_from(heads).unwrap_or(u64::MAX));
    output::line(format!(
        "the tape of {session} holds: {size}, {heads} in evidence that holds"
    ))
}

/// `1 head agrees`, `3 heads agree`.
fn agreeing(heads: u64) -> String {
    if heads == 1 {
        "1 head agrees".to_owned()
    } else {
        format!("{heads} heads agree")
    }
}

/// The heads of a session's tape that the ledger has, by an evidence file, which tells of every session of its
/// grant. Nothing in the file is believed before the key verified it.
fn heads_in(path: &Path, key: &str, session: &str) -> anyhow::Result<Vec<Head>> {
    let verdict = ledger::verified(path, &ledger::key(key)?, None)
        .with_context(|| format!("in {}", path.display()))?;
    let mut heads = Vec::new();
    for leaf in verdict.leaves {
        let event: Value = serde_json::from_slice(&leaf.data)?;
        if text(&event, "/stream") != session {
            continue;
        }
        for pointer in ["/data/head", "/data/ending/tape"] {
            if let Some(head) = event.pointer(pointer) {
                heads.push(serde_json::from_value(head.clone())?);
            }
        }
    }
    if heads.is_empty() {
        bail!(
            "{} holds no head of {session}: it is another story's evidence",
            path.display()
        );
    }
    Ok(heads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(segments: u64, hash: [u8; 32]) -> Head {
        Head {
            segments,
            bytes: 100,
            hash,
        }
    }

    #[test]
    fn evidence_that_ends_before_the_tape_does_is_refused() {
        let heads = [head(1, [1; 32]), head(2, [2; 32])];
        let path = Path::new("a.evidence");
        assert!(reaches_the_end(&heads, &head(2, [2; 32]), path).is_ok());
        for end in [head(3, [3; 32]), head(2, [3; 32])] {
            assert!(reaches_the_end(&heads, &end, path).is_err(), "{end:?}");
        }
    }
}
