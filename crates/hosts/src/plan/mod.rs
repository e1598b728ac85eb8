//! What bringing a host in changes there: from what was seen, and from what is wanted.

mod admission;
#[cfg(test)]
mod tests;

use portcullis_model::Digest;

use crate::act::Act;
use crate::ask::{Answer, Ask};
use crate::known::Known;
use crate::settings::{Included, Settings, included_by_all};
use crate::undo::Record;

/// Where the authority is put where sshd trusts none yet.
const AUTHORITY: &str = "/etc/ssh/portcullis_ca.pub";

/// What sshd's configuration is given there, in a file of its own where it includes a folder of them.
const OWN_FILE: &str = "10-portcullis.conf";

/// Rights of what everybody may read.
const READABLE: u32 = 0o644;

/// What is wanted of a host.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The SSH authority to trust, a line such as `ssh-ed25519 AAAA…`.
    pub authority: &'a str,
    /// The account that sessions open.
    pub account: &'a str,
    /// The account that tasks run as, to be made if it is not there.
    pub tasks: Option<&'a str>,
}

/// What is to be done, what is there already, and what stands against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps, none if everything is there.
    pub acts: Vec<Act>,
    /// What is as it should be.
    pub there: Vec<String>,
    /// What may be in the way, for who knows from where Portcullis comes.
    pub doubts: Vec<String>,
    /// Why it cannot be done, each with what to do about it.
    pub against: Vec<String>,
}

impl Plan {
    /// Makes it.
    pub fn of(known: &Known, wish: &Wish<'_>) -> Self {
        let mut plan = Self {
            acts: Vec::new(),
            there: Vec::new(),
            doubts: Vec::new(),
            against: Vec::new(),
        };
        plan.tasks(known, wish);
        match known.settings(wish.account) {
            Some(settings) => {
                plan.opens(known, wish, &settings);
                plan.trust(known, wish, &settings);
            }
            None => plan.against.push(format!(
                "sshd does not say what it does by {}: {}",
                known.config(),
                known.silence()
            )),
        }
        plan.listener(known);
        plan.going_on(known)
    }

    /// Goes on with what was begun there before, if that is what is wanted.
    fn going_on(mut self, known: &Known) -> Self {
        let record = match Record::of(known) {
            Ok(Some(record)) if !record.is_empty() => record,
            Ok(_) => return self.framed(known),
            Err(why) => {
                self.against.push(why);
                return self;
            }
        };
        if self.acts.is_empty() && record.is_finished() {
            return self;
        }
        if self.acts.iter().all(|act| record.has(act)) {
            self.there
                .push("a plan that was begun and goes on".to_owned());
            self.acts = record.again(known);
            self.against.extend(known.no_sshd());
        } else {
            self.against.push(
                "it was brought in before, and otherwise (by another installation, for another account, or others have \
                 changed it since): portcullis enroll HOST --undo first"
                    .to_owned(),
            );
        }
        self
    }

    /// Keeps itself first, and has sshd take it last.
    fn framed(mut self, known: &Known) -> Self {
        if self.acts.is_empty() {
            return self;
        }
        let touches_sshd = self.acts.iter().any(|act| matches!(act, Act::Put { .. }));
        if touches_sshd {
            self.acts.push(Act::Check);
            self.acts.extend(known.reload());
            self.against.extend(known.no_sshd());
        }
        self.acts.push(Act::Finish);
        let begin = Act::Begin(Act::text(&self.acts));
        self.acts.insert(0, begin);
        self
    }

    fn tasks(&mut self, known: &Known, wish: &Wish<'_>) {
        let Some(name) = wish.tasks else { return };
        let accounts = known.accounts();
        let found = accounts.iter().find(|account| account.name == name);
        match found {
            Some(account) if account.uid == 0 => self.against.push(format!(
                "{name} is root, whom nothing holds to one program: --tasks with another name"
            )),
            Some(_) => self.there.push(format!("the account {name}")),
            None if known.has_group(name) => self.against.push(format!(
                "there is a group {name} and no such account: --tasks with another name"
            )),
            None if !known.has_tool("useradd") => self.against.push(
                "there is no useradd to make an account for tasks with: install it (package passwd, shadow), or --no-tasks"
                    .to_owned(),
            ),
            None => self.acts.push(Act::Account(name.to_owned())),
        }
    }

    /// Has sshd trust the authority.
    fn trust(&mut self, known: &Known, wish: &Wish<'_>, settings: &Settings<'_>) {
        let trusted = settings.get("trustedusercakeys");
        let others = std::iter::once(wish.account).chain(wish.tasks);
        let mut others = others.filter_map(|name| known.settings(name));
        if others.any(|other| other.get("trustedusercakeys") != trusted) {
            self.against.push(format!(
                "sshd trusts another authority for {} than for {}: have both trust one file",
                wish.account,
                wish.tasks.unwrap_or_default()
            ));
            return;
        }
        let path = trusted.unwrap_or(AUTHORITY);
        let key = words(wish.authority);
        let lines = known.lines(&Ask::File(path.to_owned()));
        if lines.iter().any(|line| words(line) == key) {
            self.there.push(format!("the authority in {path}"));
        } else {
            self.write(known, path, "", &format!("{}\n", wish.authority));
        }
        if trusted.is_some() {
            self.there.push(format!("sshd trusts {path}"));
            return;
        }
        let line = format!("TrustedUserCAKeys {path}\n");
        match own_folder(known) {
            Some(folder) => self.write(known, &format!("{folder}/{OWN_FILE}"), "", &line),
            // Before any block, which would have it for some alone.
            None => self.write(known, known.config(), &line, ""),
        }
    }

    /// Writes a file, or adds to one: before what it holds, or behind it.
    fn write(&mut self, known: &Known, path: &str, ahead: &str, behind: &str) {
        let (before, content) = match known.answer(&Ask::File(path.to_owned())) {
            None | Some(Answer::Absent) => (None, format!("{ahead}{behind}")),
            Some(Answer::File {
                names: 1,
                is_link: false,
                bytes,
                ..
            }) => match std::str::from_utf8(bytes) {
                Ok(text) => {
                    let gap = if text.is_empty() || text.ends_with('\n') || behind.is_empty() {
                        ""
                    } else {
                        "\n"
                    };
                    let before = Digest::of_bytes(bytes);
                    (Some(before), format!("{ahead}{text}{gap}{behind}"))
                }
                Err(_) => return self.cannot_write(path, "it is no text"),
            },
            Some(Answer::File { .. }) => {
                return self.cannot_write(path, "it is a link, or has several names");
            }
            Some(Answer::Not(why)) => return self.cannot_write(path, why),
            Some(Answer::Text(_)) => return self.cannot_write(path, "it is no file"),
        };
        let number = self.acts.len();
        self.acts.push(Act::Put {
            number,
            path: path.to_owned(),
            before,
            mode: READABLE,
            content,
            added: format!("{ahead}{behind}"),
        });
    }

    fn cannot_write(&mut self, path: &str, why: &str) {
        self.against.push(format!(
            "{path} would have to be changed, and {why}: place the lines that `portcullis resources show` prints by hand"
        ));
    }

    /// Whether what was read is what the running sshd reads.
    fn listener(&mut self, known: &Known) {
        let Some((_, line)) = known.own_sshd() else {
            return;
        };
        let mut words = line.split_whitespace();
        let read = words
            .by_ref()
            .find(|word| *word == "-f")
            .and_then(|_| words.next())
            .unwrap_or("/etc/ssh/sshd_config");
        if read != known.config() {
            self.against.push(format!(
                "the sshd that led here reads {read}, and {} was looked at: --sshd-config {read}",
                known.config()
            ));
        }
    }
}

/// A folder that sshd's configuration includes all of, for everybody, and that is there.
fn own_folder(known: &Known) -> Option<String> {
    let mut included = included_by_all(known).into_iter();
    included.find_map(|one| match one {
        Included::Folder { folder, ending } if OWN_FILE.ends_with(&ending) => {
            let listed = known.answer(&Ask::Folder(folder.clone()));
            matches!(listed, Some(Answer::Text(_))).then_some(folder)
        }
        _ => None,
    })
}

/// A key without its comment.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().take(2).collect()
}
