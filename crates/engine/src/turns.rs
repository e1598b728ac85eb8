//! Turns: of those who change the same thing, one at a time, each seeing what the one before has done.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Turns at things that have names. What nobody waits for is not remembered.
pub(crate) struct Turns<K>(Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Waits for a turn, which lasts as long as what is returned.
    pub(crate) async fn take(&self, at: K) -> OwnedMutexGuard<()> {
        self.of(at).lock_owned().await
    }

    fn of(&self, at: K) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let known = turns.get(&at).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let fresh = Arc::default();
            turns.insert(at, Arc::downgrade(&fresh));
            fresh
        })
    }
}
