//! All routes: the open ones by name, everything else behind one gate.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware;
use axum::response::Response;
use axum::{Extension, Router};
use portcullis_engine::Engine;
use utoipa_axum::router::OpenApiRouter;

use crate::body::MOST_BODY_BYTES;
use crate::finish::UnderWay;
use crate::openapi::Document;
use crate::problem::Problem;
use crate::reachable::Reachable;
use crate::{
    Routes, auth, catalog, changes, events, finish, grants, groups, identities, ledger, openapi,
    policy, repeats, requests, resources, retention, secrets, sessions, side_doors, sign_in, tasks,
    watch,
};

/// Where the API begins.
const PREFIX: &str = "/api/v1";

/// The API over an engine, telling where it and its doors are reached. Without [`crate::serve_https`] in front, callers'
/// addresses are not known.
pub fn router(engine: Arc<Engine>, reachable: Reachable) -> Router {
    let gate = middleware::from_fn_with_state(Arc::clone(&engine), auth::require);
    let once = middleware::from_fn_with_state(Arc::clone(&engine), repeats::once);
    let finish = middleware::from_fn_with_state(UnderWay::default(), finish::to_the_end);
    let closed = closed()
        .route_layer(once)
        .route_layer(finish)
        .route_layer(gate);
    let (routes, mut document) = OpenApiRouter::with_openapi(openapi::document())
        .nest(PREFIX, open().merge(closed))
        .split_for_parts();
    repeats::describe(&mut document);
    openapi::add_problems(&mut document);
    routes
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(Document::of(&document)))
        .layer(Extension(reachable))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(middleware::map_response(mark))
        .with_state(engine)
}

/// What anybody may call. Everything that is not here needs a token.
fn open() -> Routes {
    OpenApiRouter::new()
        .merge(sign_in::open())
        .merge(ledger::open())
        .merge(openapi::open())
}

fn closed() -> Routes {
    OpenApiRouter::new()
        .merge(sign_in::routes())
        .merge(catalog::routes())
        .merge(requests::routes())
        .merge(grants::routes())
        .merge(sessions::routes())
        .merge(retention::routes())
        .merge(watch::routes())
        .merge(changes::routes())
        .merge(identities::routes())
        .merge(resources::routes())
        .merge(side_doors::routes())
        .merge(tasks::routes())
        .merge(groups::routes())
        .merge(secrets::routes())
        .merge(policy::routes())
        .merge(ledger::routes())
        .merge(events::routes())
}

async fn unknown(OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

async fn wrong_method() -> Problem {
    Problem::invalid(
        StatusCode::METHOD_NOT_ALLOWED,
        "this cannot be called with that method",
    )
}

/// No answer is kept anywhere on its way: some carry tokens, all say who may what.
async fn mark(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
