//! The one call a witness answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use portcullis_api::Router;
use portcullis_ledger::{Cosigner, Refusal, SignedCheckpoint};
use portcullis_ports::Clock as _;

use super::book::{Book, Unsigned};
use crate::server::SystemClock;

/// The longest request that is read, in bytes: a note with all its signatures, and a proof.
const MOST_BYTES: usize = 64 << 10;

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
        let signed: SignedCheckpoint = self.book.enter(request)?;
        let seconds = self.clock.now().as_millis() / 1000;
        Ok(self.cosigner.cosign(&signed, seconds))
    }
}

pub(super) fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(witness)
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
    if !matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) {
        tracing::warn!(%unsigned, "not signed");
    }
    (status, format!("{unsigned}\n")).into_response()
}
