//! Rules by which somebody acts as somebody else: sudo's and doas'.

use portcullis_model::{DoorKind, SideDoor};

use super::{door, logical_lines};
use crate::ask::Ask;
use crate::known::Known;

/// Where sudo begins to read.
const SUDOERS: &str = "/etc/sudoers";

/// Where doas does.
const DOAS: &str = "/etc/doas.conf";

/// Where it reads on, where distributions have it so.
const DOAS_PARTS: &str = "/etc/doas.d";

pub(super) fn asks(known: &Known) -> Vec<Ask> {
    let (files, mut asks) = files(known);
    asks.extend(files.into_iter().map(Ask::File));
    asks.push(Ask::Folder(DOAS_PARTS.to_owned()));
    asks.extend(doas(known).into_iter().map(Ask::File));
    asks
}

pub(super) fn doors(known: &Known) -> Vec<SideDoor> {
    let mut doors: Vec<_> = rules(known)
        .iter()
        .map(|(path, rule)| rule_door(path, rule))
        .collect();
    for path in doas(known) {
        let lines = known.lines(&Ask::File(path.clone())).into_iter();
        let permits = lines.filter(|line| line.trim_start().starts_with("permit"));
        doors.extend(permits.map(|line| door(DoorKind::Sudo, "somebody", &path, line)));
    }
    doors
}

/// Groups that a rule names.
pub(super) fn groups(known: &Known) -> Vec<String> {
    let rules = rules(known);
    let words = rules
        .iter()
        .flat_map(|(_, rule)| rule.split(|c: char| c.is_whitespace() || c == ',' || c == '='));
    let groups = words.filter_map(|word| word.strip_prefix('%'));
    groups
        .map(|group| group.trim_start_matches('#').to_owned())
        .collect()
}

/// Every rule, every alias that one may name, and where sudo asks for no password, with its file.
fn rules(known: &Known) -> Vec<(String, String)> {
    let (files, _) = files(known);
    let mut rules = Vec::new();
    for path in files {
        let lines = statements(known, &path).into_iter();
        let lines = lines.filter(|line| included(line).is_none() && is_rule(line));
        rules.extend(lines.map(|line| (path.clone(), line)));
    }
    rules
}

fn doas(known: &Known) -> Vec<String> {
    let parts = known.lines(&Ask::Folder(DOAS_PARTS.to_owned())).into_iter();
    let parts = parts.filter(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "conf"));
    let parts = parts.map(|name| format!("{DOAS_PARTS}/{name}"));
    std::iter::once(DOAS.to_owned()).chain(parts).collect()
}

fn rule_door(path: &str, rule: &str) -> SideDoor {
    let whom = rule.split_whitespace().next().unwrap_or_default();
    door(DoorKind::Sudo, whom, path, rule)
}

fn statements(known: &Known, path: &str) -> Vec<String> {
    let lines = logical_lines(known.lines(&Ask::File(path.to_owned())));
    let lines = lines.iter().map(|line| line.trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

fn is_rule(line: &str) -> bool {
    // `#1000 ALL = …` is a rule for an account by its number, and no comment.
    let comment = line
        .strip_prefix('#')
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    let sets = line.starts_with("Defaults");
    !comment && (!sets || line.contains("!authenticate"))
}

/// A file or a folder that a line includes.
fn included(line: &str) -> Option<(bool, &str)> {
    let rest = line.strip_prefix(['@', '#'])?;
    let (word, path) = rest.split_once(char::is_whitespace)?;
    let path = path.trim().trim_matches('"');
    match word {
        "include" => Some((false, path)),
        "includedir" => Some((true, path)),
        _ => None,
    }
}

/// The files sudo reads, as far as they are known, and the folders that say which.
fn files(known: &Known) -> (Vec<String>, Vec<Ask>) {
    let mut files = vec![SUDOERS.to_owned()];
    let mut folders = Vec::new();
    let mut at = 0;
    while let Some(path) = files.get(at).cloned() {
        at = at.saturating_add(1);
        for line in statements(known, &path) {
            let Some((is_folder, named)) = included(&line) else {
                continue;
            };
            let named = if named.starts_with('/') {
                named.to_owned()
            } else {
                format!("/etc/{named}")
            };
            let more = if is_folder {
                let ask = Ask::Folder(named.clone());
                let names = known.lines(&ask).into_iter();
                // As sudo does: no backups, nothing with a dot.
                let read = names.filter(|name| !name.contains('.') && !name.ends_with('~'));
                let paths = read.map(|name| format!("{named}/{name}")).collect();
                folders.push(ask);
                paths
            } else {
                vec![named]
            };
            let new: Vec<_> = more
                .into_iter()
                .filter(|path| !files.contains(path))
                .collect();
            files.extend(new);
        }
    }
    (files, folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::tests::known;

    #[test]
    fn every_rule_wherever_it_is_included_from_is_a_door() {
        let file = |path: &str| Ask::File(path.to_owned());
        let seen = known(&[
            (
                file(SUDOERS),
                "Defaults env_reset\nDefaults:app !authenticate\n# no rule\n#1000 ALL=(ALL) ALL\nroot ALL=(ALL:ALL) ALL\n\
                 %sudo ALL=(ALL:ALL) \\\n  NOPASSWD: ALL\nCmnd_Alias X = /bin/x\n@includedir /etc/sudoers.d\n\
                 #include more\n",
            ),
            (
                Ask::Folder("/etc/sudoers.d".to_owned()),
                "README.txt\nold~\napp",
            ),
            (file("/etc/sudoers.d/app"), "app ALL=(root) /usr/bin/app"),
            (file("/etc/more"), "%wheel ALL=ALL\n@include more"),
            (file(DOAS), "# x\npermit nopass olaf\ndeny x"),
            (Ask::Folder(DOAS_PARTS.to_owned()), "a.conf\nb"),
            (file("/etc/doas.d/a.conf"), "permit pia"),
        ]);
        let doors = doors(&seen);
        let whom: Vec<_> = doors.iter().map(|door| door.whom.as_str()).collect();
        assert_eq!(
            whom,
            [
                "Defaults:app",
                "#1000",
                "root",
                "%sudo",
                "Cmnd_Alias",
                "app",
                "%wheel",
                "somebody",
                "somebody"
            ]
        );
        assert!(
            doors
                .iter()
                .any(|door| door.what == "%sudo ALL=(ALL:ALL)  NOPASSWD: ALL"),
            "{doors:?}"
        );
        assert!(asks(&seen).contains(&file("/etc/sudoers.d/app")));
    }
}
