//! Identities: listing, adding, editing, enrolling, suspending.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use portcullis_engine::{ChangeView, Engine, Failure, IdentityEdit, IdentityView, Part, Reopened};
use portcullis_model::{Identity, IdentityId, IdentityKind, OwnerRole};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Named};
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_identities, add_identity))
        .routes(routes!(edit_identity))
        .routes(routes!(reopen_enrolment))
        .routes(routes!(suspend_identity))
}

/// All identities.
#[utoipa::path(get, path = "/identities", tag = "identities", params(PageParams),
    responses((status = 200, description = "Oldest first", body = Listed)))]
async fn list_identities(
    State(engine): App,

    paging: Paging<IdentityId>,
) -> Answer<Part<IdentityView>> {
    let part = engine.list_identities(&paging.page);
    Ok(Json(part.await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentityBody {
    /// Its unique name.
    name: String,
    /// `human`, `workload`, `ci`, `vendor` or `agent`.
    #[schema(value_type = String)]
    kind: IdentityKind,
    /// What it may sign for the installation: `iam`, `pam`, `resource`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<OwnerRole>,
    /// The name of who answers for it; required for everything that is no person.
    owner: Option<String>,
    /// When its life ends, from now; required for everything that is no person.
    ends_in_secs: Option<u64>,
}

/// Proposes an identity. Once signed, the change carries its enrolment token.
#[utoipa::path(post, path = "/identities", tag = "identities", request_body = IdentityBody,
    responses((status = 201, description = "The change", body = Value)))]
async fn add_identity(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<IdentityBody>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    refuse_taken(&engine, &body.name).await?;
    let owner = match &body.owner {
        Some(name) => Some(engine.identity_record(name).await?.id),
        None => None,
    };
    let identity = Identity {
        id: engine.new_identity_id(),
        name: body.name,
        kind: body.kind,
        owner,
        roles: body.roles,
        ends_at: body
            .ends_in_secs
            .map(|secs| engine.time_from_now(Duration::from_secs(secs))),
        active: true,
    };
    let change = engine.put_identity_record(&who, identity).await?;
    Ok((StatusCode::CREATED, Json(change)))
}

/// Says at once what would otherwise only come out with the last signature.
async fn refuse_taken(engine: &Engine, name: &str) -> Result<(), Failure> {
    match engine.identity_record(name).await {
        Ok(_) => Err(Failure::Conflict(format!("the name {name} is taken"))),
        Err(Failure::NotFound(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// What is to be different; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentityEditBody {
    /// What it may sign for the installation, and nothing else: `iam`, `pam`, `resource`.
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<BTreeSet<OwnerRole>>,
    /// The name of who answers for it.
    owner: Option<String>,
    /// When its life ends, from now.
    ends_in_secs: Option<u64>,
    /// Whether it may act again after it was suspended.
    #[serde(default)]
    activate: bool,
}

/// Proposes another record for an identity. It takes the place of the record as it stands now, or of none.
#[utoipa::path(post, path = "/identities/{name}/edit", tag = "identities", request_body = IdentityEditBody,
    params(("name" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn edit_identity(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
    Body(body): Body<IdentityEditBody>,
) -> Answer<ChangeView> {
    let edit = IdentityEdit {
        roles: body.roles,
        owner: body.owner,
        ends_in: body.ends_in_secs.map(Duration::from_secs),
        activate: body.activate,
    };
    Ok(Json(engine.edit_identity(&who, &name, edit).await?))
}

#[derive(Serialize, ToSchema)]
struct EnrolmentAnswer {
    /// The one-time enrolment token, shown this once.
    token: String,
}

/// Opens an enrolment anew. Whoever has enrolled before can be replaced by it: then it is a change, which
/// other owners sign.
#[utoipa::path(post, path = "/identities/{name}/enroll", tag = "identities",
    params(("name" = String, Path)),
    responses((status = 200, description = "A one-time token", body = EnrolmentAnswer),
        (status = 202, description = "The change that opens it", body = Value)))]
async fn reopen_enrolment(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    Ok(match engine.reopen_enrolment(&who, &name).await? {
        Reopened::Token(token) => Json(EnrolmentAnswer {
            token: token.expose_owned(),
        })
        .into_response(),
        Reopened::Proposed(change) => (StatusCode::ACCEPTED, Json(change)).into_response(),
    })
}

/// Proposes that an identity may not act any more.
#[utoipa::path(post, path = "/identities/{name}/suspend", tag = "identities",
    params(("name" = String, Path)),
    responses((status = 200, description = "The change", body = Value)))]
async fn suspend_identity(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<ChangeView> {
    Ok(Json(engine.suspend_identity(&who, &name).await?))
}

/// The identifiers behind names.
pub(crate) async fn named(
    engine: &Engine,
    names: &[String],
) -> Result<BTreeSet<IdentityId>, Failure> {
    let mut ids = BTreeSet::new();
    for name in names {
        ids.insert(engine.identity_record(name).await?.id);
    }
    Ok(ids)
}
