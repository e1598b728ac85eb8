//! How long tapes are kept.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use portcullis_engine::{ChangeView, RetentionView, SessionView};
use portcullis_model::SessionId;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named, text};
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(show_retention, propose_retention))
        .routes(routes!(hold_tape))
        .routes(routes!(let_go))
        .routes(routes!(erase_tape))
}

/// How long tapes are kept, and the room they take.
#[utoipa::path(get, path = "/retention", tag = "sessions",
    responses((status = 200, description = "How long", body = Value)))]
async fn show_retention(State(engine): App, Caller(who): Caller) -> Answer<RetentionView> {
    Ok(Json(engine.show_retention(who.identity).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RetentionBody {
    /// By the name of an action, for how many days its tapes are kept; `null` is for ever. What is not named stays as it is.
    days: BTreeMap<String, Option<u32>>,
}

/// Proposes for how long tapes are kept.
#[utoipa::path(post, path = "/retention", tag = "sessions", request_body = RetentionBody,
    responses((status = 200, description = "The change", body = Value)))]
async fn propose_retention(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<RetentionBody>,
) -> Answer<ChangeView> {
    let wanted: Vec<_> = body.days.into_iter().collect();
    Ok(Json(engine.propose_retention(&who, &wanted).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    /// Why, for people.
    #[serde(deserialize_with = "text")]
    reason: String,
}

/// Keeps a tape, whatever its time.
#[utoipa::path(post, path = "/sessions/{id}/hold", tag = "sessions", request_body = HoldBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The session", body = Value)))]
async fn hold_tape(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
    Body(body): Body<HoldBody>,
) -> Answer<SessionView> {
    Ok(Json(engine.hold_tape(&who, id, &body.reason).await?))
}

/// Proposes that a tape is held no longer.
#[utoipa::path(post, path = "/sessions/{id}/let-go", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn let_go(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
) -> Answer<ChangeView> {
    Ok(Json(engine.propose_letting_go(&who, id).await?))
}

/// Proposes that a tape is erased before its time.
#[utoipa::path(post, path = "/sessions/{id}/erase-tape", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn erase_tape(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<SessionId>,
) -> Answer<ChangeView> {
    Ok(Json(engine.propose_erasure(&who, id).await?))
}
