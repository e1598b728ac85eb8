//! Who can act as whom: the graph of memberships, and everything a role leads to in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use portcullis_classify::entitlement::{Kind, Object, Right};
use tokio_postgres::Transaction;
use tokio_postgres::types::Oid;

use super::answer::{Room, Unread, rows};
use super::questions::Questions;

/// The grantee that stands for everybody.
pub(super) const PUBLIC: Oid = 0;

/// Words for attributes, in the order of `roles.sql`.
const ATTRIBUTES: [&str; 5] = [
    "SUPERUSER",
    "CREATEROLE",
    "CREATEDB",
    "REPLICATION",
    "BYPASSRLS",
];

/// The roles of a cluster and their memberships.
#[derive(Debug, Default)]
pub(super) struct Roles {
    roles: BTreeMap<Oid, Role>,
    parents: BTreeMap<Oid, BTreeSet<(Oid, bool)>>,
}

#[derive(Debug)]
struct Role {
    name: String,
    attributes: Vec<&'static str>,
}

/// What one role leads to: itself and every role it is a member of, however far, with the chain of names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reach {
    chains: BTreeMap<Oid, Vec<String>>,
}

impl Roles {
    /// Reads them all.
    pub async fn read(
        transaction: &Transaction<'_>,
        questions: &Questions,
    ) -> Result<Self, Unread> {
        let mut known = Self::default();
        let (roles, memberships) = tokio::join!(
            rows(transaction, &questions.roles, &[]),
            rows(transaction, &questions.memberships, &[]),
        );
        // After an error of the first the server refuses the second: that is no cause.
        let (roles, memberships) = (roles?, memberships?);
        for row in roles {
            let mut attributes = Vec::new();
            for (place, word) in ATTRIBUTES.into_iter().enumerate() {
                if row.try_get(place + 2)? {
                    attributes.push(word);
                }
            }
            known.add_role(row.try_get(0)?, row.try_get(1)?, attributes);
        }
        for row in memberships {
            known.add_membership(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        }
        Ok(known)
    }

    fn add_role(&mut self, oid: Oid, name: String, attributes: Vec<&'static str>) {
        self.roles.insert(oid, Role { name, attributes });
    }

    fn add_membership(&mut self, member: Oid, of: Oid, admin: bool) {
        self.parents.entry(member).or_default().insert((of, admin));
    }

    /// A role by name.
    pub fn named(&self, name: &str) -> Option<Oid> {
        self.roles
            .iter()
            .find(|(_, role)| role.name == name)
            .map(|(oid, _)| *oid)
    }

    fn name(&self, oid: Oid) -> String {
        self.roles
            .get(&oid)
            .map_or_else(|| format!("role {oid}"), |role| role.name.clone())
    }

    fn parents(&self, oid: Oid) -> impl Iterator<Item = (Oid, bool)> {
        self.parents.get(&oid).into_iter().flatten().copied()
    }

    /// Everything a role leads to, nearest first.
    pub fn reach(&self, start: Oid, room: &Room) -> Result<Reach, Unread> {
        let mut chains = BTreeMap::from([(start, Vec::new())]);
        let mut next = VecDeque::from([(start, Vec::new())]);
        while let Some((oid, chain)) = next.pop_front() {
            for (parent, _) in self.parents(oid) {
                if chains.contains_key(&parent) {
                    continue;
                }
                let mut longer = chain.clone();
                longer.push(self.name(parent));
                room.chain(&longer)?;
                chains.insert(parent, longer.clone());
                next.push_back((parent, longer));
            }
        }
        Ok(Reach { chains })
    }

    /// The rights that roles are by themselves: attributes, memberships, and administering memberships.
    pub fn rights(&self, reach: &Reach, room: &Room) -> Result<Vec<Right>, Unread> {
        let mut rights = Vec::new();
        for (oid, via) in &reach.chains {
            let mut add = |word: &str, on: Oid, via: &[String]| {
                rights.push(room.right(Right {
                    word: word.to_owned(),
                    grantable: false,
                    on: Object {
                        kind: Kind::Role,
                        name: self.name(on),
                    },
                    via: via.to_vec(),
                })?);
                Ok::<(), Unread>(())
            };
            for word in self
                .roles
                .get(oid)
                .into_iter()
                .flat_map(|role| &role.attributes)
            {
                add(word, *oid, via)?;
            }
            if let Some((_, before)) = via.split_last() {
                add("MEMBER", *oid, before)?;
            }
            for (parent, admin) in self.parents(*oid) {
                if admin {
                    add("ADMIN OPTION", parent, via)?;
                }
            }
        }
        Ok(rights)
    }
}

impl Reach {
    /// Whether a role is among them.
    pub fn contains(&self, oid: Oid) -> bool {
        self.chains.contains_key(&oid)
    }

    /// All of them, and everybody.
    pub fn holders(&self) -> Vec<Oid> {
        self.chains.keys().copied().chain([PUBLIC]).collect()
    }

    /// Through whom a right of one of them comes.
    pub fn via(&self, holder: Oid) -> Vec<String> {
        if holder == PUBLIC {
            return vec!["PUBLIC".to_owned()];
        }
        self.chains.get(&holder).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cluster(members: &[(Oid, Oid, bool)]) -> Roles {
        let mut roles = Roles::default();
        for oid in 1..=5 {
            roles.add_role(oid, format!("r{oid}"), Vec::new());
        }
        for (member, of, admin) in members {
            roles.add_membership(*member, *of, *admin);
        }
        roles
    }

    fn reach_of_one(roles: &Roles) -> Reach {
        roles.reach(1, &Room::default()).unwrap()
    }

    fn said(roles: &Roles, start: Oid) -> Vec<String> {
        let room = Room::default();
        let reach = roles.reach(start, &room).unwrap();
        let rights = roles.rights(&reach, &room).unwrap();
        rights.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_role_three_hops_away_is_reached_with_the_chain_that_leads_there() {
        let roles = cluster(&[(1, 2, false), (2, 3, false), (3, 4, false)]);
        let reach = reach_of_one(&roles);
        assert_eq!(reach.via(4), ["r2", "r3", "r4"]);
        assert!(!reach.contains(5));
        assert!(said(&roles, 1).contains(&"MEMBER on role r4 through r2, r3".to_owned()));
    }

    #[test]
    fn the_nearest_chain_is_told_and_circles_end() {
        let roles = cluster(&[(1, 2, false), (2, 3, false), (1, 3, false), (3, 1, false)]);
        let reach = reach_of_one(&roles);
        assert_eq!(reach.via(3), ["r3"]);
        assert_eq!(reach.holders(), [1, 2, 3, PUBLIC]);
    }

    #[test]
    fn the_option_to_administer_a_role_is_a_right_wherever_it_is_found() {
        let roles = cluster(&[(1, 2, false), (2, 3, true)]);
        assert!(said(&roles, 1).contains(&"ADMIN OPTION on role r3 through r2".to_owned()));
        assert!(!said(&roles, 3).iter().any(|right| right.contains("ADMIN")));
    }

    #[test]
    fn attributes_of_every_role_that_can_be_switched_to_count() {
        let mut roles = cluster(&[(1, 2, false)]);
        roles.add_role(2, "r2".to_owned(), vec!["SUPERUSER"]);
        assert!(said(&roles, 1).contains(&"SUPERUSER on role r2 through r2".to_owned()));
        assert!(said(&roles, 3).is_empty());
    }

    #[test]
    fn what_everybody_may_do_is_told_to_come_from_public() {
        assert_eq!(reach_of_one(&cluster(&[])).via(PUBLIC), ["PUBLIC"]);
    }

    #[test]
    fn a_chain_of_roles_that_would_fill_the_memory_is_refused() {
        let mut roles = Roles::default();
        for oid in 1..20_000 {
            roles.add_role(oid, format!("r{oid}"), Vec::new());
            roles.add_membership(oid, oid + 1, false);
        }
        let reached = roles.reach(1, &Room::default());
        assert!(matches!(reached, Err(Unread::TooMuch)));
    }

    #[test]
    fn few_roles_with_rights_through_a_long_chain_are_refused_too() {
        let mut roles = Roles::default();
        for oid in 1..1_000 {
            roles.add_role(oid, format!("r{oid}"), Vec::new());
            roles.add_membership(oid, oid + 1, false);
        }
        let room = Room::default();
        let reach = roles.reach(1, &room).unwrap();
        for other in 2_000..10_000 {
            roles.add_membership(999, other, true);
        }
        assert!(matches!(roles.rights(&reach, &room), Err(Unread::TooMuch)));
    }
}
