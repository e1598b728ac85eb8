//! SSH keys that accounts let in, and authorities whose certificates they let in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use portcullis_model::{Digest, DoorKind, SideDoor};

use super::{ANYBODY, door, mark};
use crate::ask::Ask;
use crate::known::Known;

/// How the names of algorithms begin that a key in a file can have.
const ALGORITHMS: [&str; 3] = ["ssh-", "ecdsa-", "sk-"];

pub(super) fn asks(known: &Known) -> Vec<Ask> {
    let files = key_files(known).into_iter().map(|(_, path)| path);
    files.chain(authorities(known)).map(Ask::File).collect()
}

pub(super) fn doors(known: &Known) -> Vec<SideDoor> {
    let mut doors = Vec::new();
    for (account, path) in key_files(known) {
        let lines = known.lines(&Ask::File(path.clone()));
        let keys = lines.iter().filter_map(|line| Line::read(line));
        doors.extend(keys.map(|key| key.door(&account, &path)));
    }
    for path in authorities(known) {
        let lines = known.lines(&Ask::File(path.clone()));
        let keys = lines.iter().filter_map(|line| Line::read(line));
        doors.extend(keys.map(|key| door(DoorKind::SshAuthority, ANYBODY, &path, &key.told())));
    }
    doors
}

/// Every account's files of keys, where sshd asks for keys at all.
fn key_files(known: &Known) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for account in known.accounts() {
        let settings = known.settings(account.name);
        let settings = settings.filter(|settings| settings.is_on("pubkeyauthentication"));
        let Some(settings) = settings else { continue };
        let (name, uid, home) = (account.name, account.uid, account.home);
        let paths = settings.files("authorizedkeysfile", name, uid, home);
        files.extend(paths.into_iter().map(|path| (name.to_owned(), path)));
    }
    files
}

/// Files of authorities, whichever account they are for.
pub(super) fn authorities(known: &Known) -> Vec<String> {
    let accounts = known.accounts();
    let names = accounts.iter().map(|account| account.name);
    let settings = names.filter_map(|name| known.settings(name));
    let mut paths: Vec<_> = settings
        .filter_map(|settings| settings.get("trustedusercakeys").map(str::to_owned))
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// A line of a file of keys that lets somebody in.
struct Line<'a> {
    options: &'a str,
    /// Its fingerprint, or that it is none that is known here.
    key: String,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (first, rest) = first_word(line);
        let (options, key) = if is_algorithm(first) {
            ("", line)
        } else {
            (first, rest)
        };
        let fingerprint = fingerprint(key);
        Some(Self {
            options: fingerprint.as_ref().map_or("", |_| options),
            // Not told as it stands: a link may have led anywhere.
            key: fingerprint.unwrap_or_else(|| "a line that is no key known here".to_owned()),
        })
    }

    fn is_authority(&self) -> bool {
        let mut options = self.options.split(',');
        options.any(|option| option.eq_ignore_ascii_case("cert-authority"))
    }

    /// Its options by their names: a value may hold what nobody else is to know.
    fn told(&self) -> String {
        if self.options.is_empty() {
            return self.key.clone();
        }
        let names = names(self.options);
        format!("{} {names} {}", self.key, mark(self.options))
    }

    fn door(&self, account: &str, path: &str) -> SideDoor {
        let kind = if self.is_authority() {
            DoorKind::SshAuthority
        } else {
            DoorKind::SshKey
        };
        door(kind, account, path, &self.told())
    }
}

/// The names of options, without what stands in quotes.
fn names(options: &str) -> String {
    let plain: String = outside_quotes(options).map(|(_, c)| c).collect();
    let names = plain.split(',').map(|option| option.trim_end_matches('='));
    names.collect::<Vec<_>>().join(",")
}

/// What stands in no quotes, and where.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.char_indices().filter(move |(_, c)| {
        let is_quote = *c == '"' && !is_escaped;
        is_quoted ^= is_quote;
        is_escaped = *c == '\\' && !is_escaped;
        !is_quoted && !is_quote
    })
}

fn is_algorithm(word: &str) -> bool {
    ALGORITHMS.iter().any(|start| word.starts_with(start))
}

/// Up to the first blank that stands in no quotes, and what follows.
fn first_word(line: &str) -> (&str, &str) {
    let end = outside_quotes(line).find(|(_, c)| c.is_whitespace());
    let end = end.map(|(at, _)| at);
    let (word, rest) = line.split_at(end.unwrap_or(line.len()));
    (word, rest.trim_start())
}

/// As `ssh-keygen -l` prints it.
pub(crate) fn fingerprint(key: &str) -> Option<String> {
    let mut words = key.split_whitespace();
    let algorithm = words.next().filter(|word| is_algorithm(word))?;
    let bytes = STANDARD.decode(words.next()?).ok()?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if rest.get(..length)? != algorithm.as_bytes() {
        return None;
    }
    let digest = Digest::of_bytes(&bytes);
    Some(format!(
        "SHA256:{}",
        STANDARD_NO_PAD.encode(digest.as_bytes())
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::known::tests::known;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3N7AAW6ybbUWC4JkkWp9d2Yj8cN5jNq6yqfTWvK2bq";

    fn seen(settings: &str, file: &str) -> Known {
        known(&[
            (
                Ask::Accounts,
                "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/none:/usr/sbin/nologin",
            ),
            (Ask::Settings("root".to_owned()), settings),
            (Ask::File("/root/.ssh/authorized_keys".to_owned()), file),
            (Ask::File("/etc/ca".to_owned()), KEY),
        ])
    }

    const ON: &str = "pubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys\n";

    #[test]
    fn every_key_of_every_account_is_a_door() {
        let file = format!(
            "# a comment\n\n{KEY} olaf@desk\ncommand=\"echo \\\"a b\\\"\",no-pty {KEY}\ncert-authority {KEY}\nsecret text\n"
        );
        let doors = doors(&seen(ON, &file));
        let told: Vec<_> = doors
            .iter()
            .map(|door| (door.kind, door.what.as_str()))
            .collect();
        let print = fingerprint(KEY).unwrap();
        let begins = [
            (DoorKind::SshKey, print.clone()),
            (DoorKind::SshKey, format!("{print} command,no-pty (#")),
            (DoorKind::SshAuthority, format!("{print} cert-authority (#")),
            (
                DoorKind::SshKey,
                "a line that is no key known here".to_owned(),
            ),
        ];
        assert_eq!(told.len(), begins.len());
        for ((kind, what), (wanted, begins)) in told.iter().zip(&begins) {
            assert!(
                kind == wanted && what.starts_with(begins),
                "{what}: {begins}"
            );
        }
        assert!(doors.iter().all(|door| door.whom == "root"));
    }

    #[test]
    fn accounts_that_have_no_shell_have_keys_as_well() {
        let asked = asks(&seen(ON, ""));
        assert!(asked.contains(&Ask::File("/none/.ssh/authorized_keys".to_owned())));
    }

    #[test]
    fn where_no_keys_are_asked_for_there_are_none() {
        let off = "pubkeyauthentication no\nauthorizedkeysfile .ssh/authorized_keys\n";
        assert!(doors(&seen(off, KEY)).is_empty());
    }

    #[test]
    fn authorities_are_doors_for_anybody() {
        let doors = doors(&seen("trustedusercakeys /etc/ca\n", ""));
        assert_eq!(doors.len(), 1);
        assert_eq!(doors.first().unwrap().kind, DoorKind::SshAuthority);
    }

    #[test]
    fn what_is_no_key_has_no_fingerprint() {
        for text in [
            "",
            "ssh-ed25519",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ3N",
            "ssh-ed25519 AAAA",
            "hello AAAA",
        ] {
            assert_eq!(fingerprint(text), None, "{text:?}");
        }
    }
}
