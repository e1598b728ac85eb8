//! What an account has of a role now: by whatever chain of memberships, and in which live sessions.

use std::collections::BTreeSet;

use portcullis_ports::Held;
use tokio_postgres::GenericClient;
use tokio_postgres::types::Oid;

use super::answer::{Unread, rows};

/// An account beside a role, looked up.
#[derive(Debug)]
pub(super) struct Pair {
    /// The account, if it is there.
    pub account: Option<Oid>,
    /// Whether the account can use the role.
    pub held: bool,
    /// The roles the account itself was made a member of that lead there.
    pub through: BTreeSet<String>,
}

impl Pair {
    /// Looks it up.
    pub async fn read(
        client: &impl GenericClient,
        role: &str,
        account: &str,
    ) -> Result<Self, Unread> {
        let row = client
            .query_one(include_str!("sql/held.sql"), &[&role, &account])
            .await?;
        Ok(Self {
            account: row.try_get(0)?,
            held: row.try_get(1)?,
            through: row.try_get::<_, Vec<String>>(2)?.into_iter().collect(),
        })
    }

    /// What the account has, beside the sessions that may carry it.
    pub fn told(self, sessions: Vec<String>) -> Held {
        Held {
            effective: self.held,
            through: self.through,
            sessions,
        }
    }

    /// Names of the roles that can become the account.
    pub async fn able(&self, client: &impl GenericClient) -> Result<Vec<String>, Unread> {
        Ok(self
            .others(client)
            .await?
            .into_iter()
            .map(|(_, name)| name)
            .collect())
    }

    /// Live sessions that may carry the account's rights and began before a moment of the server's
    /// clock, or before now.
    pub async fn sessions(
        &self,
        client: &impl GenericClient,
        before: Option<&str>,
    ) -> Result<Vec<(i32, String)>, Unread> {
        let mut users: Vec<Oid> = self.account.into_iter().collect();
        users.extend(self.others(client).await?.into_iter().map(|(oid, _)| oid));
        let gone = self.account.is_none();
        let sql = include_str!("sql/sessions.sql");
        let rows = rows(client, sql, &[&users, &before, &gone]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    async fn others(&self, client: &impl GenericClient) -> Result<Vec<(Oid, String)>, Unread> {
        let Some(account) = self.account else {
            return Ok(Vec::new());
        };
        let rows = rows(client, include_str!("sql/able.sql"), &[&account]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }
}

/// Reads what an account has of a role. A session that began after `before` began without it.
pub(super) async fn read(
    client: &impl GenericClient,
    role: &str,
    account: &str,
    before: Option<&str>,
) -> Result<Held, Unread> {
    let pair = Pair::read(client, role, account).await?;
    let sessions = pair.sessions(client, before).await?;
    Ok(pair.told(sessions.into_iter().map(|(_, told)| told).collect()))
}
