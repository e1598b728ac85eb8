//! A call that changes something runs to its end, whether or not its caller stays for the answer: nobody may
//! step in between what is written and what follows from it by hanging up.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// The most such calls at once, callers who left included.
const MOST: usize = 1024;

/// Places for calls that change something.
#[derive(Clone)]
pub(crate) struct UnderWay(Arc<Semaphore>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// Runs a call that changes something apart from its connection.
pub(crate) async fn to_the_end(
    State(UnderWay(places)): State<UnderWay>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let place = places.acquire_owned().await;
    let call = tokio::spawn(async move {
        let response = next.run(request).await;
        drop(place);
        response
    });
    call.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call ended without an answer");
        let detail = "the call broke off: look at what it came to before you make it again";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use axum::body::Body;
    use axum::routing::{get, post};
    use axum::{Router, middleware};
    use tokio::sync::mpsc;
    use tower::Service as _;

    use super::*;

    /// A handler that says that it began, waits to be let on, and says that it came to its end.
    async fn handler(said: mpsc::Sender<&'static str>, on: Arc<Semaphore>) {
        said.send("began").await.unwrap();
        let _on = on.acquire().await;
        said.send("ended").await.unwrap();
    }

    fn call(method: &str) -> Request {
        let request = Request::builder().method(method).uri("/");
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn what_changes_something_ends_though_its_caller_left_and_what_only_reads_does_not() {
        let (says, mut said) = mpsc::channel(4);
        let on = Arc::new(Semaphore::new(0));
        let work = {
            let on = Arc::clone(&on);
            move || handler(says.clone(), Arc::clone(&on))
        };
        let finish = middleware::from_fn_with_state(UnderWay::default(), to_the_end);
        let mut router = Router::new()
            .route("/", post(work.clone()))
            .route("/", get(work))
            .layer(finish);
        for method in ["GET", "POST"] {
            let mut calling = Box::pin(router.call(call(method)));
            tokio::select! {
                _ = &mut calling => unreachable!("nobody let it on"),
                begun = said.recv() => assert_eq!(begun, Some("began")),
            }
            drop(calling);
        }
        on.add_permits(2);
        drop(router);
        let mut rest = Vec::new();
        while let Some(word) = said.recv().await {
            rest.push(word);
        }
        assert_eq!(rest, ["ended"], "the POST alone");
    }
}
