//! Groups of identities, each on one path.

use axum::Json;
use axum::extract::State;
use portcullis_engine::{ChangeView, Failure, Part};
use portcullis_model::{Group, GroupId, Path};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named};
use crate::identities::named;
use crate::lists::{Listed, PageParams, Paging};
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_groups, put_group))
        .routes(routes!(remove_group))
}

/// All groups.
#[utoipa::path(get, path = "/groups", tag = "groups", params(PageParams),
    responses((status = 200, description = "Oldest first", body = Listed)))]
async fn list_groups(State(engine): App, paging: Paging<GroupId>) -> Answer<Part<Group>> {
    let part = engine.list_groups(&paging.page);
    Ok(Json(part.await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GroupBody {
    /// Its unique name.
    name: String,
    /// The path on which it counts: `ordinary` or `privileged`.
    #[schema(value_type = String)]
    path: Path,
    /// The names of its members.
    members: Vec<String>,
}

/// Proposes a group, or new members for the one that has the name.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = GroupBody,
    responses((status = 200, description = "The change", body = Value)))]
async fn put_group(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<GroupBody>,
) -> Answer<ChangeView> {
    let id = match engine.group_named(&body.name).await {
        Ok(known) => known.id,
        Err(Failure::NotFound(_)) => engine.new_group_id(),
        Err(other) => return Err(other.into()),
    };
    let group = Group {
        id,
        members: named(&engine, &body.members).await?,
        name: body.name,
        path: body.path,
    };
    Ok(Json(engine.put_group(&who, group).await?))
}

/// Proposes to remove a group.
#[utoipa::path(delete, path = "/groups/{name}", tag = "groups", params(("name" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn remove_group(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<ChangeView> {
    Ok(Json(engine.remove_group(&who, &name).await?))
}
