//! What sshd does, as it says itself (`sshd -T`), and the files it read that from.

use crate::ask::{Answer, Ask};
use crate::known::Known;

/// Accounts after which no more are asked about one by one.
const MOST_ACCOUNTS: usize = 1000;

/// What sshd does for an account.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    lines: Vec<(&'a str, &'a str)>,
}

impl<'a> Settings<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let lines = text.lines();
        Self {
            lines: lines.filter_map(|line| line.split_once(' ')).collect(),
        }
    }

    /// A setting's value; nothing where there is none, or `none`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let found = self.lines.iter().find(|(known, _)| *known == key);
        let (_, value) = found?;
        Some(value.trim()).filter(|value| !value.is_empty() && *value != "none")
    }

    /// Whether something is switched on.
    pub(crate) fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("yes")
    }

    /// Which of its lists keeps an account out that is in these groups. Where somebody comes from is not judged here.
    pub(crate) fn refuses(&self, account: &str, groups: &[&str]) -> Option<&'static str> {
        let listed = |key: &str, names: &[&str]| {
            let lines = self.lines.iter().filter(move |(known, _)| *known == key);
            let mut patterns = lines
                .flat_map(|(_, names)| names.split_whitespace())
                .peekable();
            let is_there = patterns.peek().is_some();
            let fits = patterns.any(|pattern| {
                let pattern = pattern.split('@').next().unwrap_or(pattern);
                names.iter().any(|name| fits(pattern, name))
            });
            is_there.then_some(fits)
        };
        let account = std::slice::from_ref(&account);
        [
            ("AllowUsers", listed("allowusers", account) == Some(false)),
            ("DenyUsers", listed("denyusers", account) == Some(true)),
            ("AllowGroups", listed("allowgroups", groups) == Some(false)),
            ("DenyGroups", listed("denygroups", groups) == Some(true)),
        ]
        .into_iter()
        .find_map(|(list, refuses)| refuses.then_some(list))
    }

    /// Whether a setting that lists alternatives has one; also where it is not there.
    pub(crate) fn lists(&self, key: &str, wanted: &str) -> bool {
        let listed = self.get(key);
        listed.is_none_or(|listed| listed.split([',', ' ']).any(|one| one == wanted))
    }

    pub(crate) fn host_keys(&self) -> Vec<&'a str> {
        let keys = self.lines.iter().filter(|(key, _)| *key == "hostkey");
        keys.map(|(_, path)| *path).collect()
    }

    /// The files of a setting that names some, for an account: `%h`, `%u`, `%U` and `%%` stand for what is the account's, and
    /// what is no absolute path is below its home. Nothing for one that cannot be told.
    pub(crate) fn files(&self, key: &str, name: &str, uid: u32, home: &str) -> Vec<String> {
        let patterns = self.get(key).unwrap_or_default().split_whitespace();
        let patterns = patterns.filter(|pattern| *pattern != "none");
        patterns
            .filter_map(|pattern| expanded(pattern, name, uid, home))
            .collect()
    }
}

/// Whether a pattern of sshd's fits a name: `*` and `?` stand for what they do to a shell.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| begins(first, name)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    let mut ends = pieces.peek().is_none();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            let tails = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            let mut tails = tails.filter_map(|at| rest.get(at..));
            return tails.any(|tail| begins(piece, tail) == Some(""));
        }
        let tails = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        let mut tails = tails.filter_map(|at| begins(piece, rest.get(at..)?));
        match tails.next() {
            Some(behind) => rest = behind,
            None => return false,
        }
        ends = false;
    }
    ends && rest.is_empty()
}

/// What follows in a name on a piece of a pattern without `*`.
fn begins<'a>(piece: &str, name: &'a str) -> Option<&'a str> {
    let mut rest = name.chars();
    for wanted in piece.chars() {
        let found = rest.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(rest.as_str())
}

fn expanded(pattern: &str, name: &str, uid: u32, home: &str) -> Option<String> {
    let mut path = String::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            path.push(c);
            continue;
        }
        match rest.next()? {
            '%' => path.push('%'),
            'h' => path.push_str(home),
            'u' => path.push_str(name),
            'U' => path.push_str(&uid.to_string()),
            _ => return None,
        }
    }
    Some(if path.starts_with('/') {
        path
    } else {
        format!("{home}/{path}")
    })
}

/// A line of sshd's configuration.
struct Line<'a> {
    keyword: String,
    words: &'a str,
}

fn lines<'a>(known: &'a Known, path: &str) -> Vec<Line<'a>> {
    let lines = known.lines(&Ask::File(path.to_owned()));
    let lines = lines.into_iter().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let end = line.find(|c: char| c.is_whitespace() || c == '=');
            let (keyword, words) = line.split_at(end.unwrap_or(line.len()));
            Line {
                keyword: keyword.trim_matches('"').to_ascii_lowercase(),
                words: words.trim_start_matches(|c: char| c.is_whitespace() || c == '='),
            }
        })
        .collect()
}

/// What an `Include` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Included {
    File(String),
    /// All files of a folder whose names end so.
    Folder {
        folder: String,
        ending: String,
    },
    /// A pattern that is not followed here.
    Other(String),
}

fn include(pattern: &str) -> Included {
    let pattern = pattern.trim_matches('"');
    let path = if pattern.starts_with('/') {
        pattern.to_owned()
    } else {
        format!("/etc/ssh/{pattern}")
    };
    let is_pattern = |text: &str| text.contains(['*', '?', '[', '~']);
    match path.rsplit_once('/') {
        Some((folder, name)) if !is_pattern(folder) => match name.strip_prefix('*') {
            Some(ending) if !is_pattern(ending) => Included::Folder {
                folder: folder.to_owned(),
                ending: ending.to_owned(),
            },
            _ if !is_pattern(name) => Included::File(path),
            _ => Included::Other(path),
        },
        _ => Included::Other(path),
    }
}

/// What the configuration includes before any block of it: what stands there is for everybody.
pub(crate) fn included_by_all(known: &Known) -> Vec<Included> {
    let lines = lines(known, known.config());
    let lines = lines.iter().take_while(|line| line.keyword != "match");
    let includes = lines.filter(|line| line.keyword == "include");
    includes
        .flat_map(|line| line.words.split_whitespace().map(include))
        .collect()
}

/// The files of the configuration as far as they are known, the main one first.
fn files(known: &Known) -> (Vec<String>, Vec<Ask>, Vec<String>) {
    let mut files = vec![known.config().to_owned()];
    let mut asks = Vec::new();
    let mut beyond = Vec::new();
    let mut at = 0;
    while let Some(path) = files.get(at).cloned() {
        at = at.saturating_add(1);
        asks.push(Ask::File(path.clone()));
        for line in lines(known, &path) {
            if line.keyword != "include" {
                continue;
            }
            for included in line.words.split_whitespace().map(include) {
                let more = match included {
                    Included::File(path) => vec![path],
                    Included::Folder { folder, ending } => {
                        let names = Ask::Folder(folder.clone());
                        let listed = known.lines(&names);
                        let listed = listed.into_iter().filter(|name| name.ends_with(&ending));
                        let more = listed.map(|name| format!("{folder}/{name}")).collect();
                        asks.push(names);
                        more
                    }
                    Included::Other(pattern) => {
                        beyond.push(pattern);
                        Vec::new()
                    }
                };
                files.extend(
                    more.into_iter()
                        .filter(|path| !files.contains(path))
                        .collect::<Vec<_>>(),
                );
            }
        }
    }
    (files, asks, beyond)
}

/// Blocks of the configuration, as `Match` begins them.
pub(crate) fn blocks(known: &Known) -> Vec<String> {
    let (files, _, _) = files(known);
    let lines = files.iter().flat_map(|path| lines(known, path));
    let blocks = lines.filter(|line| line.keyword == "match");
    blocks.map(|line| line.words.to_owned()).collect()
}

/// Files of the configuration that are not followed here.
pub(crate) fn beyond(known: &Known) -> Vec<String> {
    let (files, _, mut beyond) = files(known);
    let unread = files
        .into_iter()
        .filter(|path| matches!(known.answer(&Ask::File(path.clone())), Some(Answer::Not(_))));
    beyond.extend(unread);
    beyond
}

/// Whether more accounts than are asked about one by one are told apart.
pub(crate) fn leaves_accounts_out(known: &Known) -> bool {
    !blocks(known).is_empty() && known.accounts().len() > MOST_ACCOUNTS
}

/// What is to be asked of the configuration.
pub(crate) fn asks(known: &Known) -> Vec<Ask> {
    let (_, mut asks, _) = files(known);
    asks.push(Ask::Settings("root".to_owned()));
    if !blocks(known).is_empty() {
        let accounts = known.accounts();
        let accounts = accounts.iter().take(MOST_ACCOUNTS);
        asks.extend(accounts.map(|account| Ask::Settings(account.name.to_owned())));
    }
    if let Some(settings) = known.settings("root") {
        let keys = settings.host_keys().into_iter();
        asks.extend(keys.map(|path| Ask::File(format!("{path}.pub"))));
    }
    // Whom a certificate is for, where that is listed.
    for account in known.accounts() {
        let Some(settings) = known.settings(account.name) else {
            continue;
        };
        let (name, uid, home) = (account.name, account.uid, account.home);
        let files = settings.files("authorizedprincipalsfile", name, uid, home);
        asks.extend(files.into_iter().map(Ask::File));
    }
    asks
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::known::tests::known;

    #[test]
    fn settings_are_read_as_sshd_prints_them() {
        let settings = Settings::read(
            "port 22\npermitrootlogin yes\ntrustedusercakeys none\nhostkey /a\nhostkey /b\n",
        );
        assert!(settings.is_on("permitrootlogin"));
        assert_eq!(settings.get("trustedusercakeys"), None);
        assert_eq!(settings.host_keys(), ["/a", "/b"]);
    }

    #[test]
    fn lists_of_who_may_come_are_read_as_sshd_does() {
        let refuses = |text: &str| Settings::read(text).refuses("ops", &["ops", "staff"]);
        assert_eq!(refuses(""), None);
        assert_eq!(refuses("allowusers o*@10.0.0.0/8\n"), None);
        assert_eq!(
            refuses("allowusers olaf@10.*\nallowusers pia\n"),
            Some("AllowUsers")
        );
        assert_eq!(refuses("denyusers op?\n"), Some("DenyUsers"));
        assert_eq!(refuses("allowgroups staff\n"), None);
        assert_eq!(refuses("allowgroups wheel\n"), Some("AllowGroups"));
        assert_eq!(refuses("denygroups st*\n"), Some("DenyGroups"));
    }

    #[test]
    fn files_of_an_account_are_where_the_patterns_say() {
        let settings =
            Settings::read("authorizedkeysfile .ssh/keys /etc/keys/%u-%U%% %h/x none %T/y");
        assert_eq!(
            settings.files("authorizedkeysfile", "ops", 990, "/home/ops"),
            ["/home/ops/.ssh/keys", "/etc/keys/ops-990%", "/home/ops/x"]
        );
    }

    #[test]
    fn files_that_are_included_are_asked_for_and_their_blocks_found() {
        let main = "Include /etc/ssh/sshd_config.d/*.conf\ninclude=\"more\"\nInclude /a/*/b\n\
                    # Match User nobody\nMATCH User x\n Include /late\n";
        let mut seen = known(&[(Ask::File("/etc/ssh/sshd_config".to_owned()), main)]);
        let asked = seen.asks();
        for ask in [
            Ask::Folder("/etc/ssh/sshd_config.d".to_owned()),
            Ask::File("/etc/ssh/more".to_owned()),
            Ask::File("/late".to_owned()),
        ] {
            assert!(asked.contains(&ask), "{ask:?}");
        }
        assert_eq!(beyond(&seen), ["/a/*/b"]);
        assert_eq!(blocks(&seen), ["User x"]);
        let folder = Ask::Folder("/etc/ssh/sshd_config.d".to_owned());
        seen.take(
            vec![folder],
            vec![Answer::Text("a.conf\nb.bak\n".to_owned())],
        );
        let asked = seen.asks();
        assert!(asked.contains(&Ask::File("/etc/ssh/sshd_config.d/a.conf".to_owned())));
        assert!(!asked.contains(&Ask::File("/etc/ssh/sshd_config.d/b.bak".to_owned())));
        assert_eq!(included_by_all(&seen).len(), 3);
    }
}
