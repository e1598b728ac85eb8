//! The ledger for outsiders: its key, its latest checkpoint, evidence files.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use portcullis_engine::Failure;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::body::Named;
use crate::problem::Problem;
use crate::reachable::{DoorAddress, Reachable};
use crate::{App, Routes};

const TEXT: [(&str, &str); 1] = [("content-type", "text/plain; charset=utf-8")];

pub(crate) fn open() -> Routes {
    OpenApiRouter::new().routes(routes!(ledger_key))
}

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(checkpoint))
        .routes(routes!(evidence))
}

#[derive(Serialize, ToSchema)]
struct KeyAnswer {
    /// What verifies checkpoints, as signed notes write keys.
    key: String,
    /// What target hosts are to trust, as OpenSSH writes it.
    ssh_authority: String,
    /// What clients are to know the doors by: the public key of each, by the door's name.
    door_keys: BTreeMap<String, String>,
    /// The address that people use for the API, where the configuration names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Where the doors are, by the door's name.
    doors: BTreeMap<String, DoorAddress>,
}

/// The public keys of this installation, and where its doors are.
#[utoipa::path(get, path = "/ledger/key", tag = "ledger", security(()),
    responses((status = 200, description = "The keys", body = KeyAnswer)))]
async fn ledger_key(
    State(engine): App,
    Extension(reachable): Extension<Reachable>,
) -> Json<KeyAnswer> {
    Json(KeyAnswer {
        key: engine.ledger_key(),
        ssh_authority: engine.ssh_authority().to_owned(),
        door_keys: engine.door_keys().clone(),
        url: reachable.url,
        doors: reachable.doors,
    })
}

/// The latest checkpoint, a signed note.
#[utoipa::path(get, path = "/ledger/checkpoint", tag = "ledger",
    responses((status = 200, description = "The note", content_type = "text/plain", body = String)))]
async fn checkpoint(State(engine): App) -> Result<impl IntoResponse, Problem> {
    // It lies in a file.
    let read = tokio::task::spawn_blocking(move || engine.checkpoint());
    let signed = read
        .await
        .map_err(|error| Failure::Unavailable(error.to_string()))??;
    Ok((TEXT, signed.note().to_string()))
}

/// The evidence file of a request, grant, session or change.
#[utoipa::path(get, path = "/ledger/evidence/{id}", tag = "ledger", params(("id" = String, Path)),
    responses((status = 200, description = "To be verified offline", content_type = "text/plain",
        body = String)))]
async fn evidence(
    State(engine): App,
    Caller(who): Caller,
    Named(id): Named<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok((TEXT, engine.evidence(who.identity, &id).await?))
}
