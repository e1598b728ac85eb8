//! The SSH door's key, asked of the server and kept where OpenSSH looks it up: no first connection is taken
//! on trust, in batch or not.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::{DOOR, Door};
use crate::outcome::Stuck;
use crate::server::folder::replace_private;

/// The file that holds the door's key.
pub(super) struct KnownHosts(PathBuf);

impl KnownHosts {
    /// Puts the key that the server names into a file, in the place of one the door had before. What the file
    /// says of other hosts stays.
    pub(super) fn keep(
        file: &Path,
        keys: &Value,
        server: &str,
        door: &Door,
    ) -> anyhow::Result<Self> {
        let key = keys.pointer("/door_keys").and_then(|keys| keys.get(DOOR));
        let key = key.and_then(Value::as_str).ok_or_else(|| Stuck {
            what: format!("{server} does not say what key its SSH door has"),
            next: "see whether the server is of this version: portcullis --version".to_owned(),
        })?;
        if !is_key(key) {
            anyhow::bail!(Stuck {
                what: format!("{server} says that its SSH door has the key {key:?}, which is none"),
                next: "see that this is your server: --server URL".to_owned(),
            });
        }
        // Through a link, so that the link stays one.
        let file = match file.canonicalize() {
            Ok(there) => there,
            Err(_) => std::path::absolute(file)?,
        };
        let known = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        replace_private(&file, with_key(&known, &door.alias(), key).as_bytes())?;
        Ok(Self(file))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The settings of an OpenSSH client by which this key counts and no other.
    pub(super) fn settings(&self) -> [String; 2] {
        [
            format!("UserKnownHostsFile {}", quoted(&self.0)),
            "StrictHostKeyChecking yes".to_owned(),
        ]
    }
}

/// Whether a text is a type and a key, in one line: no second line, and nothing that OpenSSH reads before a key.
fn is_key(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-@.+/=".contains(&byte);
    let words: Vec<_> = text.split(' ').collect();
    words.len() == 2
        && words
            .iter()
            .all(|word| !word.is_empty() && word.bytes().all(fits))
}

fn with_key(known: &str, host: &str, key: &str) -> String {
    let others = known
        .lines()
        .filter(|line| line.split_whitespace().next() != Some(host));
    let own = format!("{host} {key}");
    let mut text = String::new();
    for line in others.chain([own.as_str()]) {
        text += line;
        text.push('\n');
    }
    text
}

/// A path as OpenSSH reads it: it may hold blanks, and a percent sign begins something else there.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.display().to_string().replace('%', "%%");
    if path.contains(char::is_whitespace) {
        format!("\"{path}\"")
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_key_takes_the_place_of_the_one_before_and_other_hosts_stay() {
        let before = "github.com ssh-ed25519 AAAA\nportcullis-a-1 ssh-ed25519 OLD\n# a note";
        assert_eq!(
            with_key(before, "portcullis-a-1", "ssh-ed25519 NEW"),
            "github.com ssh-ed25519 AAAA\n# a note\nportcullis-a-1 ssh-ed25519 NEW\n"
        );
        assert_eq!(with_key("", "h", "k v"), "h k v\n");
    }

    #[test]
    fn what_a_server_calls_its_key_adds_no_line_for_another_host() {
        assert!(is_key("ssh-ed25519 AAAAC3Nz+/=="));
        for bad in [
            "ssh-ed25519 A\ngithub.com ssh-ed25519 B",
            "ssh-ed25519",
            "a b c",
            "k  v",
            "",
        ] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_path_with_blanks_and_percent_signs_is_one_word() {
        assert_eq!(quoted(Path::new("/a b/c%d")), "\"/a b/c%%d\"");
        assert_eq!(quoted(Path::new("/a/b")), "/a/b");
    }
}
