//! Witnesses: others who keep the last checkpoint they saw. A ledger that was rolled back or rewritten is theirs no
//! more, and nothing begins on it; one that grew gets their word, which evidence carries along.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use portcullis_ledger::{GrowthProof, SignedCheckpoint, WitnessKey};
use portcullis_ports::{Witness, Word};
use tokio::sync::watch;

use crate::Engine;
use crate::custody::Custody;
use crate::failure::Failure;
use crate::sequencer::{LogFiles, latest};

/// How long it lets checkpoints gather before it shows the latest.
const GATHER: Duration = Duration::from_secs(1);

/// How long it waits before it asks a witness again that gave no word.
const RETRY: Duration = Duration::from_secs(5);

/// How long the start waits for the first answers: what a witness knows better is to be found before a door opens.
const AT_START: Duration = Duration::from_secs(3);

/// How long evidence waits for a checkpoint that the witnesses have seen.
const FOR_EVIDENCE: Duration = Duration::from_secs(3);

/// The witnesses, and what they said so far.
pub(crate) struct Witnesses {
    each: Vec<Known>,
    /// The last checkpoint with a word of each on it.
    seen: watch::Sender<Option<SignedCheckpoint>>,
    asked: watch::Sender<bool>,
}

/// A witness, and what it is known to have seen.
struct Known {
    witness: Arc<dyn Witness>,
    key: WitnessKey,
    size: AtomicU64,
    /// What was last said of why it gave no word.
    said: Mutex<Option<String>>,
}

/// Why a witness gave no word.
enum NoWord {
    /// It saw another history.
    Contradiction(String),
    /// Anything else: it is asked again.
    Failed(String),
}

impl Witnesses {
    pub(crate) fn of(witnesses: &[Arc<dyn Witness>]) -> Result<Self, Failure> {
        let each = witnesses.iter().map(|witness| {
            Ok(Known {
                key: WitnessKey::parse(witness.key())?,
                witness: Arc::clone(witness),
                size: AtomicU64::new(0),
                said: Mutex::default(),
            })
        });
        Ok(Self {
            each: each.collect::<Result<_, Failure>>()?,
            seen: watch::Sender::new(None),
            asked: watch::Sender::new(witnesses.is_empty()),
        })
    }

    /// Waits for the first answers, for a while: a witness that cannot be reached delays nothing for longer.
    pub(crate) async fn until_asked(&self) {
        let mut asked = self.asked.subscribe();
        drop(tokio::time::timeout(AT_START, asked.wait_for(|asked| *asked)).await);
    }

    /// A checkpoint of more than `position` entries that each witness put its name to, if there is one before long.
    pub(crate) async fn seen_beyond(&self, position: u64) -> Option<SignedCheckpoint> {
        if self.each.is_empty() || self.each.iter().any(Known::is_silent) {
            return None;
        }
        let mut seen = self.seen.subscribe();
        let beyond = seen.wait_for(|seen| {
            let size = seen.as_ref().map(|seen| seen.checkpoint().size());
            size.is_some_and(|size| size > position)
        });
        let found = tokio::time::timeout(FOR_EVIDENCE, beyond).await;
        found.ok()?.ok()?.clone()
    }

    /// Shows a checkpoint to all of them. False unless each put its name to it.
    async fn show(&self, files: &LogFiles, signed: &SignedCheckpoint, custody: &Custody) -> bool {
        let asked = self.each.iter().map(|known| known.ask(files, signed));
        let mut with_words = Some(signed.clone());
        for (known, answer) in self.each.iter().zip(join_all(asked).await) {
            let lines = known.noted(answer, custody);
            let with = with_words.zip(lines);
            with_words = with.and_then(|(with, lines)| with.with_word(&lines, &known.key).ok());
        }
        let complete = with_words.is_some();
        if complete {
            self.seen.send_replace(with_words);
        }
        self.asked.send_replace(true);
        complete
    }
}

impl Known {
    /// Its word for a checkpoint. What it has seen is not known at first: it says so, and is shown the way from there.
    async fn ask(&self, files: &LogFiles, signed: &SignedCheckpoint) -> Result<Vec<u8>, NoWord> {
        let shown_from = self.size.load(Ordering::Relaxed);
        let mut word = self.show(files, signed).await?;
        if let Word::Knows(seen) = word
            && seen != shown_from
            && seen <= signed.checkpoint().size()
        {
            self.size.store(seen, Ordering::Relaxed);
            word = self.show(files, signed).await?;
        }
        self.judged(word, signed)
    }

    async fn show(&self, files: &LogFiles, signed: &SignedCheckpoint) -> Result<Word, NoWord> {
        let failed = |error: &dyn std::error::Error| NoWord::Failed(error.to_string());
        let size = self.size.load(Ordering::Relaxed);
        let (files, signed) = (LogFiles(Arc::clone(&files.0)), signed.clone());
        let gathered =
            tokio::task::spawn_blocking(move || GrowthProof::gather(&files, size, &signed));
        let growth = gathered.await.map_err(|error| failed(&error))?;
        let growth = growth.map_err(|error| failed(&error))?;
        let word = self.witness.show(growth.to_string()).await;
        word.map_err(|error| failed(&error))
    }

    fn judged(&self, word: Word, signed: &SignedCheckpoint) -> Result<Vec<u8>, NoWord> {
        let (name, size) = (self.key.name(), signed.checkpoint().size());
        match word {
            Word::Cosigned(lines) => {
                let with = signed.with_word(&lines, &self.key);
                with.map_err(|error| {
                    NoWord::Failed(format!("the word of witness {name}: {error}"))
                })?;
                self.size.store(size, Ordering::Relaxed);
                Ok(lines)
            }
            Word::Knows(seen) if seen > size => Err(NoWord::Contradiction(format!(
                "witness {name} saw the ledger with {seen} entries, and it has {size}: it was rolled back, or restored without whoever runs the witness being told"
            ))),
            Word::Knows(_) | Word::Contradicted => Err(NoWord::Contradiction(format!(
                "the ledger of {size} entries does not continue the one that witness {name} saw: it was rewritten"
            ))),
            Word::Refused(why) => Err(NoWord::Failed(format!("witness {name} refused: {why}"))),
        }
    }

    /// Its word, if it gave one. What it said instead is told once.
    fn noted(&self, answer: Result<Vec<u8>, NoWord>, custody: &Custody) -> Option<Vec<u8>> {
        let (lines, why) = match answer {
            Ok(lines) => (Some(lines), None),
            Err(NoWord::Failed(why)) => (None, Some(why)),
            Err(NoWord::Contradiction(why)) => {
                custody.distrust(&why);
                (None, Some(why))
            }
        };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &why
            && said.as_ref() != Some(why)
        {
            tracing::warn!(%why, "a witness does not vouch for the ledger");
        }
        *said = why;
        lines
    }

    /// Whether it gave no word when it was last asked: nobody waits for it.
    fn is_silent(&self) -> bool {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.is_some()
    }
}

impl Engine {
    /// Shows the ledger to its witnesses whenever it grew, until shut down.
    pub(crate) async fn run_witnesses(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut integrated = self.integrated.clone();
        while !*shutdown.borrow() {
            integrated.borrow_and_update();
            let seen = self.show_to_witnesses().await;
            let wait = async {
                if seen {
                    // An error means that the sequencer is gone: then it is the shutdown that is awaited.
                    if integrated.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(GATHER).await;
                } else {
                    tokio::time::sleep(RETRY).await;
                }
            };
            tokio::select! {
                () = wait => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    async fn show_to_witnesses(&self) -> bool {
        if self.witnesses.each.is_empty() {
            return true;
        }
        let (tiles, key) = (
            Arc::clone(&self.ports.tiles),
            self.own.ledger.verifier().clone(),
        );
        let read = tokio::task::spawn_blocking(move || latest(tiles.as_ref(), &key)).await;
        match read {
            Ok(Ok(Some(signed))) => {
                let files = LogFiles(Arc::clone(&self.ports.tiles));
                let custody = &self.journal.custody;
                self.witnesses.show(&files, &signed, custody).await
            }
            // Nothing is in the ledger yet.
            Ok(Ok(None)) => true,
            Ok(Err(failure)) => {
                tracing::warn!(%failure, "the ledger cannot be shown to its witnesses");
                false
            }
            Err(_stopping) => false,
        }
    }
}
