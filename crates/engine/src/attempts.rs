//! Attempts to sign in: each counts as a failure from the moment it begins, waits its turn, and is answered
//! ever more slowly.
//!
//! Counting at the beginning is what makes attempts in parallel worth no more than attempts in a row: each
//! gets a turn after the one before, and beyond a bound of waiting none at all. Three lines are kept:
//!
//! - **one caller**: a name from one place, or a key's address. From half a second, doubling, to 30 s.
//! - **one name** from anywhere, for guessers who come from many places. The first failures are free, then
//!   up to 10 s an attempt. Where somebody signed in of late they do not stand in this line, so that no
//!   stranger keeps them out of it; from a new place they compete with the guesser for turns while the
//!   guessing lasts and no longer. The server forgets such places when it restarts.
//! - **one-time codes of one identity**, wherever they are given: only who proved a first factor comes here, so
//!   that a stranger cannot fill it. To 30 s.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_model::Digest;

/// The delay after the first failure that counts; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(500);

/// The longest anybody waits for a turn; who would have to wait longer is refused at once.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Failures older than this are forgotten.
const REMEMBERED: Duration = Duration::from_mins(15);

/// How long a place counts as one's own after a sign-in.
const OWN_PLACE: Duration = Duration::from_hours(30 * 24);

/// The most entries remembered of each sort; beyond it the oldest are forgotten.
const MOST: usize = 10_000;

/// Everything that is remembered of attempts.
pub(crate) struct Attempts {
    /// By name and place.
    pub(crate) callers: Line,
    /// By name alone.
    pub(crate) names: Line,
    /// By identity.
    pub(crate) codes: Line,
    places: Mutex<HashMap<Digest, Duration>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            callers: Line::new(0, Duration::from_secs(30)),
            names: Line::new(10, Duration::from_secs(10)),
            codes: Line::new(0, Duration::from_secs(30)),
            places: Mutex::default(),
        }
    }
}

impl Attempts {
    /// A sign-in begins: its turn, or how long until another may be tried.
    pub(crate) fn begin_sign_in(
        &self,
        name: &str,
        source: &str,
        now: Duration,
    ) -> Result<Turn, TooMany> {
        let caller = caller(name, source);
        if self.is_own_place(&caller, now) {
            return self.callers.begin(&caller, now);
        }
        // Neither line counts an attempt that the other one refuses.
        self.callers.check(&caller, now)?;
        let among_all = self.names.begin(name, now)?;
        let turn = self.callers.begin(&caller, now)?;
        Ok(Turn {
            wait: turn.wait.max(among_all.wait),
            ..turn
        })
    }

    /// A sign-in succeeded: its caller begins anew, and the place is one's own. Of the name's failures only
    /// this attempt is forgiven, or each sign-in would give a guesser free attempts.
    pub(crate) fn signed_in(&self, name: &str, source: &str, now: Duration) {
        let caller = caller(name, source);
        self.callers.succeeded(&caller);
        if !self.is_own_place(&caller, now) {
            self.names.forgive_one(name);
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, at| now.saturating_sub(*at) < OWN_PLACE);
        make_room(&mut places, |at| *at);
        places.insert(key(&caller), now);
    }

    fn is_own_place(&self, caller: &str, now: Duration) -> bool {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places
            .get(&key(caller))
            .is_some_and(|at| now.saturating_sub(*at) < OWN_PLACE)
    }
}

/// A place may hold any character, a name neither a space nor a line end.
fn caller(name: &str, source: &str) -> String {
    format!("{name}\n{source}")
}

/// What is remembered of who it is: a stranger's words may be long.
fn key(who: &str) -> Digest {
    Digest::of_bytes(who.as_bytes())
}

/// When an attempt is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// How long it waits for its turn.
    pub(crate) wait: Duration,
    /// How long after now the next one is looked at.
    pub(crate) next: Duration,
}

/// Too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts: try again in {} s", .0.as_secs().max(1))]
pub(crate) struct TooMany(pub(crate) Duration);

/// Those who wait, each under a key.
pub(crate) struct Line {
    /// How many failures cost nothing.
    free: u32,
    /// The longest time between two turns.
    longest: Duration,
    known: Mutex<HashMap<Digest, Known>>,
}

/// What is known under one key. Times are of the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Attempts that failed or are not decided yet.
    failures: u32,
    /// When the next turn is.
    next: Duration,
}

impl Known {
    fn wait(&self, now: Duration) -> Result<Duration, TooMany> {
        let wait = self.next.saturating_sub(now);
        match wait.checked_sub(LONGEST_WAIT) {
            Some(over) if !over.is_zero() => Err(TooMany(over)),
            _ => Ok(wait),
        }
    }
}

impl Line {
    fn new(free: u32, longest: Duration) -> Self {
        Self {
            free,
            longest,
            known: Mutex::default(),
        }
    }

    /// An attempt begins: it counts as failed until it succeeds. One that is refused here is not counted,
    /// so that trying does not put the next turn off for ever.
    pub(crate) fn begin(&self, who: &str, now: Duration) -> Result<Turn, TooMany> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| now.saturating_sub(known.next) < REMEMBERED);
        let who = key(who);
        let mut known = all.get(&who).copied().unwrap_or_default();
        let wait = known.wait(now)?;
        let turn = now.saturating_add(wait);
        known.failures = known.failures.saturating_add(1);
        known.next = turn.saturating_add(self.after(known.failures));
        if !all.contains_key(&who) {
            make_room(&mut all, |known| known.next);
        }
        all.insert(who, known);
        Ok(Turn {
            wait,
            next: known.next.saturating_sub(now),
        })
    }

    /// Whether an attempt would get a turn.
    fn check(&self, who: &str, now: Duration) -> Result<(), TooMany> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&key(who)).copied().unwrap_or_default();
        known.wait(now).map(drop)
    }

    /// The attempt succeeded: everything under its key is forgotten.
    pub(crate) fn succeeded(&self, who: &str) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(who));
    }

    /// The attempt was no failure, which says nothing of the others.
    fn forgive_one(&self, who: &str) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(&key(who)) {
            known.failures = known.failures.saturating_sub(1);
        }
    }

    /// The time between a turn and the next, after so many failures.
    fn after(&self, failures: u32) -> Duration {
        match failures.saturating_sub(self.free).checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST
                .saturating_mul(1 << doublings.min(10))
                .min(self.longest),
        }
    }
}

/// Forgets the oldest when there are too many.
fn make_room<K: Copy + Eq + Hash, T>(all: &mut HashMap<K, T>, age: impl Fn(&T) -> Duration) {
    if all.len() < MOST {
        return;
    }
    let oldest = all.iter().min_by_key(|(_, known)| age(known));
    if let Some(oldest) = oldest.map(|(who, _)| *who) {
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn waits(turns: &[Result<Turn, TooMany>]) -> Vec<Option<u128>> {
        let wait = |turn: &Result<Turn, TooMany>| turn.ok().map(|turn| turn.wait.as_millis());
        turns.iter().map(wait).collect()
    }

    #[test]
    fn attempts_at_one_moment_take_turns_as_if_they_came_in_a_row() {
        let line = Line::new(0, Duration::from_secs(30));
        let parallel: Vec<_> = (0..8).map(|_| line.begin("olaf", NOW)).collect();
        assert_eq!(
            waits(&parallel),
            [
                Some(0),
                Some(500),
                Some(1500),
                Some(3500),
                Some(7500),
                Some(15500),
                None,
                None
            ]
        );
        assert_eq!(
            line.begin("pia", NOW).map(|turn| turn.wait),
            Ok(Duration::ZERO)
        );
    }

    #[test]
    fn attempts_in_a_row_wait_ever_longer_up_to_a_bound_until_one_succeeds() {
        let line = Line::new(0, Duration::from_secs(30));
        let mut now = NOW;
        let mut waited = Vec::new();
        for _ in 0..12 {
            let turn = line
                .begin("olaf", now)
                .map_or(Duration::MAX, |turn| turn.wait);
            waited.push(turn);
            now = now.saturating_add(turn);
        }
        assert!(
            waited.is_sorted() && waited.last() == Some(&Duration::from_secs(30)),
            "{waited:?}"
        );
        line.succeeded("olaf");
        assert_eq!(
            line.begin("olaf", now).map(|turn| turn.wait),
            Ok(Duration::ZERO)
        );
    }

    #[test]
    fn who_is_refused_is_let_in_once_the_time_told_is_over() {
        let line = Line::new(0, Duration::from_secs(30));
        let begun: Vec<_> = (0..1000).map(|_| line.begin("olaf", NOW)).collect();
        let retry = begun.iter().find_map(|turn| turn.err());
        let retry = retry.map_or(Duration::ZERO, |TooMany(retry)| retry);
        assert!(!retry.is_zero(), "a thousand are too many");
        assert!(line.begin("olaf", NOW.saturating_add(retry)).is_ok());
    }

    #[test]
    fn old_failures_are_forgotten_and_memory_is_bounded() {
        let line = Line::new(0, Duration::from_secs(30));
        (0..6).for_each(|_| {
            let _ = line.begin("olaf", NOW);
        });
        let later = NOW
            .saturating_add(REMEMBERED)
            .saturating_add(Duration::from_mins(1));
        let turn = line.begin("olaf", later);
        assert_eq!(turn.map(|turn| turn.wait), Ok(Duration::ZERO));
        (0..MOST + 5).for_each(|guess| {
            let _ = line.begin(&guess.to_string(), later);
        });
        let known = line.known.lock().map_or(0, |known| known.len());
        assert_eq!(known, MOST);
    }

    #[test]
    fn a_guesser_from_many_places_stands_in_one_line() {
        let attempts = Attempts::default();
        let tried: Vec<_> = (0..100)
            .map(|place| attempts.begin_sign_in("olaf", &format!("192.0.2.{place}"), NOW))
            .collect();
        let judged = tried.iter().filter(|turn| turn.is_ok()).count();
        assert!((11..20).contains(&judged), "{judged}");
        let other = attempts.begin_sign_in("pia", "192.0.2.1", NOW);
        assert_eq!(other.map(|turn| turn.wait), Ok(Duration::ZERO));
    }

    #[test]
    fn no_stranger_keeps_somebody_out_of_where_they_signed_in_before() {
        let attempts = Attempts::default();
        assert!(attempts.begin_sign_in("olaf", "home", NOW).is_ok());
        attempts.signed_in("olaf", "home", NOW);
        for place in 0..1000 {
            let _ = attempts.begin_sign_in("olaf", &place.to_string(), NOW);
        }
        let home = attempts.begin_sign_in("olaf", "home", NOW);
        assert_eq!(home.map(|turn| turn.wait), Ok(Duration::ZERO));
        assert!(attempts.begin_sign_in("olaf", "elsewhere", NOW).is_err());
        // At home, too, guesses are slowed.
        let again = attempts.begin_sign_in("olaf", "home", NOW);
        assert_eq!(again.map(|turn| turn.wait), Ok(FIRST));
    }

    #[test]
    fn a_sign_in_does_not_give_a_guesser_elsewhere_new_attempts() {
        let attempts = Attempts::default();
        let guess = |place: u32| attempts.begin_sign_in("olaf", &place.to_string(), NOW);
        (0..100).for_each(|place| {
            let _ = guess(place);
        });
        assert!(guess(100).is_err());
        attempts.signed_in("olaf", "home", NOW);
        assert!(guess(101).is_err());
    }
}
