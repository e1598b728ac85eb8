//! Secrets: taken in, listed without their values, never given out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{ChangeView, Part, SecretKind, SecretView};
use portcullis_model::{Secret, SecretId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Hidden, Named};
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(list_secrets, add_secret))
        .routes(routes!(rotate_secret))
        .routes(routes!(abandon_rotation))
        .routes(routes!(verify_secret))
}

/// The secrets that people added, without their values.
#[utoipa::path(get, path = "/secrets", tag = "secrets", params(PageParams),
    responses((status = 200, description = "Oldest first, without their values", body = Listed)))]
async fn list_secrets(State(engine): App, paging: Paging<SecretId>) -> Answer<Part<SecretView>> {
    let part = engine.list_secrets(&paging.page);
    Ok(Json(part.await?))
}

/// Begins to rotate a secret. It is done when `rotation` is gone and `rotated_at` is new.
#[utoipa::path(post, path = "/secrets/{name}/rotate", tag = "secrets",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "The secret, without its value", body = Value)))]
async fn rotate_secret(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<SecretView> {
    Ok(Json(engine.rotate_secret(&who, &name).await?))
}

/// Gives a rotation up whose new value the target is seen to refuse.
#[utoipa::path(post, path = "/secrets/{name}/rotation/abandon", tag = "secrets",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "The secret, without its value", body = Value)))]
async fn abandon_rotation(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<SecretView> {
    Ok(Json(engine.abandon_rotation(&who, &name).await?))
}

/// Whether the target accepts a secret's value in force.
#[derive(Serialize, ToSchema)]
struct Verified {
    /// As seen on a fresh connection.
    accepted: bool,
}

/// Asks a secret's target whether it accepts the value in force.
#[utoipa::path(post, path = "/secrets/{name}/verify", tag = "secrets",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "What the target said", body = Verified)))]
async fn verify_secret(
    State(engine): App,
    Caller(who): Caller,
    Named(name): Named<String>,
) -> Answer<Verified> {
    let accepted = engine.verify_secret(&who, &name).await?;
    Ok(Json(Verified { accepted }))
}

/// What people may add.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NewSecretKind {
    Password,
    SshKey,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretBody {
    /// Its unique name.
    name: String,
    /// What it is.
    kind: NewSecretKind,
    /// Its value: a password, or a private key as OpenSSH writes it.
    #[schema(value_type = String)]
    value: Hidden,
}

/// Takes a secret in, sealed at once; usable when owners signed.
#[utoipa::path(post, path = "/secrets", tag = "secrets", request_body = SecretBody,
    responses((status = 201, description = "The change", body = Value)))]
async fn add_secret(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<SecretBody>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    let kind = match body.kind {
        NewSecretKind::Password => SecretKind::Password,
        NewSecretKind::SshKey => SecretKind::SshKey,
    };
    let value = Secret::new(body.value.0.expose_owned().into_bytes());
    let change = engine.add_secret(&who, &body.name, kind, value).await?;
    Ok((StatusCode::CREATED, Json(change)))
}
