//! Room on the disk that is set aside, so that the disk's being full can itself be recorded.

use std::io;

/// The room. Plain blocking calls: they are rare, and made on a thread where they may take their time.
pub trait Reserve: Send + Sync {
    /// Whether all of it is set aside.
    fn is_whole(&self) -> bool;

    /// Gives it up for others to write in. Nothing happens when there is none.
    fn give_up(&self) -> io::Result<()>;

    /// Sets it aside anew. Fails, and takes nothing, while there is not also some room beside it: what is set
    /// aside must not be what fills the disk.
    fn set_aside(&self) -> io::Result<()>;
}
