//! Sessions: looking at them, ending them, their tapes.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures::stream::{self, Stream, StreamExt as _};
use portcullis_engine::{Failure, OpenTape, Part, SealedTape, SessionView, TapeReport};
use portcullis_model::SessionId;
use portcullis_tape::json_line;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{self, Named, text};
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_sessions))
        .routes(routes!(show_session))
        .routes(routes!(kill_session))
        .routes(routes!(export_tape))
        .routes(routes!(verify_tape))
        .routes(routes!(replay_tape))
}

/// The sessions the caller may see.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(PageParams),
    responses((status = 200, description = "Newest first", body = Listed)))]
async fn list_sessions(
    State(engine): App,
    Caller(who): Caller,
    paging: Paging<SessionId>,
) -> Answer<Part<SessionView>> {
    let part = engine.list_sessions(who.identity, &paging.page);
    Ok(Json(part.await?))
}

/// One session.
#[utoipa::path(get, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "The session", body = Value)))]
async fn show_session(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
) -> Answer<SessionView> {
    Ok(Json(engine.show_session(who.identity, id).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KillBody {
    /// Why, for people.
    #[serde(deserialize_with = "text")]
    reason: String,
}

/// Ends a live session.
#[utoipa::path(post, path = "/sessions/{id}/kill", tag = "sessions", request_body = KillBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The session", body = Value)))]
async fn kill_session(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
    body::Body(body): body::Body<KillBody>,
) -> Answer<SessionView> {
    Ok(Json(engine.kill(&who, id, &body.reason).await?))
}

/// The sealed tape.
#[utoipa::path(get, path = "/sessions/{id}/tape", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "The tape, sealed", content_type = "application/octet-stream",
        body = Vec<u8>)))]
async fn export_tape(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
) -> Result<impl IntoResponse, Problem> {
    let tape = engine.export_tape(who.identity, id).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.tape\""),
        ),
    ];
    Ok((headers, Body::from_stream(pieces(tape))))
}

/// Checks a tape against its chain and the ledger.
#[utoipa::path(post, path = "/sessions/{id}/verify", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "What was found", body = Value)))]
async fn verify_tape(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
) -> Answer<TapeReport> {
    Ok(Json(engine.verify_tape(who.identity, id).await?))
}

/// The bytes of a sealed tape, read as they are taken.
fn pieces(tape: SealedTape) -> impl Stream<Item = Result<Vec<u8>, Failure>> {
    stream::try_unfold(tape, |mut tape| async move {
        Ok(tape.next().await?.map(|piece| (piece, tape)))
    })
}

/// Opens a tape for the holder of a grant to replay it.
#[utoipa::path(post, path = "/sessions/{id}/replay", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "`header` and `frames`", body = Value)))]
async fn replay_tape(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
) -> Result<impl IntoResponse, Problem> {
    let tape = engine.replay(&who, id).await?;
    let header = serde_json::to_string(tape.header())
        .map_err(|error| Failure::Damaged(error.to_string()))?;
    let before = stream::once(async move { Ok(format!("{{\"header\":{header},\"frames\":[")) });
    let after = stream::once(async { Ok("]}".to_owned()) });
    let json = before.chain(frames(tape)).chain(after);
    Ok((
        [(CONTENT_TYPE, "application/json")],
        Body::from_stream(json),
    ))
}

/// The frames of a tape as the items of a list, a segment at a time.
fn frames(tape: OpenTape) -> impl Stream<Item = Result<String, Failure>> {
    stream::try_unfold((tape, ""), |(mut tape, mut comma)| async move {
        let Some(frames) = tape.next().await? else {
            return Ok(None);
        };
        let mut items = String::new();
        for frame in frames {
            items.push_str(comma);
            items.push_str(json_line(&frame).trim_end());
            comma = ",";
        }
        Ok(Some((items, (tape, comma))))
    })
}
