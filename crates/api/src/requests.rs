//! Asking for access, and deciding on what was asked.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{Ask, DEFAULT_SPAN, Part, RequestView, Start, Uses, Window};
use portcullis_model::{Digest, RequestId, Timestamp};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named, ReasonBody, optional_text, text};
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_requests, ask))
        .routes(routes!(show_request))
        .routes(routes!(cancel_request))
        .routes(routes!(approve_request))
        .routes(routes!(deny_request))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AskBody {
    /// The resource's name.
    resource: String,
    /// The action's words.
    words: Vec<String>,
    /// Why, for people.
    #[serde(deserialize_with = "text")]
    reason: String,
    /// For how long; an hour when absent.
    span_secs: Option<u64>,
    /// From when, in milliseconds since 1970, UTC; when it is granted where absent.
    #[schema(value_type = Option<u64>)]
    starts_at: Option<Timestamp>,
    /// The same from now on, in seconds.
    starts_in_secs: Option<u64>,
    /// How often: a number, or `"any"`; as often as the action is usually done under one approval where absent.
    #[schema(value_type = Option<Value>)]
    uses: Option<AskedUses>,
}

/// How often something is asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum AskedUses {
    Counted(u32),
    Word(AnyNumber),
}

#[derive(Deserialize)]
enum AnyNumber {
    #[serde(rename = "any")]
    Any,
}

impl From<AskedUses> for Uses {
    fn from(asked: AskedUses) -> Self {
        match asked {
            AskedUses::Counted(most) => Self::UpTo(most),
            AskedUses::Word(AnyNumber::Any) => Self::Any,
        }
    }
}

/// Asks for access.
#[utoipa::path(post, path = "/requests", tag = "requests", request_body = AskBody,
    responses((status = 201, description = "The request", body = Value)))]
async fn ask(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<AskBody>,
) -> Result<(StatusCode, Json<RequestView>), Problem> {
    let start = match (body.starts_at, body.starts_in_secs) {
        (Some(_), Some(_)) => {
            let detail = "say when access begins by starts_at or by starts_in_secs, not by both";
            return Err(Problem::invalid(StatusCode::BAD_REQUEST, detail));
        }
        (Some(moment), None) => Some(Start::At(moment)),
        (None, Some(secs)) => Some(Start::In(Duration::from_secs(secs))),
        (None, None) => None,
    };
    let ask = Ask {
        resource: body.resource,
        words: body.words,
        reason: body.reason,
        window: Window {
            span: body.span_secs.map_or(DEFAULT_SPAN, Duration::from_secs),
            start,
            uses: body.uses.map(Uses::from),
        },
    };
    Ok((StatusCode::CREATED, Json(engine.request(&who, ask).await?)))
}

/// The requests the caller may see.
#[utoipa::path(get, path = "/requests", tag = "requests", params(PageParams),
    responses((status = 200, description = "Newest first", body = Listed)))]
async fn list_requests(
    State(engine): App,
    Caller(who): Caller,
    paging: Paging<RequestId>,
) -> Answer<Part<RequestView>> {
    let part = engine.list_requests(who.identity, &paging.page);
    Ok(Json(part.await?))
}

/// One request.
#[utoipa::path(get, path = "/requests/{id}", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, description = "The request", body = Value)))]
async fn show_request(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<RequestId>,
) -> Answer<RequestView> {
    Ok(Json(engine.show_request(who.identity, id).await?))
}

/// Takes a request of one's own back.
#[utoipa::path(post, path = "/requests/{id}/cancel", tag = "requests", params(("id" = String, Path)),
    responses((status = 200, description = "The request", body = Value)))]
async fn cancel_request(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<RequestId>,
) -> Answer<RequestView> {
    Ok(Json(engine.cancel(&who, id).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApproveBody {
    /// The digest of what the approver saw.
    #[schema(value_type = String)]
    digest: Digest,
    /// Why, or under which condition, for people.
    #[serde(default, deserialize_with = "optional_text")]
    reason: Option<String>,
}

/// Approves exactly what the digest stands for.
#[utoipa::path(post, path = "/requests/{id}/approve", tag = "requests", request_body = ApproveBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The request", body = Value)))]
async fn approve_request(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<RequestId>,
    Body(body): Body<ApproveBody>,
) -> Answer<RequestView> {
    let approved = engine.approve(&who, id, body.digest, body.reason.as_deref());
    Ok(Json(approved.await?))
}

/// Says no.
#[utoipa::path(post, path = "/requests/{id}/deny", tag = "requests", request_body = ReasonBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The request", body = Value)))]
async fn deny_request(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<RequestId>,
    Body(body): Body<ReasonBody>,
) -> Answer<RequestView> {
    let denied = engine.deny(&who, id, body.reason.as_deref());
    Ok(Json(denied.await?))
}
