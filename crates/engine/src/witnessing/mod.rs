//! Witnesses: others who keep the last checkpoint they saw. A ledger that was rolled back or rewritten is theirs no
//! more, and nothing begins on it; one that grew gets their word, which evidence carries along.

mod asking;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use portcullis_ledger::SignedCheckpoint;
use portcullis_ports::Witness;
use tokio::sync::watch;

use crate::Engine;
use crate::failure::Failure;
use asking::{Given, Known, Ledger, NoWord};

/// How long it lets checkpoints gather before it shows the latest.
const GATHER: Duration = Duration::from_secs(1);

/// How long it waits before it asks a witness again that gave no word.
const RETRY: Duration = Duration::from_secs(5);

/// How long the start waits for the first answers: what a witness knows better is to be found before anything begins.
const AT_START: Duration = Duration::from_secs(3);

/// How long evidence waits for a checkpoint that a witness has seen.
const FOR_EVIDENCE: Duration = Duration::from_secs(3);

/// The witnesses, and what they said so far.
pub(crate) struct Witnesses {
    each: Vec<Known>,
    /// The latest checkpoint that has somebody's word on it.
    seen: watch::Sender<Option<SignedCheckpoint>>,
}

impl Witnesses {
    pub(crate) fn of(witnesses: &[Arc<dyn Witness>]) -> Result<Self, Failure> {
        let each = witnesses.iter().map(Known::of);
        Ok(Self {
            each: each.collect::<Result<_, _>>()?,
            seen: watch::Sender::new(None),
        })
    }

    /// Waits for the first answers, for a while: a witness that cannot be reached delays nothing for longer.
    pub(crate) async fn until_asked(&self) {
        let asked = join_all(self.each.iter().map(Known::until_asked));
        drop(tokio::time::timeout(AT_START, asked).await);
    }

    /// A checkpoint of more than `position` entries with the words of those who saw it, if there is one before long.
    pub(crate) async fn seen_beyond(&self, position: u64) -> Option<SignedCheckpoint> {
        let is_beyond = |seen: &Option<SignedCheckpoint>| {
            let size = seen.as_ref().map(|seen| seen.checkpoint().size());
            size.is_some_and(|size| size > position)
        };
        let mut seen = self.seen.subscribe();
        let so_far = seen.borrow_and_update().clone();
        if is_beyond(&so_far) {
            return so_far;
        }
        if self.each.iter().all(Known::is_silent) {
            return None;
        }
        let beyond = tokio::time::timeout(FOR_EVIDENCE, seen.wait_for(is_beyond)).await;
        beyond.ok()?.ok()?.clone()
    }

    /// The words on a checkpoint, if it is the one that was seen last.
    pub(crate) fn words_on(&self, signed: SignedCheckpoint) -> SignedCheckpoint {
        let seen = self.seen.borrow().clone();
        seen.filter(|seen| seen.checkpoint() == signed.checkpoint())
            .unwrap_or(signed)
    }

    /// Puts a word beside those that others gave for the same checkpoint, or in place of those for an earlier one.
    fn take(&self, given: &Given, known: &Known) {
        self.seen.send_modify(|seen| {
            let size = given.signed.checkpoint().size();
            let base = match seen.as_ref() {
                Some(later) if later.checkpoint().size() > size => return,
                Some(same) if same.checkpoint().size() == size => same,
                _ => &given.signed,
            };
            // It was verified when it was given.
            if let Ok(with) = base.with_word(&given.lines, &known.key) {
                *seen = Some(with);
            }
        });
    }
}

impl Engine {
    /// Shows the ledger to its witnesses whenever it grew, until shut down.
    pub(crate) async fn run_witnesses(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let each = self.witnesses.each.iter();
        join_all(each.map(|known| self.follow(known, shutdown.clone()))).await;
        // Without any; a loop that ends before it is told to is taken for broken.
        drop(shutdown.wait_for(|stop| *stop).await);
    }

    async fn follow(&self, known: &Known, mut shutdown: watch::Receiver<bool>) {
        let mut integrated = self.integrated.clone();
        while !*shutdown.borrow() {
            integrated.borrow_and_update();
            let next = async {
                if !self.ask(known).await {
                    return tokio::time::sleep(RETRY).await;
                }
                // An error means that the sequencer is gone: then it is the shutdown that is awaited.
                if integrated.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(GATHER).await;
            };
            tokio::select! {
                () = next => {}
                _ = shutdown.changed() => {}
            }
        }
    }

    /// Whether a witness gave its word, or there is nothing yet to give it for.
    async fn ask(&self, known: &Known) -> bool {
        let ledger = Ledger {
            tiles: Arc::clone(&self.ports.tiles),
            key: self.own.ledger.verifier().clone(),
        };
        let answer = known.ask(&ledger, self.journal.now()).await;
        if let Err(NoWord::Contradiction(why)) = &answer {
            self.journal.custody.contradicted(why);
            self.end_all(why);
        }
        if let Ok(Some(given)) = &answer {
            self.witnesses.take(given, known);
        }
        known.noted(answer.as_ref().err());
        answer.is_ok()
    }
}
