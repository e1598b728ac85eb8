//! Changes of Portcullis itself: looking at them, signing and refusing them.

use axum::Json;
use axum::extract::State;
use portcullis_engine::{ChangeView, Part};
use portcullis_model::{ChangeId, Digest};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named, ReasonBody, optional_text};
use crate::lists::{Listed, PageParams, Paging};
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_changes))
        .routes(routes!(show_change))
        .routes(routes!(sign_change))
        .routes(routes!(refuse_change))
        .routes(routes!(propose_thaw))
}

/// All changes. Where resources are is told to their owners and to owners of the installation alone.
#[utoipa::path(get, path = "/changes", tag = "changes", params(PageParams),
    responses((status = 200, description = "Newest first", body = Listed)))]
async fn list_changes(
    State(engine): App,
    Caller(who): Caller,
    paging: Paging<ChangeId>,
) -> Answer<Part<ChangeView>> {
    let part = engine.list_changes(who.identity, &paging.page);
    Ok(Json(part.await?))
}

/// One change.
#[utoipa::path(get, path = "/changes/{id}", tag = "changes", params(("id" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn show_change(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<ChangeId>,
) -> Answer<ChangeView> {
    Ok(Json(engine.show_change(who.identity, id).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignBody {
    /// The digest of what the owner saw.
    #[schema(value_type = String)]
    digest: Digest,
    /// Why, for people.
    #[serde(default, deserialize_with = "optional_text")]
    reason: Option<String>,
}

/// An owner confirms exactly what the digest stands for.
#[utoipa::path(post, path = "/changes/{id}/sign", tag = "changes", request_body = SignBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn sign_change(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<ChangeId>,
    Body(body): Body<SignBody>,
) -> Answer<ChangeView> {
    let signed = engine.sign_change(&who, id, body.digest, body.reason.as_deref());
    Ok(Json(signed.await?))
}

/// An owner, or the proposer, says no.
#[utoipa::path(post, path = "/changes/{id}/refuse", tag = "changes", request_body = ReasonBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn refuse_change(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<ChangeId>,
    Body(body): Body<ReasonBody>,
) -> Answer<ChangeView> {
    let refused = engine.refuse_change(&who, id, body.reason.as_deref());
    Ok(Json(refused.await?))
}

/// Looks at every target of a restored installation, and proposes that it opens again as that was found.
#[utoipa::path(post, path = "/thaw", tag = "changes",
    responses((status = 200, description = "The change", body = Value)))]
async fn propose_thaw(State(engine): App, Caller(who): Caller) -> Answer<ChangeView> {
    Ok(Json(engine.propose_thaw(&who).await?))
}
