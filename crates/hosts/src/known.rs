//! What was told of a host so far, and what follows from it to be asked.

use std::collections::BTreeMap;

use crate::accounts::{self, Account, Group};
use crate::act::Act;
use crate::ask::{Answer, Ask};
use crate::settings::{self, Settings};
use crate::{doors, undo};

/// Rounds after which a host that always names more is not asked on.
const MOST_ROUNDS: usize = 8;

/// What says where a host's accounts, groups and rules are kept.
pub(crate) const NAME_SWITCH: &str = "/etc/nsswitch.conf";

/// Everything that was told of a host.
#[derive(Debug, Clone)]
pub struct Known {
    config: String,
    rounds: usize,
    told: BTreeMap<Ask, Told>,
}

/// An answer, and what it says.
#[derive(Debug, Clone)]
struct Told {
    answer: Answer,
    text: Option<String>,
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        Self {
            text: answer.text(),
            answer,
        }
    }
}

impl Known {
    /// Nothing yet, of a host whose sshd reads this configuration.
    pub fn nothing(config: impl Into<String>) -> Self {
        Self {
            config: config.into(),
            rounds: 0,
            told: BTreeMap::new(),
        }
    }

    /// Where sshd's configuration is.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// What is to be asked next; nothing once all is known.
    pub fn asks(&self) -> Vec<Ask> {
        if self.rounds < MOST_ROUNDS {
            self.open()
        } else {
            Vec::new()
        }
    }

    /// What was not asked yet and follows from what was told.
    fn open(&self) -> Vec<Ask> {
        let first = [
            Ask::Accounts,
            Ask::Groups,
            Ask::Listeners,
            Ask::Tools,
            Ask::File(NAME_SWITCH.to_owned()),
        ];
        let mut asks: Vec<Ask> = first.into();
        asks.extend(settings::asks(self));
        asks.extend(undo::asks(self));
        asks.extend(doors::asks(self));
        asks.sort();
        asks.dedup();
        asks.retain(|ask| !self.told.contains_key(ask));
        asks
    }

    /// Takes what was answered.
    pub fn take(&mut self, asks: Vec<Ask>, answers: Vec<Answer>) {
        self.rounds = self.rounds.saturating_add(1);
        let told = answers.into_iter().map(Told::from);
        self.told.extend(asks.into_iter().zip(told));
    }

    /// What was answered.
    pub(crate) fn answer(&self, ask: &Ask) -> Option<&Answer> {
        self.told.get(ask).map(|told| &told.answer)
    }

    /// Everything that was asked and could not be told, with why.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&Ask, &str)> {
        self.told
            .iter()
            .filter_map(|(ask, told)| match &told.answer {
                Answer::Not(why) => Some((ask, why.as_str())),
                Answer::Absent => None,
                _ if told.text.is_none() => Some((ask, "it has too many lines to read")),
                _ => None,
            })
    }

    /// Whether it was not asked on although there was more.
    pub(crate) fn was_cut_short(&self) -> bool {
        self.rounds >= MOST_ROUNDS && !self.open().is_empty()
    }

    /// What a file was seen to hold; nothing when there is none, or it could not be read.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.answer(&Ask::File(path.to_owned()))? {
            Answer::File { bytes, .. } => Some(bytes),
            Answer::Text(_) | Answer::Absent | Answer::Not(_) => None,
        }
    }

    /// The lines of an answer; nothing where it was not given, or is none.
    pub(crate) fn lines(&self, ask: &Ask) -> Vec<&str> {
        let text = self.told.get(ask).and_then(|told| told.text.as_deref());
        text.map(|text| text.lines().collect()).unwrap_or_default()
    }

    /// The accounts, in the host's order.
    pub fn accounts(&self) -> Vec<Account<'_>> {
        let lines = self.lines(&Ask::Accounts);
        lines.into_iter().filter_map(accounts::read).collect()
    }

    /// The groups, each with who is in it.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        let accounts = self.accounts();
        let lines = self.lines(&Ask::Groups);
        lines
            .into_iter()
            .filter_map(|line| accounts::group(line, &accounts))
            .collect()
    }

    /// Whether there is a group of that name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups().iter().any(|group| group.name == name)
    }

    /// Whether a program is there.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        let tools = self.lines(&Ask::Tools);
        tools
            .iter()
            .any(|path| path.rsplit('/').next() == Some(name))
    }

    /// Whether what matters most was told: the accounts, and what sshd does. Of a host of which it was not, nothing is known.
    pub fn is_whole(&self) -> bool {
        !self.accounts().is_empty() && self.settings("root").is_some()
    }

    /// What sshd does for an account: what it does for root, where no block of its configuration tells accounts apart.
    pub fn settings(&self, account: &str) -> Option<Settings<'_>> {
        let own = Ask::Settings(account.to_owned());
        let asked = if self.answer(&own).is_some() {
            own
        } else {
            Ask::Settings("root".to_owned())
        };
        let told = self.told.get(&asked)?;
        let is_told = matches!(told.answer, Answer::Text(_));
        told.text.as_deref().filter(|_| is_told).map(Settings::read)
    }

    /// The host's own keys, as lines that can be pinned.
    pub fn host_keys(&self) -> Vec<String> {
        let paths = self.settings("root").map(|settings| settings.host_keys());
        let files = paths.unwrap_or_default().into_iter();
        let keys = files.filter_map(|path| self.file(&format!("{path}.pub")));
        let lines = keys.filter_map(|bytes| {
            let mut words = std::str::from_utf8(bytes).ok()?.split_whitespace();
            Some(format!("{} {}", words.next()?, words.next()?))
        });
        lines.collect()
    }

    /// Why sshd does not say what it does.
    pub(crate) fn silence(&self) -> &str {
        let told = self.answer(&Ask::Settings("root".to_owned()));
        match told {
            Some(Answer::Not(why)) => why,
            _ => "it was not asked",
        }
    }

    /// What stands against changing what sshd reads, where it was none of the host's that led here.
    pub(crate) fn no_sshd(&self) -> Option<String> {
        let none = self.own_sshd().is_none();
        none.then(|| {
            "it was no sshd of the host's that led here, so none could be told to read its configuration: go there by plain SSH"
                .to_owned()
        })
    }

    /// What has the sshd that led here read its configuration; nothing where one is started for each client.
    pub(crate) fn reload(&self) -> Option<Act> {
        let (process, line) = self.own_sshd()?;
        // A session's process says whose session it is, where one that waits says its command line.
        let waits = !line.starts_with("sshd: ") || line.contains(" [listener] ");
        waits.then_some(Act::Reload(process))
    }

    /// The sshd that led to the host, and its command line: the one that waits for clients, or, where the system starts one
    /// for each, that.
    pub(crate) fn own_sshd(&self) -> Option<(u32, &str)> {
        let lines = self.lines(&Ask::Listeners);
        lines.into_iter().find_map(|line| {
            let (process, line) = line.strip_prefix("own ")?.split_once(' ')?;
            Some((process.parse().ok()?, line))
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A host of which this was told.
    pub(crate) fn known(told: &[(Ask, &str)]) -> Known {
        let mut known = Known::nothing("/etc/ssh/sshd_config");
        for (ask, text) in told {
            let answer = match ask {
                Ask::File(_) => Answer::File {
                    mode: 0o644,
                    uid: 0,
                    names: 1,
                    is_link: false,
                    bytes: text.as_bytes().to_vec(),
                },
                _ => Answer::Text((*text).to_owned()),
            };
            known.told.insert(ask.clone(), answer.into());
        }
        known
    }

    #[test]
    fn a_host_that_names_more_and_more_is_not_asked_for_ever() {
        let mut known = Known::nothing("/c0");
        let mut rounds = 0;
        while !known.asks().is_empty() && rounds < 100 {
            rounds += 1;
            let asks = known.asks();
            let next = format!("Include /c{rounds}");
            let answers = asks.iter().map(|_| Answer::Text(next.clone())).collect();
            known.take(asks, answers);
        }
        assert_eq!(rounds, MOST_ROUNDS);
        assert!(known.was_cut_short());
    }

    #[test]
    fn host_keys_are_read_from_where_sshd_has_them() {
        let known = known(&[
            (Ask::Settings("root".to_owned()), "hostkey /k1\nhostkey /k2"),
            (
                Ask::File("/k1.pub".to_owned()),
                "ssh-ed25519 AAAA root@web-1\n",
            ),
        ]);
        assert_eq!(known.host_keys(), ["ssh-ed25519 AAAA"]);
    }
}
