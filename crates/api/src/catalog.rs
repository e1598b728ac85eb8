//! What there is to ask for, and what asking would come to.

use axum::Json;
use axum::extract::State;
use portcullis_engine::{CatalogEntry, Part, Preview};
use portcullis_model::{KindDescriptor, ResourceId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::Body;
use crate::lists::{Listed, PageParams, Paging};
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(catalog))
        .routes(routes!(preview))
        .routes(routes!(list_kinds))
}

/// Everything there is to ask for.
#[utoipa::path(get, path = "/catalog", tag = "catalog", params(PageParams),
    responses((status = 200, description = "By resource, oldest first", body = Listed)))]
async fn catalog(
    State(engine): App,
    Caller(who): Caller,
    paging: Paging<ResourceId>,
) -> Answer<Part<CatalogEntry>> {
    let part = engine.catalog(who.identity, &paging.page);
    Ok(Json(part.await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewBody {
    /// The resource's name.
    resource: String,
    /// The action's words.
    words: Vec<String>,
}

/// What a request would come to; changes nothing.
#[utoipa::path(post, path = "/preview", tag = "catalog", request_body = PreviewBody,
    responses((status = 200, description = "Path, impact, policies, approvers", body = Value)))]
async fn preview(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<PreviewBody>,
) -> Answer<Preview> {
    let preview = engine.preview(who.identity, &body.resource, &body.words);
    Ok(Json(preview.await?))
}

/// The kinds of resources there are, with the schemas of their settings.
#[utoipa::path(get, path = "/kinds", tag = "catalog",
    responses((status = 200, description = "The kinds", body = Vec<Value>)))]
async fn list_kinds(State(engine): App) -> Json<Vec<KindDescriptor>> {
    Json(engine.kinds())
}
