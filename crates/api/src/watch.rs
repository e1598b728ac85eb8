//! Watching a live session: server-sent events, one tape frame each.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::stream::{self, Stream, StreamExt};
use portcullis_engine::Watch;
use portcullis_model::SessionId;
use portcullis_tape::{Frame, json_line};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::Named;
use crate::problem::Problem;
use crate::vigil::Vigil;
use crate::{App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new().routes(routes!(watch_session))
}

/// Watches a live session. Each event is a frame; `missed` says how many a slow watcher missed; `end`
/// is the last one.
#[utoipa::path(get, path = "/sessions/{id}/watch", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "Frames as they come", content_type = "text/event-stream",
        body = String)))]
async fn watch_session(
    State(engine): App,
    Caller(who): Caller,
    vigil: Vigil,
    Named(id): Named<SessionId>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let watch = engine.watch(&who, id).await?;
    let over = vigil.over_watching(id);
    Ok(Sse::new(told(watch, over)).keep_alive(KeepAlive::default()))
}

/// What was, then what comes, until the session or the watcher's right to see it is over.
fn told(
    watch: Watch,
    over: impl Future<Output = ()>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let so_far = stream::iter(watch.so_far).map(|frame| shown(&frame));
    let missed = stream::iter(Some(watch.missed).filter(|frames| *frames > 0).map(missed));
    let end = stream::once(async { Event::default().event("end").data("{}") });
    missed
        .chain(so_far)
        .chain(coming(watch.live))
        .take_until(Box::pin(over))
        .chain(end)
        .map(Ok)
}

fn coming(live: broadcast::Receiver<Arc<Frame>>) -> impl Stream<Item = Event> {
    stream::unfold(live, |mut live| async move {
        let event = match live.recv().await {
            Ok(frame) => shown(&frame),
            Err(RecvError::Lagged(frames)) => missed(frames),
            Err(RecvError::Closed) => return None,
        };
        Some((event, live))
    })
}

fn missed(frames: u64) -> Event {
    Event::default()
        .event("missed")
        .data(format!("{{\"frames\":{frames}}}"))
}

fn shown(frame: &Frame) -> Event {
    Event::default().data(json_line(frame).trim_end())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::response::IntoResponse;

    fn output(text: &str) -> Frame {
        Frame {
            track: 1,
            at_ms: 7,
            event: portcullis_tape::Event::Output(text.as_bytes().to_vec()),
        }
    }

    fn seen(so_far: Vec<Frame>, live: broadcast::Receiver<Arc<Frame>>) -> Watch {
        Watch {
            missed: 0,
            so_far,
            live,
        }
    }

    async fn text(watch: Watch, over: impl Future<Output = ()> + Send + 'static) -> String {
        let response = Sse::new(told(watch, over)).into_response();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_watcher_sees_what_was_then_what_comes_then_the_end() {
        let (frames, live) = broadcast::channel(4);
        frames.send(Arc::new(output("second\r\n"))).unwrap();
        drop(frames);
        let so_far = vec![output("first")];
        let text = text(seen(so_far, live), std::future::pending()).await;
        let places = ["first", "second", "event: end"].map(|part| text.find(part).unwrap());
        assert!(places.is_sorted(), "{text}");
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_how_much_it_missed() {
        let (frames, live) = broadcast::channel(1);
        for text in ["one", "two", "three"] {
            frames.send(Arc::new(output(text))).unwrap();
        }
        drop(frames);
        let so_far = Vec::new();
        let text = text(seen(so_far, live), std::future::pending()).await;
        assert!(
            text.contains("event: missed\ndata: {\"frames\":2}"),
            "{text}"
        );
        assert!(text.contains("three"), "{text}");
    }

    #[tokio::test]
    async fn a_watcher_of_a_long_tape_is_told_first_how_much_of_it_is_not_shown() {
        let (_, live) = broadcast::channel(1);
        let watch = Watch {
            missed: 7,
            ..seen(vec![output("late")], live)
        };
        let text = text(watch, std::future::pending()).await;
        assert!(
            text.starts_with("event: missed\ndata: {\"frames\":7}"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_watcher_whose_sign_in_is_over_sees_nothing_more() {
        let (frames, live) = broadcast::channel(4);
        frames.send(Arc::new(output("too late"))).unwrap();
        let so_far = Vec::new();
        let text = text(seen(so_far, live), std::future::ready(())).await;
        assert_eq!(text, "event: end\ndata: {}\n\n");
    }
}
