//! Lines that let somebody into a PostgreSQL at the host.

use portcullis_model::{DoorKind, SideDoor};

use super::{ANYBODY, door, logical_lines, mark, unread_door};
use crate::ask::Ask;
use crate::known::Known;

pub(super) fn asks(known: &Known) -> Vec<Ask> {
    let mut asks = vec![Ask::Databases];
    asks.extend(files(known).into_iter().map(Ask::File));
    asks
}

pub(super) fn doors(known: &Known) -> Vec<SideDoor> {
    let mut doors: Vec<_> = known
        .lines(&Ask::Databases)
        .into_iter()
        .filter_map(|line| line.strip_prefix(UNREAD))
        .map(|place| unread_door(place, "a PostgreSQL whose pg_hba.conf is not found"))
        .collect();
    for path in files(known) {
        let lines = logical_lines(known.lines(&Ask::File(path.clone())));
        doors.extend(lines.iter().filter_map(|line| read(line, &path)));
    }
    doors
}

/// How a server is told whose file is not found.
const UNREAD: &str = "unread ";

fn files(known: &Known) -> Vec<String> {
    let lines = known.lines(&Ask::Databases).into_iter();
    let paths = lines.filter(|line| line.starts_with('/'));
    paths.map(str::to_owned).collect()
}

/// How a line begins that says whom a PostgreSQL lets in.
const KINDS: [&str; 6] = [
    "local",
    "host",
    "hostssl",
    "hostnossl",
    "hostgssenc",
    "hostnogssenc",
];

/// By what somebody is let in.
const METHODS: [&str; 13] = [
    "trust",
    "md5",
    "password",
    "scram-sha-256",
    "gss",
    "sspi",
    "ident",
    "peer",
    "ldap",
    "radius",
    "cert",
    "pam",
    "bsd",
];

/// A line that lets in. One that is not known here is not told as it stands: a link may have led anywhere. Nor are options of
/// a method, of which one may hold a password.
fn read(line: &str, path: &str) -> Option<SideDoor> {
    let line = line.split('#').next().unwrap_or_default();
    let words: Vec<_> = line.split_whitespace().collect();
    let first = words.first()?;
    let at = |wanted: &[&str]| words.iter().skip(3).position(|word| wanted.contains(word));
    if KINDS.contains(first) && at(&["reject"]).is_some() && at(&METHODS).is_none() {
        return None;
    }
    let known = KINDS.contains(first).then(|| at(&METHODS)).flatten();
    let (whom, what) = match known {
        Some(place) => {
            let end = place.saturating_add(4);
            let told = words.get(..end).unwrap_or_default().join(" ");
            let options = words.get(end..).unwrap_or_default();
            let told = if options.is_empty() {
                told
            } else {
                format!("{told} {}", mark(line))
            };
            (words.get(2).copied().unwrap_or(ANYBODY), told)
        }
        None => (
            ANYBODY,
            format!("a line that is not known here {}", mark(line)),
        ),
    };
    Some(door(DoorKind::Postgres, whom, path, &what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::tests::known;

    #[test]
    fn every_line_that_lets_in_is_a_door_and_tells_no_password() {
        let path = "/etc/postgresql/15/main/pg_hba.conf";
        let seen = known(&[
            (
                Ask::Databases,
                "/etc/postgresql/15/main/pg_hba.conf\nunread /var/lib/x",
            ),
            (
                Ask::File(path.to_owned()),
                "# TYPE DATABASE USER\nlocal all postgres peer\nhost all all 0.0.0.0/0 reject\n\
                 host all rosa 10.0.0.0 255.0.0.0 ldap ldapserver=x ldapbindpasswd=geheim\ninclude more.conf\n\
                 root:$6$salt$hash:19000:0:99999:7:::\n",
            ),
        ]);
        let mut doors = doors(&seen);
        let unread = doors.remove(0);
        assert_eq!(
            (unread.kind, unread.place.as_str()),
            (DoorKind::Unread, "/var/lib/x")
        );
        let told: Vec<_> = doors
            .iter()
            .map(|door| (door.whom.as_str(), door.what.as_str()))
            .collect();
        let begins = [
            ("postgres", "local all postgres peer"),
            ("rosa", "host all rosa 10.0.0.0 255.0.0.0 ldap (#"),
            ("anybody", "a line that is not known here (#"),
            ("anybody", "a line that is not known here (#"),
        ];
        assert_eq!(told.len(), begins.len(), "{told:?}");
        for ((whom, what), (wanted, begins)) in told.iter().zip(begins) {
            assert!(
                *whom == wanted && what.starts_with(begins),
                "{what}: {begins}"
            );
        }
        assert!(
            told.iter()
                .all(|(_, what)| !what.contains("geheim") && !what.contains("$6$"))
        );
    }
}
