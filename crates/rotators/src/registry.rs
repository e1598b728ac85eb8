//! The rotators there are. A new one is its folder, whose `Way` implements [`Rotator`], and one line in the
//! list below.

use std::sync::Arc;

use portcullis_ports::Rotator;

/// The list: one line a member, the name of its folder. Handed to whoever makes something of every member: modules,
/// the table below, a trial of each by the family's suite.
#[macro_export]
macro_rules! family {
    ($apply:ident) => {
        $apply! {
            linux,
            ssh_key,
        }
    };
}

macro_rules! table {
    ($($name:ident,)+) => {
        /// Every rotator.
        pub fn all() -> Vec<Arc<dyn Rotator>> {
            vec![$(Arc::new(crate::$name::Way)),+]
        }
    };
}

family!(table);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_is_one_rotator_for_a_kind_of_secret_at_a_kind_of_resource() {
        let all = all();
        let kinds: BTreeSet<_> = all
            .iter()
            .map(|rotator| rotator.descriptor())
            .map(|known| (known.resource_kind, known.secret_kind))
            .collect();
        let names: BTreeSet<_> = all
            .iter()
            .map(|rotator| rotator.descriptor().name)
            .collect();
        assert_eq!((kinds.len(), names.len()), (all.len(), all.len()));
    }
}
