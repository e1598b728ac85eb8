//! The API's description of itself, and whether it is there at all.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde_json::{Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Routes;
use crate::problem::Problem;

/// The name of the security scheme.
const SCHEME: &str = "token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portcullis",
        description = "Access control for two paths. Errors are RFC 9457 problems with a `code`. Lists come a \
            page at a time: `items`, and `next` to go on after. Every `POST` that changes something takes an \
            `Idempotency-Key`: made again by the same caller with the same body, it does nothing and answers with \
            what it did, as that stands now, with `Idempotency-Replayed: true`; with another body it is refused. \
            `POST`s that change nothing are answered anew. `POST /login` and `POST /enroll` take none: one-time codes \
            and tokens make them happen once by themselves."
    ),
    components(schemas(Problem)),
    modifiers(&Token),
    security(("token" = []))
)]
struct Api;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        if let Some(components) = document.components.as_mut() {
            components.add_security_scheme(SCHEME, scheme);
        }
    }
}

/// The document without its paths.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// A response that is a problem.
pub(crate) fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}

/// Adds to every operation in which shape it says no.
pub(crate) fn add_problems(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses
                .entry("default".to_owned())
                .or_insert_with(|| problem("Why it did not happen").into());
        }
    }
}

/// The finished document.
#[derive(Clone)]
pub(crate) struct Document(String);

impl Document {
    pub(crate) fn of(document: &utoipa::openapi::OpenApi) -> Self {
        Self(serde_json::to_string(document).unwrap_or_default())
    }
}

pub(crate) fn open() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(openapi))
        .routes(routes!(health))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Value)))]
async fn openapi(Extension(document): Extension<Document>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], document.0)
}

/// Whether the server answers.
#[utoipa::path(get, path = "/health", tag = "service", security(()),
    responses((status = 200, description = "It does", body = Value)))]
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}
