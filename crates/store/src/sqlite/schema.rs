//! The file: what is in it, how it is made, and how one is recognised that is not ours.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_ports::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::faults::opening_fault;
use super::layout::{self, TABLES};
use crate::durable;

/// Marks the file as ours: `Port` in ASCII.
const APPLICATION_ID: i64 = 0x506f_7274;
/// Marks a copy out of a backup: `PoCp`. What happened after it was taken is not in it, so nobody serves it as it is.
const COPY_ID: i64 = 0x506f_4370;
/// The layout of the tables.
const SCHEMA_VERSION: i64 = 1;

/// Pages of log before it is copied into the file: 32 MiB, so that copying is rare and goes over
/// each page once for many commits.
const LOG_PAGES: i64 = 8192;
/// Kilobytes of pages kept in memory by the writing connection, as SQLite wants it: negative.
const WRITER_CACHE: i64 = -32_768;
/// How long tidying the log away waits for readers, at most.
const PATIENCE: Duration = Duration::from_millis(250);
/// Distinct statements of the writing connection, with room.
const STATEMENTS: usize = 64;

/// What a file of ours is opened as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The store of an installation.
    Store,
    /// Whatever came out of a backup.
    Copy,
}

/// A store's file, opened for writing by nobody else.
pub struct Opened {
    /// The file, absolute.
    pub path: PathBuf,
    /// The connection that writes.
    pub connection: Connection,
    /// Held as long as the store is open.
    pub lock: File,
}

/// Opens a store's file, or makes one where there is none.
pub fn open(path: &Path, wanted: Wanted) -> Result<Opened, StoreError> {
    // Absolute, because SQLite would read a relative `file:…` as a URI.
    let path = std::path::absolute(path).map_err(|cause| unavailable(path, "opened", &cause))?;
    let lock = lock(&path)?;
    create_file(&path)?;
    let connection = connect(&path).map_err(|error| opening_fault(&path, &error))?;
    recognise(&path, &connection, wanted)?;
    if connection.is_readonly("main").unwrap_or(true) {
        return Err(read_only(&path));
    }
    configure(&connection).map_err(|error| opening_fault(&path, &error))?;
    create_tables(&connection).map_err(|error| opening_fault(&path, &error))?;
    Ok(Opened {
        path,
        connection,
        lock,
    })
}

/// Marks the file behind a connection as a copy.
pub fn mark_as_copy(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", COPY_ID)
}

/// Makes the store of an installation of a copy out of a backup: from now on it is opened as one.
pub fn adopt(path: &Path) -> Result<(), StoreError> {
    let opened = open(path, Wanted::Copy)?;
    let connection = opened.connection;
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(|error| opening_fault(path, &error))
}

/// A connection that only reads.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    harden(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Two servers on one store would each believe to be the only writer. The lock is a file of its own:
/// closing any handle on the database itself would drop SQLite's locks on it.
fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, "-lock");
    let file = durable::private()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&name)
        .map_err(|cause| unavailable(&name, "made", &cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(cause)) => Err(unavailable(&name, "locked", &cause)),
    }
}

fn create_file(path: &Path) -> Result<(), StoreError> {
    match durable::private().write(true).create_new(true).open(path) {
        Ok(_) => {
            let folder = path.parent().unwrap_or(path);
            durable::sync_folder(folder).map_err(|cause| unavailable(path, "made", &cause))
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            let metadata = fs::metadata(path).map_err(|cause| unavailable(path, "read", &cause))?;
            if metadata.permissions().readonly() {
                return Err(read_only(path));
            }
            Ok(())
        }
        Err(cause) => Err(unavailable(path, "made", &cause)),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    harden(&connection)?;
    Ok(connection)
}

/// A file somebody else wrote may hold triggers, views and cells that lie: none of them is run, even one that was put in
/// after the look at the layout. A statement keeps its plan whatever is bound to it: otherwise `SQLite` prepares it anew
/// each time, which takes longer than most of what we ask.
pub fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Refuses every file that is neither empty nor ours, before anything is written to it.
pub fn recognise(path: &Path, connection: &Connection, wanted: Wanted) -> Result<(), StoreError> {
    let application = number(path, connection, "PRAGMA application_id")?;
    let version = number(path, connection, "PRAGMA user_version")?;
    let tables = number(path, connection, "SELECT count(*) FROM sqlite_schema")?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(());
    }
    if application == COPY_ID && wanted == Wanted::Store {
        return Err(StoreError::Unavailable(format!(
            "{} is a copy out of a backup, of which portcullis backup restore FILE makes an installation",
            path.display()
        )));
    }
    if ![APPLICATION_ID, COPY_ID].contains(&application) {
        return Err(StoreError::Unavailable(format!(
            "{} is a database of another program (its application id is {application:#x}); name another file",
            path.display()
        )));
    }
    if version != SCHEMA_VERSION {
        return Err(StoreError::Version {
            found: version,
            known: SCHEMA_VERSION,
        });
    }
    expect_whole_pages(path, connection)?;
    match layout::foreign(connection).map_err(|error| opening_fault(path, &error))? {
        None => Ok(()),
        Some(what) => Err(StoreError::Damaged(format!(
            "{}: {what}; restore it from a backup",
            path.display()
        ))),
    }
}

/// SQLite notices missing pages, but reads the rest of a page that is cut as zeros. Only while a
/// write-ahead log lies beside may the end of the file be unfinished.
fn expect_whole_pages(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let page = number(path, connection, "PRAGMA page_size")?;
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let cut = i64::try_from(length(path)).unwrap_or(0) % page.max(1);
    if cut == 0 || length(&beside(path, "-wal")) > 0 {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "{} is cut short: its last page has {cut} of {page} bytes; restore it from a backup",
        path.display()
    )))
}

fn number(path: &Path, connection: &Connection, sql: &str) -> Result<i64, StoreError> {
    connection
        .query_row(sql, [], |row| row.get(0))
        .map_err(|error| opening_fault(path, &error))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "the file system keeps no write-ahead log (journal mode {mode})"
        )));
    }
    // A commit is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // Erased texts are overwritten, not merely unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// In one transaction with the file's marks: a file is ours and complete, or still empty.
fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()
}

fn unavailable(path: &Path, verb: &str, cause: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{} cannot be {verb}: {cause}", path.display()))
}

fn read_only(path: &Path) -> StoreError {
    StoreError::Unavailable(format!(
        "{} is read-only; give its owner the right to write it",
        path.display()
    ))
}
