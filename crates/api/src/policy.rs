//! Policy bundles: the active one, checking and proposing another.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{ActiveBundle, BundleCheck, BundleProposal};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::Body;
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(active_policy))
        .routes(routes!(check_policy))
        .routes(routes!(propose_policy))
}

/// The active bundle.
#[utoipa::path(get, path = "/policy", tag = "policy",
    responses((status = 200, description = "Its digest and files", body = Value)))]
async fn active_policy(State(engine): App) -> Json<ActiveBundle> {
    Json(engine.active_bundle())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BundleBody {
    /// The texts of the bundle's files by their paths in it.
    files: BTreeMap<String, String>,
}

impl BundleBody {
    fn bytes(self) -> BTreeMap<String, Vec<u8>> {
        let files = self.files.into_iter();
        files
            .map(|(path, text)| (path, text.into_bytes()))
            .collect()
    }
}

/// Checks a bundle for an owner; keeps nothing of it.
#[utoipa::path(post, path = "/policy/check", tag = "policy", request_body = BundleBody,
    responses((status = 200, description = "`digest`, `ok` and `problems`", body = Value)))]
async fn check_policy(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<BundleBody>,
) -> Answer<BundleCheck> {
    Ok(Json(engine.check_bundle(&who, body.bytes()).await?))
}

/// Proposes a bundle, to be signed.
#[utoipa::path(post, path = "/policy/proposals", tag = "policy", request_body = BundleBody,
    responses((status = 201, description = "The change, and of what kind it is", body = Value)))]
async fn propose_policy(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<BundleBody>,
) -> Result<(StatusCode, Json<BundleProposal>), Problem> {
    let proposal = engine.propose_bundle(&who, body.bytes()).await?;
    Ok((StatusCode::CREATED, Json(proposal)))
}
