//! What changed, as it changes: server-sent events that name streams and tell nothing of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::stream::{self, Stream, StreamExt};
use portcullis_engine::{Engine, Failure};
use portcullis_model::Secret;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Bearer;
use crate::vigil::Vigil;
use crate::{App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new().routes(routes!(events))
}

/// `request.changed`, `grant.changed`, `session.changed` and `change.changed`, each with the `id` of
/// what the caller may see. `Last-Event-ID` goes on where a broken stream ended.
#[utoipa::path(get, path = "/events", tag = "service",
    params(("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "Events as they come", content_type = "text/event-stream",
        body = String)))]
async fn events(
    State(engine): App,
    Bearer(token): Bearer,
    vigil: Vigil,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut committed = engine.committed();
    let now = *committed.borrow_and_update();
    let listener = Listener {
        next: last_seen(&headers).map_or(now, |seen| seen.min(now)),
        engine,
        token,
        committed,
        waiting: VecDeque::new(),
    };
    let heard = stream::unfold(listener, |mut listener| async move {
        let event = listener.hear().await?;
        Some((Ok(event), listener))
    });
    let heard = heard.take_until(Box::pin(vigil.over()));
    Sse::new(heard).keep_alive(KeepAlive::default())
}

/// Where a broken stream ended: every event carries the place to go on from.
fn last_seen(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// One stream of events.
struct Listener {
    engine: Arc<Engine>,
    token: Secret<String>,
    committed: watch::Receiver<u64>,
    next: u64,
    waiting: VecDeque<Event>,
}

impl Listener {
    /// The next event; nothing once the sign-in or the engine ended.
    async fn hear(&mut self) -> Option<Event> {
        while self.waiting.is_empty() {
            let next = self.next;
            let newer = self.committed.wait_for(|count| *count > next);
            newer.await.ok()?;
            if let Err(failure) = self.look().await {
                tracing::debug!(%failure, "a stream of events ends");
                return None;
            }
        }
        self.waiting.pop_front()
    }

    async fn look(&mut self) -> Result<(), Failure> {
        // Anew each time: nobody hears more than the sign-in is worth now.
        let who = self.engine.authenticate(&self.token).await?;
        let news = self.engine.news(who.identity, self.next).await?;
        let last = news.changed.len();
        for (place, changed) in news.changed.into_iter().enumerate() {
            // Whoever goes on from the middle hears the rest again rather than never.
            let seen = if place + 1 == last {
                news.next
            } else {
                self.next
            };
            let event = Event::default()
                .event(format!("{}.changed", changed.noun))
                .id(seen.to_string())
                .data(format!("{{\"id\":\"{}\"}}", changed.id));
            self.waiting.push_back(event);
        }
        self.next = news.next;
        Ok(())
    }
}
