//! What a role is worth: every right it leads to, read from the catalogs in one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_classify::entitlement::{self, Facts, Kind, Object, Right, Runs};
use portcullis_model::Sensitivity;
use portcullis_ports::{Effective, Privilege};
use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Oid;
use tokio_postgres::{Row, Statement, Transaction};

use super::answer::{Room, Unread, rows};
use super::questions::Questions;
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

/// The most rights that are kept for the next reading.
const MOST_KEPT: usize = 5_000;

/// What the catalogs say of a role.
#[derive(Debug)]
pub(super) enum Reading {
    /// There is no such role.
    NoRole,
    /// Every right it leads to.
    Rights(BTreeSet<Right>),
    /// Something may not be read, and why.
    Unreadable(String),
}

impl Reading {
    /// Whether it is worth the memory until it is asked for again.
    pub fn is_small(&self) -> bool {
        match self {
            Self::Rights(rights) => rights.len() <= MOST_KEPT,
            Self::NoRole | Self::Unreadable(_) => true,
        }
    }

    /// What that is worth where such data are held.
    pub fn worth(&self, role: &str, sensitivity: Sensitivity) -> Worth {
        let rights = match self {
            Self::Rights(rights) => rights.clone(),
            Self::NoRole => return Worth::NoRole,
            Self::Unreadable(cause) => return Worth::Unreadable(unreadable(role, cause)),
        };
        let privileges = rights.iter().map(privilege).collect();
        let classified = entitlement::classify(&Facts::Read {
            rights,
            sensitivity,
        });
        Worth::Known(Effective {
            privileges,
            classified,
        })
    }
}

/// Reads what a role leads to. The transaction has to be of one snapshot.
pub(super) async fn read(
    transaction: &Transaction<'_>,
    questions: &OnceCell<Questions>,
    role: &str,
) -> Result<Reading, Unread> {
    match rights(transaction, questions, role).await {
        Ok(Some(rights)) => Ok(Reading::Rights(rights)),
        Ok(None) => Ok(Reading::NoRole),
        Err(Unread::Server(error)) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Ok(Reading::Unreadable(super::client::told(&error)))
        }
        Err(error) => Err(error),
    }
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
    questions: &OnceCell<Questions>,
    role: &str,
) -> Result<Option<BTreeSet<Right>>, Unread> {
    let questions = questions
        .get_or_try_init(|| Questions::prepared(transaction))
        .await?;
    let roles = Roles::read(transaction, questions).await?;
    let Some(oid) = roles.named(role) else {
        return Ok(None);
    };
    let room = Room::default();
    let reader = Reader {
        transaction,
        questions,
        reach: roles.reach(oid, &room)?,
        room,
    };
    let by_themselves = roles.rights(&reader.reach, &reader.room)?;
    let rights = [by_themselves].into_iter().chain(reader.all().await?);
    Ok(Some(rights.flatten().collect()))
}

struct Reader<'a> {
    transaction: &'a Transaction<'a>,
    questions: &'a Questions,
    reach: Reach,
    room: Room,
}

impl Reader<'_> {
    /// Asks everything at once: the server answers in turn, and waits for none of our answers.
    async fn all(&self) -> Result<[Vec<Right>; 5], Unread> {
        let (relations, functions, others, owned, elsewhere) = tokio::join!(
            self.relations(),
            self.functions(),
            self.others(),
            self.owned(),
            self.elsewhere(),
        );
        first_cause([relations, functions, others, owned, elsewhere])
    }

    async fn rows(&self, question: &Statement) -> Result<Vec<Row>, Unread> {
        rows(self.transaction, question, &[&self.reach.holders()]).await
    }

    /// Rights on tables, views and sequences, and what reading those reads beside them.
    async fn relations(&self) -> Result<Vec<Right>, Unread> {
        let mut rights = Vec::new();
        let mut readable: BTreeMap<Oid, BTreeSet<Vec<String>>> = BTreeMap::new();
        for row in self.rows(&self.questions.relations).await? {
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
        let rows = rows(self.transaction, &self.questions.reached, &[&starts]).await?;
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
        let rows = self.rows(&self.questions.functions).await?;
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
        let mut rows = self.rows(&self.questions.others).await?;
        if let Some(parameters) = &self.questions.parameters {
            rows.extend(self.rows(parameters).await?);
        }
        rows.iter()
            .map(|row| self.right(row, 0, kind(row.try_get(3)?), row.try_get(4)?))
            .collect()
    }

    async fn owned(&self) -> Result<Vec<Right>, Unread> {
        let rows = self.rows(&self.questions.owned).await?;
        rows.iter()
            .map(|row| self.owner(row.try_get(0)?, kind(row.try_get(1)?), row.try_get(2)?))
            .collect()
    }

    async fn elsewhere(&self) -> Result<Vec<Right>, Unread> {
        let rows = self.rows(&self.questions.elsewhere).await?;
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

/// What was read by all, or why one of them could not: after one, the server refuses the rest of the transaction.
fn first_cause<const N: usize>(
    read: [Result<Vec<Right>, Unread>; N],
) -> Result<[Vec<Right>; N], Unread> {
    let mut all = [const { Vec::new() }; N];
    let mut aborted = None;
    for (rights, read) in all.iter_mut().zip(read) {
        match read {
            Ok(read) => *rights = read,
            Err(error) if error.is_of_an_aborted_transaction() => aborted = Some(error),
            Err(error) => return Err(error),
        }
    }
    aborted.map_or(Ok(all), Err)
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
