//! A call that changes something runs to its end, whether or not its caller stays for the answer: nobody may
//! step in between what is written and what follows from it by hanging up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use portcullis_model::IdentityId;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::auth::Caller;
use crate::problem::Problem;

/// The most such calls of one caller at once, those included whose connection is gone. More wait for the caller's
/// own, and for nobody else's.
const MOST: usize = 64;

/// Places for calls that change something, by who calls.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<BTreeMap<IdentityId, Weak<Semaphore>>>>);

impl UnderWay {
    fn places(&self, caller: IdentityId) -> Arc<Semaphore> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = callers.get(&caller).and_then(Weak::upgrade) {
            return places;
        }
        callers.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(MOST));
        callers.insert(caller, Arc::downgrade(&places));
        places
    }
}

/// The calls that a door waits for before it is shut.
pub(crate) type Calls = TaskTracker;

/// Runs a call that changes something apart from its connection. In front of it stands who calls: strangers have
/// nothing that must run to its end.
pub(crate) async fn to_the_end(
    State(under_way): State<UnderWay>,
    Extension(Caller(caller)): Extension<Caller>,
    calls: Option<Extension<Calls>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let places = under_way.places(caller.identity);
    let place = Arc::clone(&places).acquire_owned().await;
    let call = async move {
        let response = next.run(request).await;
        drop((place, places));
        response
    };
    // Behind no door of ours (in tests) nobody waits for them.
    let calls = calls.map_or_else(Calls::new, |Extension(calls)| calls);
    calls.spawn(call).await.unwrap_or_else(|error| {
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
    use portcullis_model::id::TypedId as _;
    use portcullis_model::{Authentication, Timestamp};
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
        let caller = Caller(Authentication {
            identity: IdentityId::from_parts(Timestamp::from_millis(0), [1; 10]),
            factors: Vec::new(),
            at: Timestamp::from_millis(0),
        });
        let request = Request::builder().method(method).uri("/").extension(caller);
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
