//! Secrets: taken in, listed without their values, never given out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{ChangeView, Part, SecretKind, SecretView};
use portcullis_model::{Secret, SecretId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::{Body, Hidden};
use crate::lists::{Listed, PageParams, Paging};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new().routes(routes!(list_secrets, add_secret))
}

/// The secrets that people added, without their values.
#[utoipa::path(get, path = "/secrets", tag = "secrets", params(PageParams),
    responses((status = 200, description = "Oldest first, without their values", body = Listed)))]
async fn list_secrets(State(engine): App, paging: Paging<SecretId>) -> Answer<Part<SecretView>> {
    let part = engine.list_secrets(&paging.page);
    Ok(Json(part.await?))
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
