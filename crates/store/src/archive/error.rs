//! Why an archive was not written or not unpacked.

use std::io;

/// Why an archive was not written or not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk, or the file itself.
    #[error("{what}: {cause}")]
    Io {
        /// What was attempted with what.
        what: String,
        /// What the system said.
        cause: io::Error,
    },
    /// It ends before its table.
    #[error(
        "the backup is cut short: what lists its members is missing; copy it again from where it was made"
    )]
    CutShort,
    /// Something in it is not what was written.
    #[error("the backup is damaged: {0}; copy it again from where it was made")]
    Damaged(String),
    /// A file that was to be copied has a name that none of ours has.
    #[error(
        "{0:?} cannot be a member of a backup: move what is not the server's out of its folders"
    )]
    Name(String),
}

impl ArchiveError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::Io { what, cause }
    }
}
