//! One witness: it is shown the way from what it saw last, and what it answers is judged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_ledger::{GrowthProof, NoteVerifier, SignedCheckpoint, WitnessKey};
use portcullis_model::Timestamp;
use portcullis_ports::{Tiles, Witness, Word};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::sequencer::{LogFiles, latest};

/// How often a witness is shown the ledger in one go: it may have seen more meanwhile, or be asked by somebody else.
const ATTEMPTS: usize = 4;

/// How long the sequencer gets to take up what is committed, before a contradiction is believed.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// How far the time of a word may be away from ours: an old one may be shown to us again by whoever is in between.
const MOST_APART: Duration = Duration::from_mins(10);

/// A witness, and what it is known to have seen.
pub(super) struct Known {
    witness: Arc<dyn Witness>,
    pub(super) key: WitnessKey,
    size: AtomicU64,
    asked: watch::Sender<bool>,
    /// What was last said of why it gave no word.
    said: Mutex<Option<String>>,
}

/// The ledger, as it is shown.
pub(super) struct Ledger {
    pub(super) tiles: Arc<dyn Tiles>,
    pub(super) key: NoteVerifier,
}

/// A word, and the checkpoint it was given for.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) signed: SignedCheckpoint,
    pub(super) lines: Vec<u8>,
}

/// Why a witness gave no word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoWord {
    /// It saw another history, and said so twice.
    Contradiction(String),
    /// Anything else: it is asked again.
    Failed(String),
}

impl Ledger {
    async fn latest(&self) -> Result<Option<SignedCheckpoint>, NoWord> {
        let (tiles, key) = (Arc::clone(&self.tiles), self.key.clone());
        read(move || latest(tiles.as_ref(), &key)).await
    }

    /// How a checkpoint grew from the log's first entries.
    async fn growth(&self, from: u64, signed: &SignedCheckpoint) -> Result<String, NoWord> {
        let (files, signed) = (LogFiles(Arc::clone(&self.tiles)), signed.clone());
        let gather = move || {
            let growth = GrowthProof::gather(&files, from, &signed);
            growth.map_err(|error| Failure::Damaged(error.to_string()))
        };
        Ok(read(gather).await?.to_string())
    }
}

/// Reads files, which may take their time.
async fn read<T: Send + 'static>(
    reading: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, NoWord> {
    let done = tokio::task::spawn_blocking(reading).await;
    let done = done.map_err(|stopping| NoWord::Failed(stopping.to_string()))?;
    done.map_err(|failure| NoWord::Failed(failure.to_string()))
}

impl Known {
    pub(super) fn of(witness: &Arc<dyn Witness>) -> Result<Self, Failure> {
        Ok(Self {
            key: WitnessKey::parse(witness.key())?,
            witness: Arc::clone(witness),
            size: AtomicU64::new(0),
            asked: watch::Sender::new(false),
            said: Mutex::default(),
        })
    }

    /// Waits until it answered, or could not be reached, for the first time.
    pub(super) async fn until_asked(&self) {
        drop(self.asked.subscribe().wait_for(|asked| *asked).await);
    }

    /// Its word for the latest checkpoint, if there is one. What it has seen is not known at first: it says so, and is
    /// shown the way from there. What contradicts the ledger is believed the second time, when the ledger was read anew.
    pub(super) async fn ask(
        &self,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Option<Given>, NoWord> {
        let (mut contradicted, mut claimed) = (false, None);
        for _ in 0..ATTEMPTS {
            let Some(signed) = ledger.latest().await? else {
                return Ok(None);
            };
            let size = signed.checkpoint().size();
            // The ledger has grown to what the witness saw: it was no contradiction.
            if claimed.take_if(|seen| *seen <= size).is_some() {
                contradicted = false;
            }
            let from = self.size.load(Ordering::Relaxed).min(size);
            let shown = self.witness.show(ledger.growth(from, &signed).await?).await;
            let why = match shown.map_err(|error| NoWord::Failed(error.to_string()))? {
                Word::Cosigned(lines) => return self.accepted(signed, lines, now).map(Some),
                Word::Knows(seen) if seen != from && seen <= size => {
                    self.size.store(seen, Ordering::Relaxed);
                    continue;
                }
                Word::Knows(seen) if seen > size => {
                    claimed = Some(seen);
                    self.rolled_back(seen, size)
                }
                Word::Knows(_) if from < size => {
                    return Err(self.refused("it asks for what it was shown"));
                }
                Word::Knows(_) | Word::Contradicted => self.rewritten(size),
                Word::Refused(why) => return Err(self.refused(&why)),
            };
            if contradicted {
                return Err(NoWord::Contradiction(why));
            }
            contradicted = true;
            tokio::time::sleep(SECOND_LOOK).await;
        }
        Err(self.refused("it answers something else each time"))
    }

    fn accepted(
        &self,
        signed: SignedCheckpoint,
        lines: Vec<u8>,
        now: Timestamp,
    ) -> Result<Given, NoWord> {
        let with = signed.with_word(&lines, &self.key);
        let words = with.and_then(|with| with.cosignatures(std::slice::from_ref(&self.key)));
        let words = words.map_err(|error| self.refused(&error.to_string()))?;
        let apart = words.first().map(|word| word.time.abs_diff(now.as_secs()));
        if apart.is_none_or(|apart| apart > MOST_APART.as_secs()) {
            return Err(
                self.refused("its word is of another time: see whether both clocks are right")
            );
        }
        let size = signed.checkpoint().size();
        self.size.store(size, Ordering::Relaxed);
        Ok(Given { signed, lines })
    }

    fn rolled_back(&self, seen: u64, size: u64) -> String {
        format!(
            "witness {} saw the ledger with {seen} entries, and it has {size}: it was rolled back, or restored without whoever runs the witness being told",
            self.key.name()
        )
    }

    fn rewritten(&self, size: u64) -> String {
        format!(
            "the ledger of {size} entries does not continue the one that witness {} saw: it was rewritten, or is served elsewhere too",
            self.key.name()
        )
    }

    fn refused(&self, why: &str) -> NoWord {
        NoWord::Failed(format!("witness {} gave no word: {why}", self.key.name()))
    }

    /// Tells once why it gave no word.
    pub(super) fn noted(&self, why: Option<&NoWord>) {
        let why = why.map(|why| match why {
            NoWord::Contradiction(why) | NoWord::Failed(why) => why.clone(),
        });
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &why
            && said.as_ref() != Some(why)
        {
            tracing::warn!(%why, "a witness does not vouch for the ledger");
        }
        *said = why;
        drop(said);
        self.asked.send_replace(true);
    }

    /// Whether it gave no word when it was last asked: nobody waits for it.
    pub(super) fn is_silent(&self) -> bool {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.is_some()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use async_trait::async_trait;
    use portcullis_ledger::{Checkpoint, Cosigner, NoteSigner, Tree};
    use portcullis_ports::{TileError, WitnessError};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[derive(Default)]
    struct Log(Mutex<(Tree, BTreeMap<String, Vec<u8>>)>);

    fn signer() -> NoteSigner {
        NoteSigner::from_seed("log.example", &[7; 32]).unwrap()
    }

    impl Log {
        fn grow(&self, leaves: u64) {
            let mut log = self.0.lock().unwrap();
            let size = log.0.size();
            let leaves: Vec<_> = (size..size + leaves).map(|leaf| leaf.to_string()).collect();
            let growth = log.0.append(&leaves).unwrap();
            log.1.extend(
                growth
                    .writes
                    .into_iter()
                    .map(|write| (write.path, write.bytes)),
            );
            log.0 = growth.tree;
        }

        fn signed(&self) -> SignedCheckpoint {
            let log = self.0.lock().unwrap();
            let checkpoint = Checkpoint::new("log.example", log.0.size(), log.0.root());
            checkpoint.sign(&signer()).unwrap()
        }
    }

    impl Tiles for Log {
        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, TileError> {
            Ok(self.0.lock().unwrap().1.get(path).cloned())
        }
        fn write(&self, _: &[(String, Vec<u8>)]) -> Result<(), TileError> {
            Ok(())
        }
        fn publish(&self, _: &[u8]) -> Result<(), TileError> {
            Ok(())
        }
        fn checkpoint(&self) -> Result<Option<Vec<u8>>, TileError> {
            Ok(Some(self.signed().note().to_string().into_bytes()))
        }
    }

    /// Answers what it was told to, and remembers what it was asked; with no answer left, it signs what there is.
    struct Scripted {
        log: Arc<Log>,
        key: String,
        time: u64,
        answers: Mutex<VecDeque<Word>>,
        asked: Mutex<Vec<String>>,
    }

    fn cosigner() -> Cosigner {
        Cosigner::from_seed("witness.example", &[9; 32]).unwrap()
    }

    #[async_trait]
    impl Witness for Scripted {
        fn key(&self) -> &str {
            &self.key
        }
        async fn show(&self, growth: String) -> Result<Word, WitnessError> {
            self.asked.lock().unwrap().push(growth);
            let answer = self.answers.lock().unwrap().pop_front();
            let signed = || cosigner().cosign(&self.log.signed(), self.time);
            Ok(answer.unwrap_or_else(|| Word::Cosigned(signed().into_bytes())))
        }
    }

    /// What comes of asking a witness with these answers about a log of ten; what it was shown, by the first line each time.
    async fn asked(answers: Vec<Word>, time: u64) -> (Result<Option<Given>, NoWord>, Vec<String>) {
        let log = Arc::new(Log::default());
        log.grow(10);
        let scripted = Arc::new(Scripted {
            log: Arc::clone(&log),
            key: cosigner().key().to_string(),
            time,
            answers: Mutex::new(answers.into()),
            asked: Mutex::default(),
        });
        let witness: Arc<dyn Witness> = scripted.clone();
        let ledger = Ledger {
            tiles: log,
            key: signer().verifier().clone(),
        };
        let known = Known::of(&witness).unwrap();
        let now = Timestamp::from_millis(NOW * 1000);
        let answer = known.ask(&ledger, now).await;
        let shown = scripted.asked.lock().unwrap();
        let first = |growth: &String| growth.lines().next().unwrap().to_owned();
        (answer, shown.iter().map(first).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn a_witness_is_shown_the_way_from_what_it_saw_however_often_it_says_something_else() {
        let (given, shown) = asked(vec![Word::Knows(4), Word::Knows(7)], NOW).await;
        assert_eq!(given.unwrap().unwrap().signed.checkpoint().size(), 10);
        assert_eq!(shown, ["old 0", "old 4", "old 7"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_contradiction_is_believed_the_second_time() {
        for once in [Word::Knows(11), Word::Contradicted] {
            let (given, _) = asked(vec![once.clone()], NOW).await;
            assert!(given.unwrap().is_some(), "{once:?}");
            let (given, _) = asked(vec![once.clone(), once.clone()], NOW).await;
            let refused = given.unwrap_err();
            assert!(matches!(refused, NoWord::Contradiction(_)), "{refused:?}");
        }
        // The same size with another root.
        let (given, _) = asked(vec![Word::Knows(10), Word::Knows(10), Word::Knows(10)], NOW).await;
        let refused = given.unwrap_err();
        assert!(matches!(refused, NoWord::Contradiction(_)), "{refused:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_makes_no_sense_contradicts_nothing() {
        let sizes = [4, 5, 6, 7].map(Word::Knows).to_vec();
        let once_first = vec![
            Word::Contradicted,
            Word::Knows(4),
            Word::Knows(5),
            Word::Knows(6),
        ];
        let once_last = vec![
            Word::Knows(4),
            Word::Knows(5),
            Word::Knows(6),
            Word::Contradicted,
        ];
        for answers in [
            once_first,
            once_last,
            vec![Word::Refused("404".to_owned())],
            vec![Word::Knows(0)],
            sizes,
        ] {
            let (given, _) = asked(answers.clone(), NOW).await;
            let refused = given.unwrap_err();
            assert!(
                matches!(refused, NoWord::Failed(_)),
                "{answers:?}: {refused:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_of_another_day_or_somebody_else_is_none() {
        for time in [NOW - 3600, NOW + 3600] {
            let (given, _) = asked(Vec::new(), time).await;
            assert!(matches!(given.unwrap_err(), NoWord::Failed(_)), "{time}");
        }
        let other = Cosigner::from_seed("witness.example", &[8; 32]).unwrap();
        let log = Log::default();
        log.grow(10);
        let line = other.cosign(&log.signed(), NOW);
        let (given, _) = asked(vec![Word::Cosigned(line.into_bytes())], NOW).await;
        assert!(matches!(given.unwrap_err(), NoWord::Failed(_)));
    }
}
