//! Work that goes on by itself. What fails in one item stays in that item, be it by a defect; a loop that ends unasked
//! is noticed, and nothing privileged goes on without it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _, stream};
use portcullis_ports::control::Order;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Engine;
use crate::failure::Failure;

/// Does one thing. A panic is its failure, and nobody else's.
pub(crate) async fn contained<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|panic| {
        Err(Failure::Unavailable(format!(
            "this program has a defect: {}",
            words_of(panic.as_ref())
        )))
    })
}

/// Does something with each item, some at the same time. Whatever becomes of one, every other gets its turn; a failure
/// among them is returned.
pub(crate) async fn each<I, F>(
    items: impl IntoIterator<Item = I>,
    at_once: usize,
    work: impl Fn(I) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    stream::iter(items)
        .map(|item| contained(work(item)))
        .buffer_unordered(at_once)
        .fold(Ok(()), |so_far, outcome| async move { so_far.and(outcome) })
        .await
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}

/// The loops of a running engine.
pub(crate) struct Loops {
    engine: Arc<Engine>,
    stop: watch::Sender<bool>,
    broken: watch::Sender<Option<&'static str>>,
    running: Vec<JoinHandle<()>>,
}

impl Loops {
    pub(crate) fn of(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            stop: watch::Sender::new(false),
            broken: watch::Sender::new(None),
            running: Vec::new(),
        }
    }

    /// Starts a loop that runs until it is told to stop.
    pub(crate) fn start<F>(
        &mut self,
        name: &'static str,
        run: impl FnOnce(Arc<Engine>, watch::Receiver<bool>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let work = run(Arc::clone(&self.engine), self.stop.subscribe());
        let (engine, stopped) = (Arc::clone(&self.engine), self.stop.subscribe());
        let broken = self.broken.clone();
        self.running.push(tokio::spawn(async move {
            let panicked = AssertUnwindSafe(work).catch_unwind().await.is_err();
            if panicked || !*stopped.borrow() {
                engine.goes_on_without(name);
                broken.send_replace(Some(name));
            }
        }));
    }

    /// Waits until a loop has ended unasked; says which.
    pub(crate) async fn broken(&self) -> &'static str {
        let mut broken = self.broken.subscribe();
        // It is sent by what `self` holds: there is always somebody to wait for.
        let said = broken.wait_for(Option::is_some).await;
        said.ok().and_then(|said| *said).unwrap_or_default()
    }

    /// Stops them, each at a point it chooses.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for running in self.running {
            if let Err(error) = running.await {
                tracing::error!(%error, "a loop of the engine did not end cleanly");
            }
        }
    }
}

impl Engine {
    /// Whoever runs the server hears of it and stops it; until then nothing is decided without that loop.
    fn goes_on_without(&self, name: &str) {
        tracing::error!(
            name,
            "a loop of the engine ended unasked: sessions end, and the server has to be started anew"
        );
        let what = format!("{name}: this part of the server ended unasked");
        self.journal.custody.broke(what.clone());
        self.end_all(&what);
    }

    /// Tells every live session to end, without a write.
    pub(crate) fn end_all(&self, reason: &str) {
        for session in self.live.all() {
            self.orders.give(Order::Kill {
                session,
                reason: reason.to_owned(),
            });
        }
    }
}
