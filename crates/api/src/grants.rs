//! What was granted: looking at it, giving it back, taking it back.

use axum::Json;
use axum::extract::State;
use portcullis_engine::{GrantView, Part};
use portcullis_model::GrantId;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named, text};
use crate::lists::{Listed, PageParams, Paging};
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_grants))
        .routes(routes!(show_grant))
        .routes(routes!(release_grant))
        .routes(routes!(revoke_grant))
}

/// The grants the caller may see.
#[utoipa::path(get, path = "/grants", tag = "grants", params(PageParams),
    responses((status = 200, description = "Newest first", body = Listed)))]
async fn list_grants(
    State(engine): App,
    Caller(who): Caller,
    paging: Paging<GrantId>,
) -> Answer<Part<GrantView>> {
    let part = engine.list_grants(who.identity, &paging.page);
    Ok(Json(part.await?))
}

/// One grant, by its own identifier or its request's.
#[utoipa::path(get, path = "/grants/{id}", tag = "grants", params(("id" = String, Path)),
    responses((status = 200, description = "The grant", body = Value)))]
async fn show_grant(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<String>,
) -> Answer<GrantView> {
    Ok(Json(engine.show_grant(who.identity, &id).await?))
}

/// The holder gives a grant back.
#[utoipa::path(post, path = "/grants/{id}/release", tag = "grants", params(("id" = String, Path)),
    responses((status = 200, description = "The grant", body = Value)))]
async fn release_grant(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<String>,
) -> Answer<GrantView> {
    Ok(Json(engine.release(&who, &id).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    /// Why, for people.
    #[serde(deserialize_with = "text")]
    reason: String,
}

/// An owner, or an approver who withdraws, takes a grant back.
#[utoipa::path(post, path = "/grants/{id}/revoke", tag = "grants", request_body = RevokeBody,
    params(("id" = String, Path)),
    responses((status = 200, description = "The grant", body = Value)))]
async fn revoke_grant(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<String>,
    Body(body): Body<RevokeBody>,
) -> Answer<GrantView> {
    Ok(Json(engine.revoke(&who, &id, &body.reason).await?))
}
