//! The side doors of resources' hosts.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use portcullis_engine::SideDoorsView;
use portcullis_model::SideDoor;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named, text};
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(show_side_doors, report_side_doors))
        .routes(routes!(keep_side_door))
}

/// What is known of the ways into a resource's host that do not lead through Portcullis.
#[utoipa::path(get, path = "/resources/{name}/side-doors", tag = "resources", params(("name" = String, Path)),
    responses((status = 200, description = "The doors, and who decides", body = Value)))]
async fn show_side_doors(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<SideDoorsView> {
    Ok(Json(engine.side_doors(who.identity, &name).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReportBody {
    /// All there are, each `{"kind", "whom", "place", "what"}`. What was known and is not among them is gone.
    #[schema(value_type = Vec<Object>)]
    doors: Vec<SideDoor>,
}

/// Reports what an owner of the resource saw at its host.
#[utoipa::path(post, path = "/resources/{name}/side-doors", tag = "resources", request_body = ReportBody,
    params(("name" = String, Path)),
    responses((status = 200, description = "The doors, and who decides", body = Value)))]
async fn report_side_doors(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
    Body(body): Body<ReportBody>,
) -> Answer<SideDoorsView> {
    let doors = engine.report_side_doors(&who, &name, body.doors);
    Ok(Json(doors.await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeepBody {
    /// Why, for people.
    #[serde(deserialize_with = "text")]
    reason: String,
    /// For how many seconds; for good without.
    secs: Option<u64>,
}

/// Records that a side door stays: an owner of the resource says why.
#[utoipa::path(post, path = "/resources/{name}/side-doors/{door}/keep", tag = "resources", request_body = KeepBody,
    params(("name" = String, Path), ("door" = String, Path)),
    responses((status = 200, description = "The doors, and who decides", body = Value)))]
async fn keep_side_door(
    State(engine): App,
    Caller(who): Caller,
    Named((name, door)): Named<(String, String)>,
    Body(body): Body<KeepBody>,
) -> Answer<SideDoorsView> {
    let span = body.secs.map(Duration::from_secs);
    let until = span.map(|span| engine.time_from_now(span));
    let kept = engine.keep_side_door(&who, &name, &door, &body.reason, until);
    Ok(Json(kept.await?))
}
