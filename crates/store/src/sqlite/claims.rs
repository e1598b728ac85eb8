//! What events use up for good, or hold until they give it back.

use std::collections::HashMap;

use portcullis_model::Event;
use portcullis_ports::AppendError;
use rusqlite::{Connection, params};

use super::append::Failure;
use super::read;

/// What the events checked so far will have taken and given back once they are written.
#[derive(Default)]
pub struct Claims<'a> {
    ahead: HashMap<(&'a str, &'a str), bool>,
}

impl<'a> Claims<'a> {
    /// Refuses an event that would take what is taken.
    pub fn check(&mut self, connection: &Connection, event: &'a Event) -> Result<(), Failure> {
        for claim in &event.claims {
            let name = (claim.scope.as_str(), claim.key.as_str());
            let taken = match self.ahead.get(&name) {
                Some(taken) => *taken,
                None => read::claimed_at(connection, &claim.scope, &claim.key)?.is_some(),
            };
            if taken && !claim.release {
                return Err(Failure::Refused(AppendError::Claimed {
                    scope: claim.scope.clone(),
                    key: claim.key.clone(),
                }));
            }
            self.ahead.insert(name, !claim.release);
        }
        Ok(())
    }
}

/// Takes or gives back what an event claims. It has been checked: a claim that is taken after all
/// breaks the transaction.
pub fn settle(connection: &Connection, event: &Event, position: u64) -> rusqlite::Result<()> {
    for claim in &event.claims {
        if claim.release {
            connection
                .prepare_cached("DELETE FROM claims WHERE scope = ?1 AND key = ?2")?
                .execute([&claim.scope, &claim.key])?;
        } else {
            connection
                .prepare_cached("INSERT INTO claims (scope, key, position) VALUES (?1, ?2, ?3)")?
                .execute(params![claim.scope, claim.key, position])?;
        }
    }
    Ok(())
}
