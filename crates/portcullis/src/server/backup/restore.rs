//! `backup restore`: on a machine where nothing is, with what is in the safe.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, bail};
use portcullis_engine::{Restored, sealed_with};
use portcullis_model::Secret;

use super::contents::{self, STORE};
use super::scratch;
use crate::args::Global;
use crate::outcome::{Outcome, Stuck};
use crate::output;
use crate::server::config::Config;
use crate::server::folder::{DataFolder, closed_to_others, make_private, replace_private};
use crate::server::ports_of_copy;

/// Runs it.
pub(super) async fn run(
    global: &Global,
    file: &Path,
    passphrase: Secret<String>,
) -> anyhow::Result<Outcome> {
    let made = nothing_there(&global.data)?;
    make_private(&global.data)?;
    let data = global.data.canonicalize()?;
    let restored = aside(&data, file, passphrase)
        .await
        .with_context(|| format!("restoring {}", file.display()));
    if restored.is_err() && made {
        // Not if there is something in it by now.
        drop(fs::remove_dir(&data));
    }
    let (folder, restored) = restored?;
    tell(global, &folder, &restored)?;
    Ok(Outcome::Done)
}

/// Whether there is no folder yet; refused where there is one with something in it.
fn nothing_there(data: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(data).map(|mut entries| entries.next().is_none()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Ok(true) => Ok(false),
        Ok(false) => Err(Stuck {
            what: format!("there is something in {} already", data.display()),
            next: "move it away, or name another folder with --data DIR".to_owned(),
        }
        .into()),
        Err(error) => Err(error).with_context(|| format!("looking at {}", data.display())),
    }
}

/// Restores in a folder aside, and puts that in place when all is done: what fails half way leaves nothing, and what is
/// killed no store that could be served.
async fn aside(
    data: &Path,
    file: &Path,
    passphrase: Secret<String>,
) -> anyhow::Result<(DataFolder, Restored)> {
    closed_to_others(data)?;
    let aside = scratch(data, ".restoring-")?;
    let restored = into(&DataFolder::bare(aside.path()), file, passphrase).await?;
    let folder = put_in_place(aside.path(), data)?;
    Ok((folder, restored))
}

async fn into(
    folder: &DataFolder,
    file: &Path,
    passphrase: Secret<String>,
) -> anyhow::Result<Restored> {
    let (about, _) = contents::unpack(file, folder)?;
    portcullis_store::forget_strays(&folder.store(), &sealed_with)?;
    let ports = ports_of_copy(folder)?;
    let restored = portcullis_engine::restore(ports, about.taken_at, passphrase).await?;
    // It is frozen by now: only what is so may be served.
    portcullis_store::adopt(&folder.store())?;
    replace_private(&folder.online_key(), restored.online.expose().as_bytes())?;
    Ok(restored)
}

/// Gives everything its place, the store last: without one, a folder is no installation's.
fn put_in_place(from: &Path, to: &Path) -> anyhow::Result<DataFolder> {
    let log = from.join(format!("{STORE}-wal"));
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        bail!("{STORE} could not be written to its end: is the disk full?");
    }
    // The reserve first: where there is no room for it, nothing is put anywhere.
    DataFolder::create(from)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        // What lies beside the store is of whoever had it open.
        if !name.to_string_lossy().starts_with(STORE) {
            put(from, to, Path::new(&name))?;
        }
    }
    put(from, to, Path::new(STORE))?;
    DataFolder::open(to)
}

fn put(from: &Path, to: &Path, name: &Path) -> anyhow::Result<()> {
    fs::rename(from.join(name), to.join(name))
        .with_context(|| format!("putting {} in its place", name.display()))?;
    Ok(fs::File::open(to)?.sync_all()?)
}

fn tell(global: &Global, folder: &DataFolder, restored: &Restored) -> anyhow::Result<()> {
    let data = folder.path();
    if global.json {
        return output::json(&serde_json::json!({
            "data": data,
            "events": restored.events,
            "as_of": restored.as_of,
            "ledger_key": restored.ledger_key,
        }));
    }
    let data = data.display();
    output::line(format!(
        "installation restored in {data}, as it was after {} events, of which the last was at {}\n\n\
         It is frozen. Whatever was open is over, everybody signs in anew, and what grants had given is taken away at the\n\
         targets once the server runs. What happened after the backup is lost, and nothing vouches for portcullis.toml: look\n\
         through people, groups, policy and the configuration.\n\n\
         Next: portcullis serve --data {data}\n\
         then, as an owner of identities or of privileged sessions: portcullis thaw     (the other owners sign with approve)",
        restored.events, restored.as_of
    ))?;
    let looked_for = Config::read(folder, None).map(|config| config.unlock.identity_in(folder));
    match looked_for {
        Ok(place) if place != folder.online_key() => output::line(format!(
            "\nThe configuration looks for the online key at {}: move {} there",
            place.display(),
            folder.online_key().display()
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_for_its_reserve_is_not_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        for name in ["from", "from/tapes", "to"] {
            make_private(&place(name)).unwrap();
        }
        fs::write(place("from").join(STORE), "events").unwrap();
        // No file can be made where a folder is.
        make_private(&place("from/reserve")).unwrap();
        let refused = put_in_place(&place("from"), &place("to")).unwrap_err();
        assert!(refused.to_string().contains("reserve"), "{refused}");
        assert_eq!(fs::read_dir(place("to")).unwrap().count(), 0);
        fs::remove_dir(place("from/reserve")).unwrap();
        let made = put_in_place(&place("from"), &place("to")).unwrap();
        assert_eq!(fs::read(made.store()).unwrap(), b"events");
        for name in ["tapes", "reserve", "keys", "run"] {
            assert!(place("to").join(name).exists(), "{name}");
        }
    }
}
