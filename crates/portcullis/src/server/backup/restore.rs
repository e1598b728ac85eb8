//! `backup restore`: on a machine where nothing is, with what is in the safe.

use std::fs;
use std::path::Path;

use anyhow::Context;
use portcullis_engine::Restored;
use portcullis_model::Secret;

use super::{contents, scratch};
use crate::args::Global;
use crate::outcome::{Outcome, Stuck};
use crate::output;
use crate::server::folder::{DataFolder, replace_private};
use crate::server::ports;

/// Runs it.
pub(super) async fn run(
    global: &Global,
    file: &Path,
    passphrase: Secret<String>,
) -> anyhow::Result<Outcome> {
    let data = std::path::absolute(&global.data)?;
    nothing_there(&data)?;
    let beside = data.parent().context("a data folder lies in a folder")?;
    fs::create_dir_all(beside)?;
    // Under another name until all is done: what fails, or is killed, half way is no data folder.
    let scratch = scratch(beside, ".restoring-")?;
    let restored = into(scratch.path(), file, passphrase)
        .await
        .with_context(|| format!("restoring {}", file.display()))?;
    fs::rename(scratch.path(), &data)
        .with_context(|| format!("giving the data folder its name {}", data.display()))?;
    fs::File::open(beside)?.sync_all()?;
    tell(global, &data, &restored)?;
    Ok(Outcome::Done)
}

fn nothing_there(data: &Path) -> anyhow::Result<()> {
    match fs::read_dir(data).map(|mut entries| entries.next().is_none()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(true) => Ok(()),
        Ok(false) => Err(Stuck {
            what: format!("there is something in {} already", data.display()),
            next: "move it away, or name another folder with --data DIR".to_owned(),
        }
        .into()),
        Err(error) => Err(error).with_context(|| format!("looking at {}", data.display())),
    }
}

async fn into(place: &Path, file: &Path, passphrase: Secret<String>) -> anyhow::Result<Restored> {
    let folder = DataFolder::create(place)?;
    let (about, _) = contents::unpack(file, &folder)?;
    let restored = portcullis_engine::restore(ports(&folder)?, about.taken_at, passphrase).await?;
    replace_private(&folder.online_key(), restored.online.expose().as_bytes())?;
    Ok(restored)
}

fn tell(global: &Global, data: &Path, restored: &Restored) -> anyhow::Result<()> {
    if global.json {
        return output::json(&serde_json::json!({
            "data": data,
            "events": restored.events,
            "ledger_key": restored.ledger_key,
        }));
    }
    let data = data.display();
    output::line(format!(
        "installation restored in {data}, as it was after {} events\n\n\
         It is frozen. Whatever was open is over, everybody signs in anew, and what grants had given is taken away at the\n\
         targets once the server runs. What happened after the backup is lost: look through people, groups and policy.\n\n\
         Next: portcullis serve --data {data}\n\
         then, as an owner: portcullis thaw     (looks at every target; the other owners sign with approve)",
        restored.events
    ))
}
