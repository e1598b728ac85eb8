//! Resources: what access is asked for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{ChangeView, Failure, Part, ResourcePut, ResourceView};
use portcullis_model::{Environment, Resource, ResourceId, Sensitivity};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named};
use crate::identities::named;
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_resources, put_resource))
        .routes(routes!(show_resource, remove_resource))
}

/// A resource, as the description shows it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "only described: the engine's own type is what is sent"
)]
struct ResourceShown {
    /// Its identifier.
    id: String,
    /// Its unique name.
    name: String,
    /// The name of its kind.
    kind: String,
    /// `development`, `staging` or `production`.
    environment: String,
    /// `internal`, `sensitive` or `secret`.
    sensitivity: String,
    /// The identifiers of who answers for it.
    owners: Vec<String>,
    /// The accounts that may be named, the default one first; absent where nobody logs in.
    accounts: Option<Vec<String>>,
    /// What can be asked for, in the words to ask with.
    offers: Vec<String>,
    /// The name of the vaulted secret that opens it; told to its owners and to owners of the installation alone.
    credential: Option<String>,
    /// The kind's own settings, its address among them; told to its owners and to owners of the installation alone.
    #[schema(value_type = Option<Object>)]
    settings: Option<Value>,
    /// What to place at the target; told of one resource, to its owners and to owners of the installation alone.
    instructions: Option<String>,
}

/// All resources. Where each is, and what opens it, is told to its owners and to owners of the installation alone.
#[utoipa::path(get, path = "/resources", tag = "resources", params(PageParams),
    responses((status = 200, description = "Oldest first", body = Listed)))]
async fn list_resources(
    State(engine): App,
    Caller(who): Caller,
    paging: Paging<ResourceId>,
) -> Answer<Part<ResourceView>> {
    let part = engine.list_resources(who.identity, &paging.page);
    Ok(Json(part.await?))
}

/// One resource.
#[utoipa::path(get, path = "/resources/{name}", tag = "resources", params(("name" = String, Path)),
    responses((status = 200, description = "The resource", body = ResourceShown)))]
async fn show_resource(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<ResourceView> {
    Ok(Json(engine.show_resource(who.identity, &name).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResourceBody {
    /// Its unique name.
    name: String,
    /// The name of its kind.
    kind: String,
    /// `development`, `staging` or `production`.
    #[schema(value_type = String)]
    environment: Environment,
    /// `internal`, `sensitive` or `secret`.
    #[schema(value_type = String)]
    sensitivity: Sensitivity,
    /// The names of who answers for it.
    owners: Vec<String>,
    /// The name of the vaulted secret that opens it.
    credential: Option<String>,
    /// The kind's own settings.
    #[schema(value_type = Object)]
    settings: Value,
    /// Whether this is a new record for the resource that has the name; otherwise nothing may have it.
    #[serde(default)]
    replace: bool,
}

/// Proposes a resource, or a new record for one.
#[utoipa::path(post, path = "/resources", tag = "resources", request_body = ResourceBody,
    responses((status = 201, description = "The change, and what to place at the target", body = Value)))]
async fn put_resource(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<ResourceBody>,
) -> Result<(StatusCode, Json<ResourcePut>), Problem> {
    let id = match engine.resource_record(&body.name).await {
        Ok(known) if body.replace => known.id,
        Ok(_) => return Err(taken(&body.name)),
        Err(Failure::NotFound(_)) if !body.replace => engine.new_resource_id(),
        Err(other) => return Err(other.into()),
    };
    let resource = Resource {
        id,
        owners: named(&engine, &body.owners).await?,
        name: body.name,
        kind: body.kind,
        environment: body.environment,
        sensitivity: body.sensitivity,
        credential: body.credential,
        settings: body.settings,
    };
    let put = engine.put_resource(&who, resource).await?;
    Ok((StatusCode::CREATED, Json(put)))
}

fn taken(name: &str) -> Problem {
    let detail = format!("the name {name} is taken");
    Problem::new(StatusCode::CONFLICT, "conflict", detail).with_next(format!(
        "portcullis resources edit {name} … gives it another record"
    ))
}

/// Proposes to remove a resource.
#[utoipa::path(delete, path = "/resources/{name}", tag = "resources",
    params(("name" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn remove_resource(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<ChangeView> {
    Ok(Json(engine.remove_resource(&who, &name).await?))
}
