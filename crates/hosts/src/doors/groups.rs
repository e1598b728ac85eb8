//! Accounts that are root, or as good as root by a group they are in.

use portcullis_model::{DoorKind, SideDoor};

use super::{door, sudo};
use crate::ask::Ask;
use crate::known::Known;

/// Groups whose members get to be root without a rule that says so.
const POWERFUL: [&str; 8] = [
    "docker", "podman", "lxd", "incus", "libvirt", "disk", "shadow", "kmem",
];

pub(super) fn asks(_known: &Known) -> Vec<Ask> {
    vec![Ask::Accounts, Ask::Groups]
}

pub(super) fn doors(known: &Known) -> Vec<SideDoor> {
    let accounts = known.accounts().into_iter();
    let roots = accounts.filter(|account| account.uid == 0 && account.name != "root");
    let roots = roots.map(|account| {
        door(
            DoorKind::Root,
            account.name,
            "the accounts",
            "its number is 0",
        )
    });
    roots.chain(members(known)).collect()
}

/// Who is in a group that lets them become somebody else.
fn members(known: &Known) -> Vec<SideDoor> {
    let ruled = sudo::groups(known);
    let mut doors = Vec::new();
    for group in known.groups() {
        let what = if ruled.iter().any(|name| name == group.name) {
            "a rule names the group"
        } else if POWERFUL.contains(&group.name) {
            "the group is as good as root"
        } else {
            continue;
        };
        let place = format!("the group {}", group.name);
        let members = group.members.iter().filter(|member| **member != "root");
        doors.extend(members.map(|member| door(DoorKind::Group, member, &place, what)));
    }
    doors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::tests::known;

    #[test]
    fn another_root_and_everybody_in_a_group_as_good_as_root_are_doors() {
        let accounts = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nops:x:990:990::/:/bin/sh\n\
                        pia:x:991:27::/:/bin/sh";
        let doors = doors(&known(&[
            (Ask::Accounts, accounts),
            (
                Ask::Groups,
                "sudo:x:27:olaf\ndocker:x:99:rosa,root\nops:x:990:\nusers:x:100:rosa",
            ),
            (
                Ask::File("/etc/sudoers".to_owned()),
                "%sudo ALL=(ALL:ALL) ALL\n",
            ),
        ]));
        let whom: Vec<_> = doors.iter().map(|door| door.whom.as_str()).collect();
        assert_eq!(whom, ["toor", "olaf", "pia", "rosa"]);
    }
}
