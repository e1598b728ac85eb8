//! What bringing a host in changes there: from what was seen, and from what is wanted.

use portcullis_model::Digest;

use crate::act::Act;
use crate::ask::{Answer, Ask};
use crate::doors::depends_on_more;
use crate::known::Known;
use crate::settings::{self, Included, Settings, included_by_all};
use crate::undo::Record;

/// Where the authority is put where sshd trusts none yet.
const AUTHORITY: &str = "/etc/ssh/portcullis_ca.pub";

/// What sshd's configuration is given there, in a file of its own where it includes a folder of them.
const OWN_FILE: &str = "10-portcullis.conf";

/// What a session's certificate is to sshd.
const CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com";

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
            match known.own_sshd() {
                Some(_) => self.acts.extend(known.reload()),
                None => self.against.push(
                    "it was no sshd of the host's that led here, so none could be told to read its configuration: go there by \
                     plain SSH"
                        .to_owned(),
                ),
            }
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

    /// Whether a certificate could open the accounts at all.
    fn opens(&mut self, known: &Known, wish: &Wish<'_>, settings: &Settings<'_>) {
        let accounts = known.accounts();
        if !accounts.iter().any(|account| account.name == wish.account) {
            self.against.push(format!(
                "there is no account {}: --account with one that is there",
                wish.account
            ));
        }
        let root = settings.get("permitrootlogin").unwrap_or("no");
        if wish.account == "root"
            && !["yes", "without-password", "prohibit-password"].contains(&root)
        {
            self.against.push(format!(
                "sshd lets root in by no certificate (PermitRootLogin {root}): set it to prohibit-password, or \
                 --account with another"
            ));
        }
        for name in std::iter::once(wish.account).chain(wish.tasks) {
            self.lets_in(known, name);
            self.takes_certificates(known, wish, name);
        }
        // Where a client's address counts, another is judged than this look could be.
        if settings::blocks(known)
            .iter()
            .any(|block| depends_on_more(block))
        {
            self.doubts.append(&mut self.against);
        }
    }

    /// Whether sshd takes a certificate of ours, and nothing more, and then what is asked for.
    fn takes_certificates(&mut self, known: &Known, wish: &Wish<'_>, name: &str) {
        let Some(settings) = known.settings(name) else {
            return;
        };
        let authority = wish.authority.split_whitespace().next().unwrap_or_default();
        let methods = settings.get("authenticationmethods").unwrap_or("any");
        let enough = methods
            .split_whitespace()
            .any(|one| ["any", "publickey"].contains(&one));
        let against = [
            (
                !settings.is_on("pubkeyauthentication"),
                "takes no keys: PubkeyAuthentication yes",
            ),
            (
                !enough,
                "asks for more than a certificate (AuthenticationMethods): let publickey be enough, the second factor is \
                 asked for at our door",
            ),
            (
                !settings.lists("casignaturealgorithms", authority),
                "takes no certificate that is signed so (CASignatureAlgorithms): add the authority's algorithm",
            ),
            (
                !settings.lists("pubkeyacceptedalgorithms", CERTIFICATE),
                "takes no certificate of ours (PubkeyAcceptedAlgorithms): add ssh-ed25519-cert-v01@openssh.com",
            ),
            (
                settings.get("forcecommand").is_some(),
                "forces a command on it (ForceCommand): take that away for it",
            ),
        ];
        let against = against.into_iter().filter(|(is_so, _)| *is_so);
        self.against
            .extend(against.map(|(_, what)| format!("for {name}, sshd {what}")));
    }

    fn lets_in(&mut self, known: &Known, name: &str) {
        let Some(settings) = known.settings(name) else {
            return;
        };
        let groups = known.groups();
        let groups = groups.iter().filter(|group| group.members.contains(&name));
        let mut groups: Vec<_> = groups.map(|group| group.name).collect();
        // One that is to be made is in a group of its own.
        if groups.is_empty() {
            groups.push(name);
        }
        if let Some(list) = settings.refuses(name, &groups) {
            self.against.push(format!(
                "sshd lets {name} in by no way ({list}): have it let {name} in there"
            ));
        }
        if settings.get("authorizedprincipalscommand").is_some() {
            self.against.push(format!(
                "sshd asks a program whom a certificate is for (AuthorizedPrincipalsCommand): have it say {name} for \
                 {name}, or set it to none"
            ));
        }
        let account = known.accounts().into_iter().find(|one| one.name == name);
        let (uid, home) = account.map_or((0, "/nonexistent"), |one| (one.uid, one.home));
        for path in settings.files("authorizedprincipalsfile", name, uid, home) {
            let lines = known.lines(&Ask::File(path.clone()));
            if !lines.iter().any(|line| line.trim() == name) {
                self.against.push(format!(
                    "sshd looks in {path} whom a certificate is for: have it list {name}"
                ));
            }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::known::tests::known;

    const WISH: Wish<'_> = Wish {
        authority: "ssh-ed25519 OURS",
        account: "root",
        tasks: Some("ops"),
    };

    const CONFIG: &str = "/etc/ssh/sshd_config";

    fn file(path: &str) -> Ask {
        Ask::File(path.to_owned())
    }

    fn host(settings: &str, config: &str, more: &[(Ask, &str)]) -> Known {
        let mut told = vec![
            (Ask::Accounts, "root:x:0:0::/root:/bin/sh"),
            (Ask::Groups, "root:x:0:\nstaff:x:50:"),
            (
                Ask::Listeners,
                "own 7 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
            ),
            (Ask::Tools, "/usr/sbin/useradd"),
            (Ask::Settings("root".to_owned()), settings),
            (file(CONFIG), config),
        ];
        told.extend(more.iter().cloned());
        known(&told)
    }

    const PLAIN: &str =
        "permitrootlogin without-password\npubkeyauthentication yes\ntrustedusercakeys none\n";

    fn paths(plan: &Plan) -> Vec<String> {
        let puts = plan.acts.iter().filter_map(|act| match act {
            Act::Put { path, .. } => Some(path.clone()),
            _ => None,
        });
        puts.collect()
    }

    #[test]
    fn an_ordinary_host_gets_an_account_two_files_and_a_look_by_sshd() {
        let folder = Ask::Folder("/etc/ssh/sshd_config.d".to_owned());
        let seen = host(
            PLAIN,
            "Include /etc/ssh/sshd_config.d/*.conf\n",
            &[(folder, "")],
        );
        let plan = Plan::of(&seen, &WISH);
        assert_eq!(plan.against, Vec::<String>::new());
        assert_eq!(
            paths(&plan),
            [AUTHORITY, "/etc/ssh/sshd_config.d/10-portcullis.conf"]
        );
        assert!(matches!(plan.acts.first().unwrap(), Act::Begin(_)));
        assert!(plan.acts.contains(&Act::Account("ops".to_owned())));
        assert!(plan.acts.contains(&Act::Check) && plan.acts.contains(&Act::Reload(7)));
        assert_eq!(plan.acts.last().unwrap(), &Act::Finish);
    }

    #[test]
    fn without_a_folder_of_parts_the_line_stands_first_in_the_configuration() {
        for config in [
            "Port 22\nMatch User x\n",
            "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n",
            "Include /etc/ssh/sshd_config.d/*.conf\n",
        ] {
            let plan = Plan::of(&host(PLAIN, config, &[]), &WISH);
            assert_eq!(paths(&plan), [AUTHORITY, CONFIG], "{config}");
            let content = plan.acts.iter().find_map(|act| match act {
                Act::Put { path, content, .. } if path == CONFIG => Some(content),
                _ => None,
            });
            let wanted = format!("TrustedUserCAKeys {AUTHORITY}\n{config}");
            assert_eq!(content, Some(&wanted));
        }
    }

    #[test]
    fn where_another_authority_is_trusted_ours_stands_beside_it() {
        let settings = PLAIN.replace("none", "/etc/ca");
        let plan = Plan::of(
            &host(&settings, "", &[(file("/etc/ca"), "ssh-ed25519 THEIRS x")]),
            &WISH,
        );
        let content = plan.acts.iter().find_map(|act| match act {
            Act::Put { content, .. } => Some(content.as_str()),
            _ => None,
        });
        assert_eq!(content, Some("ssh-ed25519 THEIRS x\nssh-ed25519 OURS\n"));
        assert_eq!(paths(&plan), ["/etc/ca"]);
    }

    #[test]
    fn where_everything_is_there_nothing_is_done() {
        let settings = PLAIN.replace("none", "/etc/ca");
        let seen = host(
            &settings,
            "",
            &[
                (file("/etc/ca"), "ssh-ed25519 OURS comment\n"),
                (
                    Ask::Accounts,
                    "root:x:0:0::/root:/bin/sh\nops:x:990:990::/nonexistent:/bin/sh",
                ),
            ],
        );
        let plan = Plan::of(&seen, &WISH);
        assert!(plan.acts.is_empty() && plan.against.is_empty(), "{plan:?}");
        assert_eq!(plan.there.len(), 3);
    }

    #[test]
    fn what_would_keep_a_certificate_out_stands_against_it() {
        let with = |settings: &str, more: &[(Ask, &str)], wish: Wish<'_>| {
            Plan::of(&host(settings, "", more), &wish)
                .against
                .join("\n")
        };
        let said = |settings: &str| with(settings, &[], WISH);
        assert!(said(&PLAIN.replace("without-password", "no")).contains("PermitRootLogin"));
        assert!(said(&PLAIN.replace("cation yes", "cation no")).contains("takes no keys"));
        assert!(said(&format!("{PLAIN}allowusers olaf\n")).contains("AllowUsers"));
        assert!(said(&format!("{PLAIN}denyusers root\n")).contains("DenyUsers"));
        assert!(said(&format!("{PLAIN}authorizedprincipalscommand /x\n")).contains("a program"));
        let principals = format!("{PLAIN}authorizedprincipalsfile /etc/p/%u\n");
        let listed = [(file("/etc/p/root"), "root"), (file("/etc/p/ops"), "ops")];
        assert!(said(&principals).contains("/etc/p/root"));
        assert_eq!(with(&principals, &listed, WISH), "");
        let wish = |account, tasks| Wish {
            account,
            tasks,
            ..WISH
        };
        assert!(with(PLAIN, &[], wish("olaf", None)).contains("no account olaf"));
        assert!(with(PLAIN, &[], wish("root", Some("root"))).contains("is root"));
        assert!(said(&format!("{PLAIN}allowgroups wheel\n")).contains("AllowGroups"));
        assert!(
            said(&format!(
                "{PLAIN}authenticationmethods publickey,password\n"
            ))
            .contains("more than")
        );
        assert!(
            said(&format!("{PLAIN}casignaturealgorithms rsa-sha2-512\n")).contains("signed so")
        );
        assert!(
            said(&format!("{PLAIN}pubkeyacceptedalgorithms ssh-ed25519\n"))
                .contains("no certificate")
        );
        assert!(said(&format!("{PLAIN}forcecommand /x\n")).contains("forces"));
        assert!(with(PLAIN, &[(Ask::Tools, "")], WISH).contains("no useradd"));
        assert!(with(PLAIN, &[(Ask::Listeners, "")], WISH).contains("no sshd of the host"));
        assert!(with(PLAIN, &[], wish("root", Some("staff"))).contains("a group staff"));
        let other = (
            Ask::Settings("ops".to_owned()),
            "trustedusercakeys /etc/other",
        );
        assert!(with(PLAIN, &[other], WISH).contains("another authority"));
    }

    #[test]
    fn where_an_address_counts_it_is_in_doubt_and_not_refused() {
        let settings = PLAIN.replace("without-password", "no");
        let config = "Match Address 10.0.0.0/8\n PermitRootLogin yes\n";
        let plan = Plan::of(&host(&settings, config, &[]), &WISH);
        assert!(
            plan.against.is_empty() && plan.doubts.len() == 1,
            "{plan:?}"
        );
    }

    fn begun(plan: &Plan, finished: bool) -> Vec<(Ask, String)> {
        let Some(Act::Begin(text)) = plan.acts.first() else {
            panic!("{plan:?}");
        };
        let mut told = vec![(file(&format!("{}/plan", crate::KEPT)), text.clone())];
        if finished {
            told.push((file(&format!("{}/finished", crate::KEPT)), "\n".to_owned()));
        }
        told
    }

    #[test]
    fn what_was_begun_goes_on_and_what_is_otherwise_is_undone_first() {
        let plan = Plan::of(&host(PLAIN, "", &[]), &WISH);
        let told = begun(&plan, false);
        let told: Vec<_> = told
            .iter()
            .map(|(ask, text)| (ask.clone(), text.as_str()))
            .collect();
        let again = Plan::of(&host(PLAIN, "", &told), &WISH);
        assert_eq!((&again.acts, again.against.len()), (&plan.acts, 0));
        let other = Wish {
            authority: "ssh-ed25519 OTHERS",
            ..WISH
        };
        let other = Plan::of(&host(PLAIN, "", &told), &other);
        assert!(other.against.join("").contains("--undo first"), "{other:?}");
        // All of it is written, and sshd was not told.
        let written = PLAIN.replace("none", AUTHORITY);
        let mut all = told.clone();
        all.push((file(AUTHORITY), "ssh-ed25519 OURS\n"));
        all.push((
            Ask::Accounts,
            "root:x:0:0::/root:/bin/sh\nops:x:990:990::/nonexistent:/bin/sh",
        ));
        let rest = Plan::of(&host(&written, "", &all), &WISH);
        assert!(rest.acts.contains(&Act::Reload(7)), "{rest:?}");
        let done = begun(&plan, true);
        all.extend(done.iter().map(|(ask, text)| (ask.clone(), text.as_str())));
        let rest = Plan::of(&host(&written, "", &all), &WISH);
        assert!(rest.acts.is_empty() && rest.against.is_empty(), "{rest:?}");
    }

    #[test]
    fn where_a_server_is_started_for_each_client_none_is_told() {
        let each = "own 7 sshd: root@notty";
        let plan = Plan::of(&host(PLAIN, "", &[(Ask::Listeners, each)]), &WISH);
        assert!(plan.against.is_empty(), "{plan:?}");
        assert!(!plan.acts.iter().any(|act| matches!(act, Act::Reload(_))));
    }

    #[test]
    fn a_link_and_a_configuration_that_nobody_reads_are_not_written() {
        let mut seen = host(PLAIN, "", &[]);
        seen.take(
            vec![file(CONFIG)],
            vec![Answer::File {
                mode: 0o644,
                uid: 0,
                names: 1,
                is_link: true,
                bytes: Vec::new(),
            }],
        );
        assert!(
            Plan::of(&seen, &WISH)
                .against
                .join("\n")
                .contains("it is a link")
        );
        let elsewhere = "own 7 sshd: /usr/sbin/sshd -D -f /srv/x [listener] 0";
        let seen = host(PLAIN, "", &[(Ask::Listeners, elsewhere)]);
        assert!(
            Plan::of(&seen, &WISH)
                .against
                .join("\n")
                .contains("--sshd-config /srv/x")
        );
    }
}
