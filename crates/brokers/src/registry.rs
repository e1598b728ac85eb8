//! The brokers there are. A new one is its folder, whose `Door` implements [`Broker`], and one line in
//! the list below.

use std::sync::Arc;

use portcullis_ports::Broker;

/// The list: one line a member, the name of its folder. Handed to whoever makes something of every member: modules,
/// the table below, a trial of each by the family's suite.
#[macro_export]
macro_rules! family {
    ($apply:ident) => {
        $apply! {
            ssh,
        }
    };
}

macro_rules! table {
    ($($name:ident,)+) => {
        /// Every broker, in the order to show them.
        pub fn all() -> Vec<Arc<dyn Broker>> {
            vec![$(Arc::new(crate::$name::Door)),+]
        }
    };
}

family!(table);

/// A broker by the name in its descriptor.
pub fn by_name(name: &str) -> Option<Arc<dyn Broker>> {
    all()
        .into_iter()
        .find(|broker| broker.descriptor().name == name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_broker_is_found_by_its_own_name_and_nothing_by_another() {
        for broker in all() {
            let name = broker.descriptor().name;
            assert_eq!(by_name(name).unwrap().descriptor().name, name);
        }
        assert!(by_name("SSH").is_none() && by_name("").is_none());
    }
}
