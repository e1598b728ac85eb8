//! The connectors there are. A new one is its folder, whose `System` implements [`Connector`] and `Default`, and one
//! line in the list below.

use std::sync::Arc;

use portcullis_ports::Connector;

/// The list: one line a member, the name of its folder. Handed to whoever makes something of every member: modules,
/// the table below, a trial of each by the family's suite.
#[macro_export]
macro_rules! family {
    ($apply:ident) => {
        $apply! {
            postgres,
        }
    };
}

macro_rules! table {
    ($($name:ident,)+) => {
        /// Every connector, in the order to show them.
        pub fn all() -> Vec<Arc<dyn Connector>> {
            vec![$(Arc::new(crate::$name::System::default())),+]
        }
    };
}

family!(table);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_connectors_share_a_name_and_each_offers_an_action_that_is_not_brokered() {
        let descriptors: Vec<_> = all()
            .iter()
            .map(|connector| connector.descriptor())
            .collect();
        let names: BTreeSet<_> = descriptors.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), descriptors.len());
        for kind in descriptors {
            assert!(
                kind.actions.iter().any(|action| !action.brokered),
                "{}",
                kind.name
            );
        }
    }
}
