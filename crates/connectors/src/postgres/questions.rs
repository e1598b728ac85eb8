//! What is asked of the catalogs, prepared: planning costs the server more than answering does.

use tokio_postgres::{Client, Statement, Transaction};

use super::answer::{Unread, rows};

/// The statements that read what a role is worth, prepared over one connection.
#[derive(Debug)]
pub(super) struct Questions {
    pub roles: Statement,
    pub memberships: Statement,
    pub relations: Statement,
    pub reached: Statement,
    pub functions: Statement,
    pub others: Statement,
    /// Not before PostgreSQL 15.
    pub parameters: Option<Statement>,
    pub owned: Statement,
    pub elsewhere: Statement,
}

impl Questions {
    /// Prepares them. Which rows may be read is asked when they are executed.
    pub async fn prepared(transaction: &Transaction<'_>) -> Result<Self, Unread> {
        Ok(Self {
            roles: transaction.prepare(include_str!("sql/roles.sql")).await?,
            memberships: transaction
                .prepare(include_str!("sql/memberships.sql"))
                .await?,
            relations: transaction
                .prepare(include_str!("sql/relations.sql"))
                .await?,
            reached: transaction.prepare(include_str!("sql/reached.sql")).await?,
            functions: transaction
                .prepare(include_str!("sql/functions.sql"))
                .await?,
            others: transaction.prepare(include_str!("sql/others.sql")).await?,
            parameters: parameters(transaction).await?,
            owned: transaction.prepare(include_str!("sql/owned.sql")).await?,
            elsewhere: transaction
                .prepare(include_str!("sql/elsewhere.sql"))
                .await?,
        })
    }
}

/// Has each statement over a connection planned once, where the server is new enough (PostgreSQL 12) to be told.
pub(super) async fn plan_once(client: &Client) -> Result<(), Unread> {
    let sql = "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)
               WHERE current_setting('plan_cache_mode', true) IS NOT NULL";
    rows(client, sql, &[]).await.map(drop)
}

/// Which transactions the present one sees, in the server's words: two that see the same ones read the same. Not known
/// of a standby, which does not say which are under way.
pub(super) async fn snapshot(transaction: &Transaction<'_>) -> Result<Option<String>, Unread> {
    let sees = "SELECT txid_current_snapshot()::text WHERE NOT pg_is_in_recovery()";
    let rows = rows(transaction, sees, &[]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

async fn parameters(transaction: &Transaction<'_>) -> Result<Option<Statement>, Unread> {
    let known = "SELECT WHERE to_regclass('pg_catalog.pg_parameter_acl') IS NOT NULL";
    if rows(transaction, known, &[]).await?.is_empty() {
        return Ok(None);
    }
    let sql = include_str!("sql/parameters.sql");
    Ok(Some(transaction.prepare(sql).await?))
}
