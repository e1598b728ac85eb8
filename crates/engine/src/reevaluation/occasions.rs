//! On what occasion everything is decided again: what was committed, a moment that came, another bundle, a full hour.

use std::sync::Arc;
use std::time::Duration;

use portcullis_flow::identity::IdentityState;
use portcullis_model::{Event, Timestamp};
use tokio::sync::watch;

use crate::Engine;
use crate::failure::Failure;

/// The most events looked at in one go.
const BATCH: usize = 1024;

/// How often to look whether a moment has come: the grain of an identity's end.
const TICK: Duration = Duration::from_millis(250);

/// What can change a decision by what is known of people and grants. Signing in or using a grant cannot, or
/// anybody could keep the server deciding.
const PEOPLE: [&str; 8] = [
    "grant.ending",
    // Decides nothing itself, but its end has to be known.
    "identity.added",
    "identity.enrolled",
    "identity.key_removed",
    "identity.set",
    "group.added",
    "group.set",
    "group.removed",
];

/// What can change a decision by what is read at targets, beside that.
const THINGS: [&str; 5] = [
    "installation.policy_activated",
    "resource.set",
    "resource.removed",
    "task.renewed",
    "task.removed",
];

/// Counts occasions; whoever has work on them waits for the next.
#[derive(Default)]
pub(crate) struct Occasions {
    all: watch::Sender<u64>,
    things: watch::Sender<u64>,
}

/// What committed events amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Nothing,
    People,
    Things,
}

impl Occasions {
    /// Every occasion.
    pub(super) fn all(&self) -> watch::Receiver<u64> {
        self.all.subscribe()
    }

    /// Those on which targets have to be read again.
    pub(super) fn things(&self) -> watch::Receiver<u64> {
        self.things.subscribe()
    }

    /// What is decided from now on may differ from what was.
    pub(crate) fn everything_changed(&self) {
        self.arise(Weight::Things);
    }

    fn arise(&self, weight: Weight) {
        if weight >= Weight::People {
            self.all.send_modify(|count| *count += 1);
        }
        if weight == Weight::Things {
            self.things.send_modify(|count| *count += 1);
        }
    }
}

impl Engine {
    /// Follows events and time until shut down.
    pub(crate) async fn run_occasions(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut committed = self.journal.store.committed();
        let mut seen = *committed.borrow_and_update();
        let mut next_end = self.next_end(self.journal.now()).await;
        let mut hour = hour_of(self.journal.now());
        while !*shutdown.borrow() {
            tokio::select! {
                _ = committed.changed() => {}
                () = tokio::time::sleep(TICK) => {}
                _ = shutdown.changed() => return,
            }
            let until = *committed.borrow_and_update();
            let changed = self.weight_between(seen, until).await.unwrap_or_else(|failure| {
                tracing::error!(%failure, "what changed could not be read: looking at everything");
                Weight::Things
            });
            seen = until;
            let now = self.journal.now();
            let ended = next_end.is_some_and(|end| now >= end);
            // Policies may name the hour and the weekday.
            let struck = std::mem::replace(&mut hour, hour_of(now)) != hour;
            let weight = if ended || struck {
                changed.max(Weight::People)
            } else {
                changed
            };
            self.occasions.arise(weight);
            if weight > Weight::Nothing {
                next_end = self.next_end(now).await;
            }
        }
    }

    async fn weight_between(&self, from: u64, until: u64) -> Result<Weight, Failure> {
        let mut weight = Weight::Nothing;
        let mut position = from;
        while position < until {
            let events = self.journal.store.events(position, BATCH).await?;
            if events.is_empty() {
                break;
            }
            for stored in &events {
                weight = weight.max(weight_of(&Event::from_leaf(&stored.leaf)?.kind));
                position = stored.position + 1;
            }
        }
        Ok(weight)
    }

    /// When the next identity's life ends after a moment up to which that was looked at. What cannot be read is
    /// looked at with the next tick.
    async fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        match self.journal.find::<IdentityState>(&[]).await {
            Ok(all) => {
                let ends = all
                    .into_iter()
                    .filter_map(|(_, state)| state.identity.ends_at);
                ends.filter(|end| *end > now).min()
            }
            Err(failure) => {
                tracing::error!(%failure, "whose life ends when could not be read");
                Some(now)
            }
        }
    }
}

/// How many full hours a moment lies behind the beginning of time.
const fn hour_of(moment: Timestamp) -> u64 {
    moment.as_secs() / 3600
}

fn weight_of(kind: &str) -> Weight {
    if THINGS.contains(&kind) {
        Weight::Things
    } else if PEOPLE.contains(&kind) {
        Weight::People
    } else {
        Weight::Nothing
    }
}
