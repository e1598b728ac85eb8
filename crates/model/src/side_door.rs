//! A side door: a way into a host that does not lead through Portcullis.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// How much of what a door is called is shown.
const SHORT: usize = 12;

/// How much of it has to be typed.
const SHORTEST: usize = 8;

/// The longest text of one, in bytes.
const MOST_BYTES: usize = 512;

/// A way in, as a look at the host found it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideDoor {
    /// What sort of way it is.
    pub kind: DoorKind,
    /// Whom it lets in, or which account somebody comes in as.
    pub whom: String,
    /// The file or setting that is the reason.
    pub place: String,
    /// What stands there, as far as it may be told.
    pub what: String,
}

/// What sort of way in it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorKind {
    /// An SSH key that an account lets in.
    SshKey,
    /// An authority whose certificates are let in.
    SshAuthority,
    /// A program or a service that says whom sshd lets in.
    SshDirectory,
    /// A password that sshd asks for.
    Password,
    /// Another server that lets in by SSH.
    SshServer,
    /// A rule that lets somebody act as somebody else.
    Sudo,
    /// An account beside root that is root.
    Root,
    /// A group by which somebody gets to be somebody else.
    Group,
    /// A line that lets somebody into a PostgreSQL.
    Postgres,
    /// Something that could not be looked at: unknown is worst.
    Unread,
}

impl DoorKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SshKey => "ssh_key",
            Self::SshAuthority => "ssh_authority",
            Self::SshDirectory => "ssh_directory",
            Self::Password => "password",
            Self::SshServer => "ssh_server",
            Self::Sudo => "sudo",
            Self::Root => "root",
            Self::Group => "group",
            Self::Postgres => "postgres",
            Self::Unread => "unread",
        }
    }
}

/// What a side door is called: the digest of all it is, the same at every look, and another once anything of it is different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DoorId(String);

impl DoorId {
    /// As people read and type it: the beginning.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }

    /// Whether somebody may mean this one.
    pub fn begins_with(&self, typed: &str) -> bool {
        typed.len() >= SHORTEST && self.0.starts_with(typed)
    }
}

impl SideDoor {
    /// What it is called.
    pub fn id(&self) -> DoorId {
        let kind = self.kind.as_str();
        let all = [kind, &self.whom, &self.place, &self.what].join("\n");
        let digest = Digest::of_bytes(all.as_bytes()).to_string();
        DoorId(digest)
    }

    /// Whether it is made of texts of one line that show themselves, none of them too long.
    pub fn is_sound(&self) -> bool {
        let texts = [&self.whom, &self.place, &self.what];
        texts.iter().all(|text| {
            !text.is_empty() && text.len() <= MOST_BYTES && !text.chars().any(crate::visible::acts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> SideDoor {
        SideDoor {
            kind: DoorKind::SshKey,
            whom: "root".to_owned(),
            place: "/root/.ssh/authorized_keys".to_owned(),
            what: "SHA256:abc".to_owned(),
        }
    }

    #[test]
    fn a_door_is_called_by_all_it_is() {
        assert_eq!(door().id(), door().id());
        assert_eq!(door().id().short().len(), SHORT);
        assert!(door().id().begins_with(door().id().short()));
        assert!(!door().id().begins_with(""));
        let mut other = door();
        other.kind = DoorKind::SshAuthority;
        assert_ne!(door().id(), other.id());
        for change in [
            |door: &mut SideDoor| door.whom.push('x'),
            |door: &mut SideDoor| door.place.push('x'),
            |door: &mut SideDoor| door.what.push('x'),
        ] {
            let mut other = door();
            change(&mut other);
            assert_ne!(door().id(), other.id());
        }
    }

    #[test]
    fn texts_that_are_too_long_or_do_something_are_not_sound() {
        assert!(door().is_sound());
        for text in [
            String::new(),
            "a\nb".to_owned(),
            "\u{1b}[2J".to_owned(),
            "x".repeat(513),
        ] {
            let mut other = door();
            other.what = text;
            assert!(!other.is_sound(), "{:?}", other.what);
        }
    }
}
