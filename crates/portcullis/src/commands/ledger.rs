//! The ledger: checkpoints, evidence files, and verifying both without a server.

mod story;
mod whole;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use portcullis_ledger::{
    Cosignature, EvidenceFile, NoteVerifier, SignedCheckpoint, TileReader, Trust, Verdict,
    WitnessKey, audit_log, verify_evidence,
};
use serde_json::{Value, json};

use crate::args::Global;
use crate::args::auditing::LedgerCommand;
use crate::client::Api;
use crate::outcome::Outcome;
use crate::output::{self, text};

/// Runs one of them.
pub(crate) async fn run(global: &Global, command: LedgerCommand) -> anyhow::Result<Outcome> {
    match command {
        LedgerCommand::Checkpoint => {
            let note = Api::signed_in(global)?
                .get_bytes("/ledger/checkpoint")
                .await?;
            if global.json {
                output::json(&json!({ "checkpoint": String::from_utf8_lossy(&note) }))?;
            } else {
                output::bytes(&note)?;
            }
        }
        LedgerCommand::Prove {
            id,
            out,
            tlog_proofs,
        } => {
            let file = Api::signed_in(global)?
                .get_bytes(&format!("/ledger/evidence/{id}"))
                .await?;
            if let Some(folder) = tlog_proofs {
                standard_proofs(&file, &folder)?;
            }
            keep(global, &file, out.as_deref())?;
        }
        LedgerCommand::Verify {
            what,
            key,
            since,
            of,
            witnesses,
            show,
        } => {
            let witnesses = witnesses.iter().map(|key| {
                WitnessKey::parse(key.trim())
                    .with_context(|| format!("{key:?}, as ledger witness prints it"))
            });
            let witnesses = witnesses.collect::<Result<_, _>>()?;
            let asked = Asked {
                of,
                witnesses,
                show,
            };
            return verify(global, &what, &key, since.as_deref(), &asked);
        }
        LedgerCommand::Witness(args) => return crate::witness::run(global, args).await,
        LedgerCommand::Key => {
            let keys = Api::anonymous(global)?.get("/ledger/key").await?;
            if global.json {
                output::json(&keys)?;
            } else {
                output::line(text(&keys, "/key"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// Keeps evidence in a file, or prints it.
fn keep(global: &Global, evidence: &[u8], out: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = out {
        std::fs::write(path, evidence).with_context(|| format!("writing {}", path.display()))?;
    }
    match (out, global.json) {
        (Some(path), true) => output::json(&json!({ "file": path })),
        (None, true) => output::json(&json!({ "evidence": String::from_utf8_lossy(evidence) })),
        (Some(_), false) => Ok(()),
        (None, false) => output::bytes(evidence),
    }
}

/// Writes each leaf of an evidence file and its standard proof, by their place in the ledger.
fn standard_proofs(evidence: &[u8], folder: &Path) -> anyhow::Result<()> {
    let evidence = EvidenceFile::parse(evidence).context("the server's evidence")?;
    let put = |name: String, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    };
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for leaf in evidence.leaves() {
        put(format!("{}.leaf", leaf.index), &leaf.data)?;
        let proof = evidence.tlog_proof(leaf.index);
        let proof = proof.context("a leaf without its proof")?;
        put(
            format!("{}.tlog-proof", leaf.index),
            proof.to_string().as_bytes(),
        )?;
    }
    Ok(())
}

/// What is asked of an evidence file besides whether it holds.
struct Asked {
    /// To be of this request, grant, session or change.
    of: Option<String>,
    /// To have seen the ledger as it is there.
    witnesses: Vec<WitnessKey>,
    /// To be printed.
    show: bool,
}

fn verify(
    global: &Global,
    what: &Path,
    key: &str,
    since: Option<&Path>,
    asked: &Asked,
) -> anyhow::Result<Outcome> {
    let key = self::key(key)?;
    let since = since.map(|path| checkpoint(path, &key)).transpose()?;
    if what.is_dir() {
        if asked.of.is_some() || asked.show || !asked.witnesses.is_empty() {
            bail!(
                "--of, --show and --witness are for an evidence file; {} is a ledger's folder",
                what.display()
            );
        }
        verify_folder(global, what, &key, since.as_ref()).map(|()| Outcome::Done)
    } else {
        verify_file(global, what, &key, since.as_ref(), asked)
    }
}

/// The ledger's key as somebody gave it.
pub(super) fn key(text: &str) -> anyhow::Result<NoteVerifier> {
    NoteVerifier::parse(text.trim()).context("the key is not a ledger key (ledger key prints it)")
}

/// An evidence file that holds under the key.
pub(super) fn verified(
    path: &Path,
    key: &NoteVerifier,
    since: Option<&SignedCheckpoint>,
) -> anyhow::Result<Verdict> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let trust = Trust {
        keys: std::slice::from_ref(key),
        earlier: since.map(SignedCheckpoint::checkpoint),
        growth: None,
    };
    Ok(verify_evidence(&bytes, &trust)?)
}

/// A signed checkpoint in a file.
fn checkpoint(path: &Path, key: &NoteVerifier) -> anyhow::Result<SignedCheckpoint> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    SignedCheckpoint::open(&bytes, std::slice::from_ref(key))
        .with_context(|| format!("in {}", path.display()))
}

fn verify_file(
    global: &Global,
    path: &Path,
    key: &NoteVerifier,
    since: Option<&SignedCheckpoint>,
    asked: &Asked,
) -> anyhow::Result<Outcome> {
    let verdict = verified(path, key, since)?;
    let story = whole::story(&verdict.leaves)?;
    if let Some(wanted) = &asked.of {
        whole::is_of(&story, wanted)?;
    }
    let size = verdict.checkpoint.checkpoint().size();
    let seen = seen(&verdict.checkpoint, &asked.witnesses)?;
    let events: Vec<Value> = verdict
        .leaves
        .iter()
        .filter_map(|leaf| serde_json::from_slice(&leaf.data).ok())
        .collect();
    if global.json {
        output::json(&json!({
            "holds": true,
            "about": story.about,
            "unfinished": story.unfinished,
            "leaves": verdict.leaves.len(),
            "checkpoint_size": size,
            "witnesses": seen.iter().map(|word| json!({ "name": word.witness, "seen_at": moment(word) })).collect::<Vec<_>>(),
            "events": if asked.show { Value::from(events) } else { Value::Null },
        }))?;
        return Ok(whole::outcome(&story));
    }
    if asked.show {
        story::told(&events).iter().try_for_each(output::line)?;
    }
    output::line(format!(
        "the evidence holds: {} events, each in the ledger of {size} under a checkpoint signed by {}",
        verdict.leaves.len(),
        key.name()
    ))?;
    seen.iter().map(seen_line).try_for_each(output::line)?;
    for line in whole::lines(&story) {
        output::line(line)?;
    }
    Ok(whole::outcome(&story))
}

fn verify_folder(
    global: &Global,
    path: &Path,
    key: &NoteVerifier,
    since: Option<&SignedCheckpoint>,
) -> anyhow::Result<()> {
    let signed = checkpoint(&path.join("checkpoint"), key)?;
    let earlier: Vec<_> = since
        .map(|known| known.checkpoint().clone())
        .into_iter()
        .collect();
    let audit = audit_log(&Folder(path.to_path_buf()), signed.checkpoint(), &earlier)?;
    if global.json {
        return output::json(&json!({ "holds": true, "entries": audit.entries }));
    }
    output::line(format!(
        "the ledger holds: {} entries lead to the checkpoint signed by {}",
        audit.entries,
        key.name()
    ))
}

/// The words of these witnesses, each of which has to be there.
fn seen(signed: &SignedCheckpoint, witnesses: &[WitnessKey]) -> anyhow::Result<Vec<Cosignature>> {
    let word = |key: &WitnessKey| {
        let mut words = signed.cosignatures(std::slice::from_ref(key))?;
        words.pop().with_context(|| {
            format!(
                "witness {} did not put its name to the checkpoint: it was not asked, not reached, or saw another ledger",
                key.name()
            )
        })
    };
    witnesses.iter().map(word).collect()
}

fn seen_line(word: &Cosignature) -> String {
    format!(
        "witness {} saw the ledger so at {}",
        word.witness,
        moment(word)
    )
}

/// When a witness gave its word, by its own clock.
fn moment(word: &Cosignature) -> String {
    let seconds = i64::try_from(word.time).ok();
    let at = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| word.time.to_string(), |at| at.to_string())
}

/// A ledger's folder.
struct Folder(PathBuf);

impl TileReader for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
