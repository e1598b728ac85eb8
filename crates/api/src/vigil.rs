//! When a stream that outlives its request has to end: its sign-in is over, or the door closes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use portcullis_engine::Engine;
use portcullis_model::{Secret, SessionId};
use tokio::sync::watch;

use crate::auth::Bearer;
use crate::problem::Problem;

/// How often a sign-in is looked at when nothing is committed: its time may be over.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Turns true when the door closes.
#[derive(Clone)]
pub(crate) struct Closing(pub(crate) watch::Receiver<bool>);

impl Closing {
    pub(crate) fn mark(&self, request: &mut Request) {
        request.extensions_mut().insert(self.clone());
    }

    /// Waits for it. A door whose closer is gone closes too.
    pub(crate) async fn wait(&mut self) {
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Watches over one stream.
pub(crate) struct Vigil {
    engine: Arc<Engine>,
    token: Secret<String>,
    committed: watch::Receiver<u64>,
    closing: Option<Closing>,
}

impl FromRequestParts<Arc<Engine>> for Vigil {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, engine: &Arc<Engine>) -> Result<Self, Problem> {
        let Bearer(token) = Bearer::from_request_parts(parts, engine).await?;
        Ok(Self {
            engine: Arc::clone(engine),
            token,
            committed: engine.committed(),
            closing: parts.extensions.get::<Closing>().cloned(),
        })
    }
}

impl Vigil {
    /// Returns when the stream has to end. A suspension or a sign-out ends it at its commit.
    pub(crate) async fn over(mut self) {
        while self.next_look().await {
            if self.engine.authenticate(&self.token).await.is_err() {
                return;
            }
        }
    }

    /// The same for who watches a session, and when the watcher may not see it any more.
    pub(crate) async fn over_watching(mut self, session: SessionId) {
        while self.next_look().await {
            let Ok(who) = self.engine.authenticate(&self.token).await else {
                return;
            };
            if self.engine.may_watch(&who, session).await.is_err() {
                return;
            }
        }
    }

    /// Waits until something may have changed; false when the door closes.
    async fn next_look(&mut self) -> bool {
        tokio::select! {
            () = closed(self.closing.as_mut()) => false,
            changed = self.committed.changed() => changed.is_ok(),
            () = tokio::time::sleep(LOOK_EVERY) => true,
        }
    }
}

async fn closed(closing: Option<&mut Closing>) {
    match closing {
        Some(closing) => closing.wait().await,
        None => std::future::pending().await,
    }
}
