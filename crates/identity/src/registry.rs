//! The sign-in methods there are. A new one is its folder, whose `Method` implements
//! [`Authenticator`], and one line in the list below.

use std::sync::Arc;

use portcullis_ports::Authenticator;

/// The list: one line a member, the name of its folder. Handed to whoever makes something of every member: modules,
/// the table below, a trial of each by the family's suite.
#[macro_export]
macro_rules! family {
    ($apply:ident) => {
        $apply! {
            password,
            totp,
            ssh_key,
        }
    };
}

macro_rules! table {
    ($($name:ident,)+) => {
        /// Every sign-in method, in the order to show them.
        pub fn all() -> Vec<Arc<dyn Authenticator>> {
            vec![$(Arc::new(crate::$name::Method)),+]
        }
    };
}

family!(table);

/// A sign-in method by the name in its descriptor.
pub fn by_name(name: &str) -> Option<Arc<dyn Authenticator>> {
    all()
        .into_iter()
        .find(|method| method.descriptor().name == name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_method_is_found_by_its_own_name_and_no_two_share_one() {
        let names: Vec<_> = all()
            .iter()
            .map(|method| method.descriptor().name)
            .collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for name in names {
            assert_eq!(by_name(name).unwrap().descriptor().name, name);
        }
    }

    #[test]
    fn a_name_nobody_has_finds_nothing() {
        assert!(by_name("Password").is_none());
        assert!(by_name("").is_none());
    }
}
