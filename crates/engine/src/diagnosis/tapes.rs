//! Whether every session's tape is there that was not erased, whether there is room for more, and, where that is asked, whether
//! each is what the ledger has of it.

use std::collections::BTreeSet;

use portcullis_flow::session::{Session, SessionStatus};
use portcullis_model::SessionId;
use portcullis_tape::Ending;

use super::{Beside, Health};
use crate::failure::Failure;
use crate::journal::Journal;
use crate::ports::Ports;
use crate::retention::near;
use crate::tapes::{self, TAPES};
use crate::unlock;

/// Looks at them.
pub(super) async fn look(ports: &Ports, beside: &Beside<'_>) -> Result<(Health, String), Failure> {
    let (tenant, _) = unlock::whose(ports).await?;
    let journal = ports.journal(tenant);
    let there: BTreeSet<_> = ports.blobs.list(TAPES).await?.into_iter().collect();
    let sessions = journal.find::<Session>(&[]).await?;
    let all = sessions.len();
    let kept: Vec<_> = sessions
        .into_iter()
        .filter(|(_, session)| session.erased_at().is_none())
        .filter_map(|(stream, session)| {
            let is_over = matches!(session.status, SessionStatus::Ended { .. });
            Some((stream.parse::<SessionId>().ok()?, is_over))
        })
        .collect();
    let missing = kept.iter().map(|(session, _)| session);
    let missing: Vec<_> = missing
        .filter(|session| !there.contains(&tapes::name(**session)))
        .collect();
    if let [first, ..] = missing.as_slice() {
        return Err(Failure::Damaged(format!(
            "{} of {} are gone, that of {first} first: restore the folder tapes from a backup",
            missing.len(),
            kept.len()
        )));
    }
    let read = if beside.read_tapes {
        read_all(ports, &journal, &kept).await?;
        ", each read and as the ledger has it"
    } else {
        ""
    };
    let erased = match all - kept.len() {
        0 => String::new(),
        erased => format!(", {erased} erased"),
    };
    room(
        ports,
        format!("{} there{erased}{read}", kept.len()),
        beside.tape_quota,
    )
    .await
}

async fn room(
    ports: &Ports,
    told: String,
    quota: Option<u64>,
) -> Result<(Health, String), Failure> {
    let bytes = ports.blobs.bytes(TAPES).await?;
    Ok(match quota {
        Some(quota) if bytes >= quota => {
            let full = format!("{told}; they take all of their quota: no session opens");
            return Err(Failure::Unavailable(full));
        }
        Some(quota) if near(bytes, quota) => {
            let detail = format!("{told}; they take {bytes} of {quota} bytes");
            (Health::Note, detail)
        }
        _ => (Health::Ok, told),
    })
}

/// Reads each from its beginning to its end; all that do not hold are counted, and the first is named.
async fn read_all(
    ports: &Ports,
    journal: &Journal,
    kept: &[(SessionId, bool)],
) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for (session, is_over) in kept {
        if let Err(failure) = read(ports, journal, *session, *is_over).await {
            bad.push(format!("that of {session}: {failure}"));
        }
    }
    match bad.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Damaged(format!(
            "{} of {} are not what the ledger has of them, {first}",
            bad.len(),
            kept.len()
        ))),
    }
}

async fn read(
    ports: &Ports,
    journal: &Journal,
    session: SessionId,
    is_over: bool,
) -> Result<(), Failure> {
    let heads = tapes::heads(journal, session).await?;
    let source = tapes::source(ports, session).await?;
    let verified = tapes::verify(source, heads, None).await?;
    let is_open = matches!(verified.ending, Ending::Unfinished { .. });
    if is_open && is_over {
        return Err(Failure::Damaged("it has no end".to_owned()));
    }
    Ok(())
}
