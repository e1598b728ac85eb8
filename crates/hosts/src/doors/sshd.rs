//! What else sshd lets in by, and sshds beside the one that was looked at.

use portcullis_model::{DoorKind, SideDoor};

use super::{ANYBODY, door, unread_door};
use crate::ask::Ask;
use crate::known::Known;
use crate::settings;

/// Settings that name a program which says whom sshd lets in.
const PROGRAMS: [&str; 2] = ["authorizedkeyscommand", "authorizedprincipalscommand"];

/// Settings by which others than the host say whom it lets in.
const SERVICES: [(&str, &str); 3] = [
    ("hostbasedauthentication", "hosts it trusts say who comes"),
    ("gssapiauthentication", "a Kerberos realm says who comes"),
    ("kerberosauthentication", "a Kerberos realm says who comes"),
];

pub(super) fn asks(_known: &Known) -> Vec<Ask> {
    vec![Ask::Listeners]
}

pub(super) fn doors(known: &Known) -> Vec<SideDoor> {
    let mut doors = Vec::new();
    for account in known.accounts() {
        let Some(settings) = known.settings(account.name) else {
            continue;
        };
        let programs = PROGRAMS
            .iter()
            .filter_map(|key| Some((*key, settings.get(key)?)));
        doors.extend(programs.map(|(key, value)| directory(key, value)));
        let services = SERVICES.iter().filter(|(key, _)| settings.is_on(key));
        doors.extend(services.map(|(key, what)| directory(key, what)));
    }
    // What depends on where a client comes from was asked for one place only.
    let blocks = settings::blocks(known).into_iter();
    let elsewhere = blocks.filter(|block| depends_on_more(block));
    doors.extend(elsewhere.map(|block| {
        let what = format!("Match {block}: looked at for no such client");
        unread_door(known.config(), &what)
    }));
    let beyond = settings::beyond(known).into_iter();
    doors.extend(beyond.map(|path| {
        let what = "a part of sshd's configuration that is not read here";
        unread_door(&path, what)
    }));
    doors.extend(others(known));
    doors
}

fn directory(key: &str, what: &str) -> SideDoor {
    door(DoorKind::SshDirectory, ANYBODY, key, what)
}

/// Whether a block depends on more than the account.
pub(crate) fn depends_on_more(block: &str) -> bool {
    let criteria = block.split_whitespace().step_by(2);
    let mut criteria = criteria.map(str::to_ascii_lowercase);
    !criteria.all(|word| ["user", "group", "all"].contains(&word.as_str()))
}

fn others(known: &Known) -> Vec<SideDoor> {
    let lines = known.lines(&Ask::Listeners).into_iter();
    let others = lines.filter_map(|line| line.strip_prefix("other ")?.split_once(' '));
    others
        .map(|(_, line)| {
            let line = line.split(" [listener]").next().unwrap_or(line);
            door(DoorKind::SshServer, ANYBODY, "another sshd", line)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::tests::known;

    fn told(settings: &str, config: &str) -> Vec<String> {
        let seen = known(&[
            (Ask::Accounts, "root:x:0:0::/root:/bin/sh"),
            (Ask::Settings("root".to_owned()), settings),
            (Ask::File("/etc/ssh/sshd_config".to_owned()), config),
            (
                Ask::Listeners,
                "own 7 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\n\
                 other 9 sshd: /usr/sbin/sshd -f /x [listener] 3 of 10-100 startups",
            ),
        ]);
        doors(&seen).into_iter().map(|door| door.what).collect()
    }

    #[test]
    fn programs_services_and_other_servers_that_let_in_are_doors() {
        let settings = "authorizedkeyscommand /usr/bin/keys %u\nauthorizedprincipalscommand none\n\
                        hostbasedauthentication yes\ngssapiauthentication no\n";
        assert_eq!(
            told(settings, ""),
            [
                "/usr/bin/keys %u",
                "hosts it trusts say who comes",
                "sshd: /usr/sbin/sshd -f /x"
            ]
        );
    }

    #[test]
    fn what_holds_for_some_clients_only_was_not_looked_at() {
        let told = told(
            "",
            "Match User x Group y\nMatch Address 10.0.0.0/8 User z\nMatch all\n",
        );
        let unread: Vec<_> = told
            .iter()
            .filter(|what| what.starts_with("Match"))
            .collect();
        assert_eq!(unread.len(), 1, "{told:?}");
    }
}
