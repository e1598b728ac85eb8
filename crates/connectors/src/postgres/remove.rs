//! Taking a role from an account: REVOKE, end the sessions that began before it, read back.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_ports::{Assignment, ConnectorError, Removal, Target};
use tokio_postgres::Client;

use super::answer::{Unread, rows};
use super::client::{connect, failed};
use super::held::{self, Pair};
use super::settings::Settings;
use super::{Entitlement, quote};

/// How long ended sessions may take to be gone before what is left is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether they are.
const LOOK: Duration = Duration::from_millis(50);

/// Looks without any session left after which none is believed to be on its way: a session that starts
/// with `role` among its options appears a moment after it took the role.
const QUIET: u8 = 2;

/// Carries out a removal. Safe to repeat; what the account held before is left alone.
pub(super) async fn carry_out(
    target: &Target<'_>,
    settings: &Settings,
    entitlement: &Entitlement<'_>,
    assignment: &Assignment,
) -> Result<Removal, ConnectorError> {
    let (client, _budget) = connect(target, settings).await?;
    let (role, account) = (entitlement.role, assignment.account.as_str());
    let read_back = format!("read back what {account:?} holds");
    if assignment.held_before {
        let held = held::read(&client, role, account, None)
            .await
            .map_err(|error| failed(target, &read_back, &error))?;
        return Ok(Removal {
            ended: Vec::new(),
            held,
        });
    }
    let what = format!("revoke {role:?} from {account:?}");
    for statement in revocations(&client, role, account)
        .await
        .map_err(|error| failed(target, &what, &error))?
    {
        client
            .batch_execute(&statement?)
            .await
            .map_err(|error| failed(target, &what, &error.into()))?;
    }
    let end = format!("end the sessions of {account:?}");
    let (ended, revoked_at) = end_sessions(&client, role, account)
        .await
        .map_err(|error| failed(target, &end, &error))?;
    let held = held::read(&client, role, account, Some(&revoked_at))
        .await
        .map_err(|error| failed(target, &read_back, &error))?;
    Ok(Removal { ended, held })
}

/// A statement for each direct membership: from PostgreSQL 16 on there is one for every grantor.
async fn revocations(
    client: &Client,
    role: &str,
    account: &str,
) -> Result<Vec<Result<String, ConnectorError>>, Unread> {
    let sql = include_str!("sql/grantors.sql");
    let rows = rows(client, sql, &[&role, &account]).await?;
    let mut statements = Vec::new();
    for row in rows {
        let grantor: Option<String> = row.try_get(0)?;
        statements.push(statement(role, account, grantor.as_deref()).map_err(super::invalid));
    }
    Ok(statements)
}

fn statement(role: &str, account: &str, grantor: Option<&str>) -> Result<String, quote::NameError> {
    let plain = format!(
        "REVOKE {} FROM {}",
        quote::role(role)?,
        quote::role(account)?
    );
    Ok(match grantor {
        Some(grantor) => format!("{plain} GRANTED BY {}", quote::role(grantor)?),
        None => plain,
    })
}

/// Ends every session that began before this moment and waits until none is left, or patience is at its
/// end. Returns what was ended and the moment, by the server's clock.
async fn end_sessions(
    client: &Client,
    role: &str,
    account: &str,
) -> Result<(Vec<String>, String), Unread> {
    let revoked_at: String = client
        .query_one("SELECT clock_timestamp()::text", &[])
        .await?
        .try_get(0)?;
    let mut ended = BTreeMap::new();
    let until_quiet = async {
        let mut ticks = tokio::time::interval(LOOK);
        let mut quiet = 0;
        while quiet < QUIET {
            ticks.tick().await;
            let pair = Pair::read(client, role, account).await?;
            let sessions = pair.sessions(client, Some(&revoked_at)).await?;
            quiet = if sessions.is_empty() { quiet + 1 } else { 0 };
            for (pid, told) in sessions {
                client
                    .execute("SELECT pg_terminate_backend($1)", &[&pid])
                    .await?;
                ended.insert(pid, told);
            }
        }
        Ok::<(), Unread>(())
    };
    match tokio::time::timeout(PATIENCE, until_quiet).await {
        Ok(outcome) => outcome?,
        Err(_still_there) => {}
    }
    Ok((ended.into_values().collect(), revoked_at))
}
