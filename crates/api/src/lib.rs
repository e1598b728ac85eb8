//! The HTTP API: JSON, RFC 9457 problems, server-sent events, and the HTTPS door they stand behind.
//! Floor 4: handlers read a request, call one use case and render what it says; no rule lives here.

mod auth;
mod body;
mod catalog;
mod changes;
mod events;
mod finish;
mod grants;
mod groups;
mod identities;
mod ledger;
mod lists;
mod openapi;
mod policy;
mod problem;
mod reachable;
mod repeats;
mod requests;
mod resources;
mod retention;
mod router;
mod seats;
mod secrets;
mod serve;
mod sessions;
mod side_doors;
mod sign_in;
mod tasks;
mod tls;
mod vigil;
mod watch;

pub use axum::Router;
pub use reachable::{DoorAddress, Reachable};
pub use router::router;
pub use serve::{serve_http, serve_https};
pub use tls::{ApiError, TlsIdentity, self_signed};

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use portcullis_engine::Engine;

use problem::Problem;

/// What every handler is given.
type App = State<Arc<Engine>>;

/// What most handlers answer.
type Answer<T> = Result<Json<T>, Problem>;

/// Routes with their description.
type Routes = utoipa_axum::router::OpenApiRouter<Arc<Engine>>;
