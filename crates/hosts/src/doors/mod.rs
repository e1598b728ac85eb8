//! Side doors: every way into the host that does not lead through Portcullis, as far as they are known here. A file for each
//! sort of place that lets somebody in. What could not be looked at counts as one.

mod groups;
mod keys;
mod passwords;
mod postgres;
mod sshd;
mod sudo;

use std::collections::BTreeSet;

use portcullis_model::{Digest, DoorKind, SideDoor, visible};

use crate::ask::Ask;
use crate::known::{Known, NAME_SWITCH};
use crate::settings;

pub(crate) use sshd::depends_on_more;

/// How many doors are listed.
const MOST_DOORS: usize = 500;

/// The longest text that is told of a door; what is longer is cut.
const MOST_CHARS: usize = 120;

/// A sort of place: what is to be asked of it, and the doors that the answers show.
struct Place {
    asks: fn(&Known) -> Vec<Ask>,
    doors: fn(&Known) -> Vec<SideDoor>,
}

const PLACES: [Place; 6] = [
    Place {
        asks: keys::asks,
        doors: keys::doors,
    },
    Place {
        asks: passwords::asks,
        doors: passwords::doors,
    },
    Place {
        asks: sshd::asks,
        doors: sshd::doors,
    },
    Place {
        asks: groups::asks,
        doors: groups::doors,
    },
    Place {
        asks: sudo::asks,
        doors: sudo::doors,
    },
    Place {
        asks: postgres::asks,
        doors: postgres::doors,
    },
];

/// What is to be asked to find them.
pub(crate) fn asks(known: &Known) -> Vec<Ask> {
    PLACES
        .iter()
        .flat_map(|place| (place.asks)(known))
        .collect()
}

/// All that were found, each once; `ours` is the authority whose certificates are no way beside us.
pub fn side_doors(known: &Known, ours: &str) -> Vec<SideDoor> {
    let found = PLACES.iter().flat_map(|place| (place.doors)(known));
    let ours = keys::fingerprint(ours);
    let found = found.filter(|door| {
        door.kind != DoorKind::SshAuthority
            || door.whom != ANYBODY
            || Some(&door.what) != ours.as_ref()
    });
    let all: BTreeSet<_> = found.chain(unread(known)).collect();
    cut(all)
}

/// Not more than can be recorded: that there are more is a door as well.
fn cut(all: BTreeSet<SideDoor>) -> Vec<SideDoor> {
    let more = all.len().saturating_sub(MOST_DOORS);
    let mut doors: Vec<_> = all.into_iter().take(MOST_DOORS).collect();
    if more > 0 {
        doors.pop();
        let what = "more side doors than can be listed: close some, and look again";
        doors.push(unread_door("the host", what));
    }
    doors
}

/// Whom a door lets in that asks nobody in particular.
const ANYBODY: &str = "anybody";

/// Everything that was asked and not told.
fn unread(known: &Known) -> Vec<SideDoor> {
    let refused = known.refused();
    let mut doors: Vec<_> = refused
        .map(|(ask, why)| unread_door(&ask.to_string(), why))
        .collect();
    if known.was_cut_short() {
        doors.push(unread_door(
            known.config(),
            "its files name others without end",
        ));
    }
    if settings::leaves_accounts_out(known) {
        let what = "it tells accounts apart, and there are too many to ask about each";
        doors.push(unread_door(known.config(), what));
    }
    doors.extend(elsewhere(known));
    doors
}

/// Accounts, groups and rules that a host has from elsewhere, and need not list.
fn elsewhere(known: &Known) -> Vec<SideDoor> {
    let lines = known.lines(&Ask::File(NAME_SWITCH.to_owned()));
    let lists = ["passwd", "group", "shadow", "sudoers"];
    let named = lines.iter().filter_map(|line| {
        let (list, sources) = line.split('#').next()?.split_once(':')?;
        let list = list.trim();
        let local = ["files", "compat", "systemd"];
        let mut others = sources.split_whitespace();
        let other = others.find(|one| !local.contains(one) && !one.starts_with('['))?;
        lists.contains(&list).then(|| {
            let what = format!(
                "{list} from {other}: who is there, and what they may, is not all told here"
            );
            unread_door(NAME_SWITCH, &what)
        })
    });
    named.collect()
}

fn unread_door(place: &str, what: &str) -> SideDoor {
    door(DoorKind::Unread, ANYBODY, place, what)
}

fn door(kind: DoorKind, whom: &str, place: &str, what: &str) -> SideDoor {
    let [whom, place, what] = [whom, place, what].map(told);
    SideDoor {
        kind,
        whom,
        place,
        what,
    }
}

/// A text as it may be told: one line, not too long, and something. What is cut is told apart from what begins alike.
fn told(text: &str) -> String {
    let text = visible(text.trim());
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => {
            let begins = text.get(..end).unwrap_or_default();
            format!("{begins}… {}", mark(&text))
        }
        None if text.is_empty() => "(nothing)".to_owned(),
        None => text,
    }
}

/// What tells a text from any other without telling it.
fn mark(text: &str) -> String {
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    let begins = digest.get(..16).unwrap_or_default();
    format!("(#{begins})")
}

/// Lines of a file that are no comment, those that go on in the next put together.
fn logical_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut open = false;
    for line in lines {
        match all.last_mut().filter(|_| open) {
            Some(last) => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            None => all.push(line.to_owned()),
        }
        open = line.ends_with('\\');
        if let Some(last) = all.last_mut().filter(|_| open) {
            last.pop();
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Answer;
    use crate::known::tests::known;

    #[test]
    fn whatever_a_host_writes_makes_sound_doors() {
        for text in ["", " ", "\u{1b}[2J", &"é".repeat(400), "a\nb"] {
            assert!(
                door(DoorKind::Sudo, text, text, text).is_sound(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_differs_behind_what_is_told_is_another_door() {
        let long = "x".repeat(200);
        let [one, other] = [format!("{long}a"), format!("{long}b")];
        let rule = |what: &str| door(DoorKind::Sudo, "a", "b", what);
        assert_ne!(rule(&one).what, rule(&other).what);
    }

    #[test]
    fn more_than_can_be_listed_are_not_left_out_unsaid() {
        let many = (0..600).map(|number| door(DoorKind::Sudo, &format!("a{number}"), "b", "c"));
        let doors = cut(many.collect());
        assert_eq!(doors.len(), MOST_DOORS);
        assert!(doors.iter().any(|door| door.kind == DoorKind::Unread));
    }

    #[test]
    fn accounts_and_rules_that_are_kept_elsewhere_are_not_all_known() {
        let switch =
            "passwd: files sss\ngroup: files systemd\nsudoers: files [x=y] ldap\nhosts: dns\n";
        let doors = side_doors(&known(&[(Ask::File(NAME_SWITCH.to_owned()), switch)]), "");
        let told: Vec<_> = doors
            .iter()
            .filter(|door| door.place == NAME_SWITCH)
            .collect();
        assert_eq!(told.len(), 2, "{doors:?}");
    }

    #[test]
    fn lines_that_go_on_are_one() {
        let lines = logical_lines(["a \\", "  b\\", "c", "d"]);
        assert_eq!(lines, ["a  b c", "d"]);
    }

    #[test]
    fn what_could_not_be_looked_at_is_a_door() {
        let mut seen = known(&[]);
        let ask = Ask::File("/root/.ssh/authorized_keys".to_owned());
        seen.take(vec![ask], vec![Answer::Not("no regular file".to_owned())]);
        let doors = side_doors(&seen, "");
        assert!(
            doors
                .iter()
                .any(|door| door.kind == DoorKind::Unread && door.what == "no regular file"),
            "{doors:?}"
        );
    }
}
