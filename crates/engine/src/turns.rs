//! Turns: of those who do the same, so many at a time. Where it is one, each sees what the one before has done.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Turns at things that have names. What nobody waits for is not remembered.
pub(crate) struct Turns<K> {
    at_once: usize,
    places: Mutex<HashMap<K, Weak<Semaphore>>>,
}

/// A turn. It lasts until this is dropped.
pub(crate) struct Turn {
    _place: Result<OwnedSemaphorePermit, AcquireError>,
    /// Remembered as long as somebody has a turn.
    _places: Arc<Semaphore>,
}

/// One at a time.
impl<K: Eq + Hash> Default for Turns<K> {
    fn default() -> Self {
        Self::of(1)
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Turns of so many at a time.
    pub(crate) fn of(at_once: usize) -> Self {
        Self {
            at_once,
            places: Mutex::default(),
        }
    }

    /// Waits for a turn; of those who wait, the first comes first.
    pub(crate) async fn take(&self, at: K) -> Turn {
        let places = self.places(at);
        Turn {
            // Nobody ever closes it.
            _place: Arc::clone(&places).acquire_owned().await,
            _places: places,
        }
    }

    fn places(&self, at: K) -> Arc<Semaphore> {
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, places| places.strong_count() > 0);
        let places = known.get(&at).and_then(Weak::upgrade);
        places.unwrap_or_else(|| {
            let fresh = Arc::new(Semaphore::new(self.at_once));
            known.insert(at, Arc::downgrade(&fresh));
            fresh
        })
    }
}
