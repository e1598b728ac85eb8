//! The one call a witness answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use portcullis_api::Router;
use portcullis_ledger::{Cosigner, Refusal};
use portcullis_ports::Clock as _;

use super::book::{Book, Unsigned};
use crate::server::SystemClock;

/// The longest request that is read, in bytes: a note with all its signatures, and a proof.
const MOST_BYTES: usize = 64 << 10;

/// How long a request may take to arrive and be answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Who answers.
pub(super) struct Witness {
    book: Book,
    cosigner: Cosigner,
    clock: SystemClock,
}

impl Witness {
    pub(super) fn new(book: Book, cosigner: Cosigner) -> Self {
        Self {
            book,
            cosigner,
            clock: SystemClock::new(),
        }
    }

    /// The signature line for what a request shows.
    fn word(&self, request: &[u8]) -> Result<String, Unsigned> {
        self.book.enter(request, |signed| {
            self.cosigner.cosign(signed, self.clock.now().as_secs())
        })
    }
}

pub(super) fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(middleware::from_fn(in_time))
        .with_state(witness)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, request: Bytes) -> Response {
    // It lies in a file.
    let word = tokio::task::spawn_blocking(move || witness.word(&request)).await;
    match word {
        Ok(Ok(line)) => line.into_response(),
        Ok(Err(unsigned)) => refusal(&unsigned),
        Err(_stopping) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn refusal(unsigned: &Unsigned) -> Response {
    let status = match unsigned {
        Unsigned::Refused(Refusal::Elsewhere { size }) => {
            let size = format!("{size}\n");
            return (
                StatusCode::CONFLICT,
                [(CONTENT_TYPE, "text/x.tlog.size")],
                size,
            )
                .into_response();
        }
        Unsigned::Refused(Refusal::Malformed(_)) => StatusCode::BAD_REQUEST,
        Unsigned::Refused(Refusal::Unsigned(_)) => StatusCode::FORBIDDEN,
        Unsigned::Refused(Refusal::UnknownLog { .. }) => StatusCode::NOT_FOUND,
        Unsigned::Refused(Refusal::Inconsistent(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        Unsigned::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    // Whatever anybody may send is not logged: only what the log itself signed, and what this witness could not do.
    if matches!(
        status,
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::SERVICE_UNAVAILABLE
    ) {
        tracing::warn!(%unsigned, "not signed");
    }
    (status, format!("{unsigned}\n")).into_response()
}
