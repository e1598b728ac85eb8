//! How many connections may stand before the door without having said who they are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{STRANGERS, STRANGERS_PER_SOURCE};

/// Counts strangers.
#[derive(Debug, Clone, Default)]
pub struct Admission(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A stranger's place; free again when dropped.
#[derive(Debug)]
pub struct Stranger {
    source: IpAddr,
    admission: Admission,
}

impl Admission {
    /// A place, unless there are too many strangers in all or from this source.
    pub fn admit(&self, source: IpAddr) -> Option<Stranger> {
        let source = neighbourhood(source);
        let mut counts = self.counts();
        let all: usize = counts.values().sum();
        let here = counts.get(&source).copied().unwrap_or(0);
        if all >= STRANGERS || here >= STRANGERS_PER_SOURCE {
            return None;
        }
        counts.insert(source, here.saturating_add(1));
        Some(Stranger {
            source,
            admission: self.clone(),
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        if let Some(count) = counts.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

/// Who can change its address within a network for free counts as that network.
fn neighbourhood(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_source_has_few_places_and_gets_them_back() {
        let admission = Admission::default();
        let mut inside: Vec<_> = (0..STRANGERS_PER_SOURCE)
            .map(|_| admission.admit(v4(1)).unwrap())
            .collect();
        assert!(admission.admit(v4(1)).is_none());
        assert!(admission.admit(v4(2)).is_some());
        inside.pop();
        assert!(admission.admit(v4(1)).is_some());
    }

    #[test]
    fn all_sources_together_have_a_limit() {
        let admission = Admission::default();
        let inside: Vec<_> = (0..=255).map_while(|n| admission.admit(v4(n))).collect();
        assert_eq!(inside.len(), STRANGERS);
    }

    #[test]
    fn addresses_of_one_network_are_one_source() {
        let admission = Admission::default();
        let at = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
        let inside: Vec<_> = (0..99).map_while(|n| admission.admit(at(n))).collect();
        assert_eq!(inside.len(), STRANGERS_PER_SOURCE);
    }
}
