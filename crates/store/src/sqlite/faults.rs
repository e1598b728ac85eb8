//! What an error of SQLite means for a store.

use std::path::Path;

use portcullis_ports::StoreError;
use rusqlite::{Error, ErrorCode};

/// Says whether the file is damaged or merely cannot be used now.
pub fn fault(error: &Error) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Damaged(error.to_string()),
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged(error.to_string())
            }
            _ => StoreError::Unavailable(error.to_string()),
        },
    }
}

/// The same while opening, naming the file.
pub fn opening_fault(path: &Path, error: &Error) -> StoreError {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Damaged(format!(
            "{path} is not an SQLite database; name another file or restore this one from a backup"
        )),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged(format!(
            "{path} is cut short or overwritten ({error}); restore it from a backup"
        )),
        _ => StoreError::Unavailable(format!("{path} cannot be opened: {error}")),
    }
}
