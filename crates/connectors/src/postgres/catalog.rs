//! What a role is worth: every right it leads to, read from the catalogs in one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_classify::entitlement::{self, Facts, Kind, Object, Right, Runs};
use portcullis_model::Sensitivity;
use portcullis_ports::{Effective, Privilege};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Oid;
use tokio_postgres::{Row, Transaction};

use super::answer::{Room, Unread, rows};
use super::roles::{Reach, Roles};

/// What was read, or why it cannot be.
pub(super) enum Worth {
    /// There is no such role.
    NoRole,
    /// All of it.
    Known(Effective),
    /// Portcullis' own role may not read something: then nothing is known, and the worst is assumed.
    Unreadable(Effective),
}

/// Reads what a role is worth. The transaction has to be of one snapshot.
pub(super) async fn worth(
    transaction: &Transaction<'_>,
    role: &str,
    sensitivity: Sensitivity,
) -> Result<Worth, Unread> {
    let rights = match rights(transaction, role).await {
        Ok(Some(rights)) => rights,
        Ok(None) => return Ok(Worth::NoRole),
        Err(Unread::Server(error)) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            return Ok(Worth::Unreadable(unreadable(
                role,
                &super::client::told(&error),
            )));
        }
        Err(error) => return Err(error),
    };
    let privileges = rights.iter().map(privilege).collect();
    let classified = entitlement::classify(&Facts::Read {
        rights,
        sensitivity,
    });
    Ok(Worth::Known(Effective {
        privileges,
        classified,
    }))
}

fn privilege(right: &Right) -> Privilege {
    Privilege {
        right: right.title(),
        on: right.on.to_string(),
        via: right.via.clone(),
    }
}

fn unreadable(role: &str, cause: &str) -> Effective {
    Effective {
        privileges: BTreeSet::from([Privilege {
            right: "UNREADABLE".to_owned(),
            on: format!("role {role}"),
            via: Vec::new(),
        }]),
        classified: entitlement::classify(&Facts::Unreadable(cause.to_owned())),
    }
}

async fn rights(
    transaction: &Transaction<'_>,
    role: &str,
) -> Result<Option<BTreeSet<Right>>, Unread> {
    let roles = Roles::read(transaction).await?;
    let Some(oid) = roles.named(role) else {
        return Ok(None);
    };
    let room = Room::default();
    let reader = Reader {
        transaction,
        reach: roles.reach(oid, &room)?,
        room,
    };
    let mut rights: BTreeSet<Right> = roles
        .rights(&reader.reach, &reader.room)?
        .into_iter()
        .collect();
    rights.extend(reader.relations().await?);
    rights.extend(reader.functions().await?);
    rights.extend(reader.others().await?);
    rights.extend(reader.owned().await?);
    rights.extend(reader.elsewhere().await?);
    Ok(Some(rights))
}

struct Reader<'a> {
    transaction: &'a Transaction<'a>,
    reach: Reach,
    room: Room,
}

impl Reader<'_> {
    async fn rows(&self, sql: &str) -> Result<Vec<Row>, Unread> {
        rows(self.transaction, sql, &[&self.reach.holders()]).await
    }

    /// Rights on tables, views and sequences, and what reading those reads beside them.
    async fn relations(&self) -> Result<Vec<Right>, Unread> {
        let mut rights = Vec::new();
        let mut readable: BTreeMap<Oid, BTreeSet<Vec<String>>> = BTreeMap::new();
        for row in self.rows(include_str!("sql/relations.sql")).await? {
            let right = self.right(&row, 1, kind(row.try_get(4)?), row.try_get(5)?)?;
            if right.word == "SELECT" {
                let chains = readable.entry(row.try_get(0)?).or_default();
                chains.insert(right.via.clone());
            }
            rights.push(right);
        }
        rights.extend(self.reached(&readable).await?);
        Ok(rights)
    }

    async fn reached(
        &self,
        readable: &BTreeMap<Oid, BTreeSet<Vec<String>>>,
    ) -> Result<Vec<Right>, Unread> {
        let starts: Vec<Oid> = readable.keys().copied().collect();
        let sql = include_str!("sql/reached.sql");
        let rows = rows(self.transaction, sql, &[&starts]).await?;
        let mut rights = Vec::new();
        for row in rows {
            let through: String = row.try_get(1)?;
            for chain in readable.get(&row.try_get(0)?).into_iter().flatten() {
                let mut via = chain.clone();
                via.push(through.clone());
                rights.push(self.room.right(Right {
                    word: "SELECT".to_owned(),
                    grantable: false,
                    on: Object {
                        kind: kind(row.try_get(2)?),
                        name: row.try_get(3)?,
                    },
                    via,
                })?);
            }
        }
        Ok(rights)
    }

    async fn functions(&self) -> Result<Vec<Right>, Unread> {
        let rows = self.rows(include_str!("sql/functions.sql")).await?;
        rows.iter()
            .map(|row| {
                let kind = Kind::Function(self.runs(row)?);
                self.right(row, 0, kind, row.try_get(3)?)
            })
            .collect()
    }

    /// A function that runs with the rights of a role within reach adds nothing to them.
    fn runs(&self, row: &Row) -> Result<Runs, Unread> {
        let (built_in, definer, trusted): (bool, bool, bool) =
            (row.try_get(4)?, row.try_get(5)?, row.try_get(8)?);
        let owner: Oid = row.try_get(6)?;
        let extension: Option<String> = row.try_get(10)?;
        Ok(match extension {
            _ if built_in => Runs::BuiltIn,
            _ if definer && !self.reach.contains(owner) => Runs::AsOwner(row.try_get(7)?),
            _ if trusted => Runs::AsCaller,
            Some(extension) => Runs::Extension(extension),
            None => Runs::AsServer(row.try_get(9)?),
        })
    }

    async fn others(&self) -> Result<Vec<Right>, Unread> {
        let mut rows = self.rows(include_str!("sql/others.sql")).await?;
        let parameters = "SELECT to_regclass('pg_catalog.pg_parameter_acl') IS NOT NULL";
        if self
            .transaction
            .query_one(parameters, &[])
            .await?
            .try_get(0)?
        {
            rows.extend(self.rows(include_str!("sql/parameters.sql")).await?);
        }
        rows.iter()
            .map(|row| self.right(row, 0, kind(row.try_get(3)?), row.try_get(4)?))
            .collect()
    }

    async fn owned(&self) -> Result<Vec<Right>, Unread> {
        let rows = self.rows(include_str!("sql/owned.sql")).await?;
        rows.iter()
            .map(|row| self.owner(row.try_get(0)?, kind(row.try_get(1)?), row.try_get(2)?))
            .collect()
    }

    async fn elsewhere(&self) -> Result<Vec<Right>, Unread> {
        let rows = self.rows(include_str!("sql/elsewhere.sql")).await?;
        rows.iter()
            .map(|row| {
                let (objects, database): (i64, String) = (row.try_get(2)?, row.try_get(3)?);
                let right = self.owner(
                    row.try_get(0)?,
                    Kind::Elsewhere,
                    format!("{objects} objects of {database}"),
                )?;
                let word = if row.try_get(1)? { "OWNER" } else { "RIGHTS" };
                Ok(Right {
                    word: word.to_owned(),
                    ..right
                })
            })
            .collect()
    }

    /// A right from a row that has grantee, word and option from one column on.
    fn right(&self, row: &Row, first: usize, kind: Kind, name: String) -> Result<Right, Unread> {
        self.room.right(Right {
            word: row.try_get(first + 1)?,
            grantable: row.try_get(first + 2)?,
            on: Object { kind, name },
            via: self.reach.via(row.try_get(first)?),
        })
    }

    fn owner(&self, holder: Oid, kind: Kind, name: String) -> Result<Right, Unread> {
        self.room.right(Right {
            word: "OWNER".to_owned(),
            grantable: false,
            on: Object { kind, name },
            via: self.reach.via(holder),
        })
    }
}

/// The kind of object behind a word of our statements or of `pg_identify_object`.
fn kind(word: &str) -> Kind {
    match word {
        "table" | "view" | "materialized view" => Kind::Table,
        "column" => Kind::Column,
        "catalog" => Kind::SystemCatalog,
        "foreign table" => Kind::ForeignTable,
        "sequence" => Kind::Sequence,
        "schema" => Kind::Schema,
        "database" => Kind::Database,
        "type" => Kind::Type,
        "function" | "procedure" | "aggregate" => Kind::Function(Runs::AsCaller),
        "language" => Kind::TrustedLanguage,
        "foreign-data wrapper" => Kind::ForeignDataWrapper,
        "foreign server" | "server" => Kind::ForeignServer,
        "large object" => Kind::LargeObject,
        "tablespace" => Kind::Tablespace,
        "parameter" => Kind::Parameter,
        other => Kind::Other(other.to_owned()),
    }
}
