//! The accounts and groups of a host.

/// A line of `getent passwd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number.
    pub uid: u32,
    /// Its home.
    pub home: &'a str,
    /// Its login shell.
    pub shell: &'a str,
    /// The group it is in by itself.
    pub(crate) group: &'a str,
    /// Where its password stands here and not among the shadows: whether it has one.
    pub(crate) password: Option<bool>,
}

/// A group, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) members: Vec<&'a str>,
}

pub(crate) fn read(line: &str) -> Option<Account<'_>> {
    let fields: Vec<_> = line.split(':').collect();
    let [name, password, uid, group, _, home, shell] = fields.as_slice() else {
        return None;
    };
    let stands_here = !password.starts_with(['x', '*', '!']);
    Some(Account {
        name,
        uid: uid.parse().ok()?,
        home,
        shell,
        group,
        password: stands_here.then_some(!password.is_empty()),
    })
}

pub(crate) fn group<'a>(line: &'a str, accounts: &[Account<'a>]) -> Option<Group<'a>> {
    let fields: Vec<_> = line.split(':').collect();
    let [name, _, number, members] = fields.as_slice() else {
        return None;
    };
    let listed = members.split(',').filter(|member| !member.is_empty());
    let by_number = accounts.iter().filter(|account| account.group == *number);
    let mut members: Vec<_> = listed
        .chain(by_number.map(|account| account.name))
        .collect();
    members.sort_unstable();
    members.dedup();
    Some(Group { name, members })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_who_is_listed_and_whose_own_it_is() {
        let rosa = read("rosa:x:1000:27::/home/rosa:/bin/sh").unwrap();
        let group = group("sudo:x:27:olaf,pia", &[rosa]).unwrap();
        assert_eq!(group.members, ["olaf", "pia", "rosa"]);
    }

    #[test]
    fn a_password_that_stands_among_the_accounts_is_seen() {
        let password = |line: &str| read(line).unwrap().password;
        assert_eq!(password("a:x:1:1::/:/bin/sh"), None);
        assert_eq!(password("a:*:1:1::/:/bin/sh"), None);
        assert_eq!(password("a:$6$x:1:1::/:/bin/sh"), Some(true));
        assert_eq!(password("a::1:1::/:/bin/sh"), Some(false));
    }
}
