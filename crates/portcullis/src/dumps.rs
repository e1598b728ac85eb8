//! Memory that holds secrets is written to no file: a server holds the vault's keys, the command line a token.

use rustix::process::{DumpableBehavior, Resource, Rlimit, setrlimit};

/// Forbids core dumps of this process, and of what it starts, and that other processes of the same user look into
/// its memory.
pub(crate) fn forbid() -> std::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    Ok(rustix::process::set_dumpable_behavior(
        DumpableBehavior::NotDumpable,
    )?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn once_forbidden_no_core_is_written_and_nobody_looks_in() {
        forbid().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
