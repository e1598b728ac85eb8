//! How often the rows of each table changed: for readers who keep what they read.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_ports::Append;

/// The counts since the file was opened, shared by who writes and who reads.
#[derive(Debug, Clone, Default)]
pub struct Revisions(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    of_all: u64,
    of: HashMap<String, u64>,
    changing: Option<Tables>,
}

/// Tables whose rows a commit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tables {
    /// These.
    Some(BTreeSet<String>),
    /// Any.
    All,
}

impl Default for Tables {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Tables {
    /// What a command changes too. A row that goes does not say of which table it was.
    pub fn add(&mut self, command: &[Append]) {
        for append in command {
            match (&append.row, &mut *self) {
                (None, _) => *self = Self::All,
                (Some(row), Self::Some(tables)) if !tables.contains(&row.table) => {
                    tables.insert(row.table.clone());
                }
                (Some(_), _) => {}
            }
        }
    }

    fn has(&self, table: &str) -> bool {
        match self {
            Self::Some(tables) => tables.contains(table),
            Self::All => true,
        }
    }
}

/// Rows are being changed while this lives.
pub struct Changing<'a>(&'a Revisions);

impl Revisions {
    /// The count of a table; none while its rows are being changed, since nobody knows then which of them a reader sees.
    pub fn of(&self, table: &str) -> Option<u64> {
        let counts = self.counts();
        let changing = counts.changing.as_ref();
        if changing.is_some_and(|tables| tables.has(table)) {
            return None;
        }
        let of = counts.of.get(table).copied().unwrap_or(0);
        Some(counts.of_all.saturating_add(of))
    }

    /// To be held from before a commit begins until its outcome is known, whatever that is.
    pub fn changing(&self, tables: Tables) -> Changing<'_> {
        self.counts().changing = Some(tables);
        Changing(self)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut counts = self.0.counts();
        match counts.changing.take() {
            Some(Tables::Some(tables)) => {
                for table in tables {
                    let count = counts.of.entry(table).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Some(Tables::All) => counts.of_all = counts.of_all.saturating_add(1),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(names: &[&str]) -> Tables {
        Tables::Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_count_moves_with_each_change_of_its_table_and_is_not_told_meanwhile() {
        let revisions = Revisions::default();
        let [people, groups] = ["people", "groups"].map(|table| revisions.of(table));
        let changing = revisions.changing(tables(&["people"]));
        assert_eq!(revisions.of("people"), None);
        assert_eq!(revisions.of("groups"), groups);
        drop(changing);
        assert!(revisions.of("people") > people);
        assert_eq!(revisions.of("groups"), groups);
    }

    #[test]
    fn what_changes_any_table_moves_every_count() {
        let revisions = Revisions::default();
        drop(revisions.changing(tables(&["people"])));
        let before = ["people", "groups"].map(|table| revisions.of(table));
        let changing = revisions.changing(Tables::All);
        assert_eq!(revisions.of("groups"), None);
        drop(changing);
        let after = ["people", "groups"].map(|table| revisions.of(table));
        assert!(after[0] > before[0] && after[1] > before[1]);
    }
}
