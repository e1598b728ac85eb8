//! `Idempotency-Key`: a call made again under its key answers with what it did, and does nothing.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use portcullis_engine::{Call, Engine, Failure, Precedent, STEP_UP_LASTS};
use portcullis_model::{Event, IdentityId};
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Object, OpenApi, Required, Type};

use crate::auth::Caller;
use crate::body::{BODY_WITHIN, IdempotencyKey, MOST_BODY_BYTES};
use crate::openapi::problem;
use crate::problem::Problem;
use crate::sign_in::StepUpAnswer;

/// Marks an answer that was given before.
const REPEATED: &str = "idempotency-replayed";

/// Lets a call through, unless it was made before under the key it names.
pub(crate) async fn once(
    State(engine): State<Arc<Engine>>,
    Caller(who): Caller,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = key.filter(|_| request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(String::new, |path| path.as_str().to_owned());
    let (parts, body) = request.into_parts();
    let body = arrived(body).await?;
    let what = [parts.uri.path().as_bytes(), b"\n", &body].concat();
    let call = engine.call(who.identity, &key, &what);
    if let Some(answer) = repeated(&engine, who.identity, &call, &route).await? {
        return Ok(answer);
    }
    let request = Request::from_parts(parts, Body::from(body));
    let response = call.make(next.run(request)).await;
    if response.status().is_client_error() {
        // The same call may have been under way at the same time, and been faster.
        let faster = repeated(&engine, who.identity, &call, &route).await?;
        return Ok(faster.unwrap_or(response));
    }
    Ok(response)
}

async fn arrived(body: Body) -> Result<Bytes, Problem> {
    let problem = |status, detail: &str| Problem::invalid(status, detail);
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, MOST_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large, or broke off",
        )),
        Err(_) => Err(problem(
            StatusCode::REQUEST_TIMEOUT,
            "the body took too long to arrive",
        )),
    }
}

async fn repeated(
    engine: &Engine,
    who: IdentityId,
    call: &Call,
    route: &str,
) -> Result<Option<Response>, Problem> {
    match engine.precedent(call).await? {
        Precedent::Nothing => Ok(None),
        Precedent::Another => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this Idempotency-Key was used for another call, or with another body",
        )
        .with_next("use a key of its own for each call")),
        Precedent::Same(event) => {
            let mut answer = outcome(engine, who, &event, route).await?;
            let headers = answer.headers_mut();
            headers.insert(REPEATED, HeaderValue::from_static("true"));
            Ok(Some(answer))
        }
    }
}

/// What the call came to, as it stands now. What was shown once is not shown again.
async fn outcome(
    engine: &Engine,
    who: IdentityId,
    event: &Event,
    route: &str,
) -> Result<Response, Problem> {
    let id = event.stream.as_str();
    let route = route.rsplit("/v1").next().unwrap_or(route);
    let status = match route {
        "/requests" | "/resources" | "/secrets" | "/identities" | "/tasks"
        | "/policy/proposals" => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    match (event.noun(), route) {
        ("request", _) => show(status, engine.show_request(who, named(id)?).await?),
        ("grant", _) => show(status, engine.show_grant(who, id).await?),
        ("session", "/sessions/{id}/kill" | "/sessions/{id}/hold") => {
            show(status, engine.show_session(who, named(id)?).await?)
        }
        ("change", _) => {
            let change = engine.show_change(who, named(id)?).await?;
            match route {
                "/resources" => show(status, engine.resource_put(change).await?),
                "/policy/proposals" => show(status, Engine::bundle_proposal(change)),
                "/identities/{name}/enroll" => show(StatusCode::ACCEPTED, change),
                _ => show(status, change),
            }
        }
        ("identity", "/ssh-keys") => show(
            status,
            json!({ "fingerprint": event.data.get("fingerprint") }),
        ),
        ("identity", "/step-up") => {
            let left = engine.time_until(event.at.plus(STEP_UP_LASTS));
            show(status, StepUpAnswer { expires_in_secs: left.as_secs() })
        }
        ("identity", "/logout" | "/ssh-keys/remove") => Ok(StatusCode::NO_CONTENT.into_response()),
        _ => Err(Problem::new(
            StatusCode::CONFLICT,
            "answered_once",
            "this call was made before under its Idempotency-Key, and its answer is given only once",
        )
        .with_next("use another key to make it once more")),
    }
}

fn named<T: std::str::FromStr>(id: &str) -> Result<T, Failure> {
    id.parse()
        .map_err(|_| Failure::Damaged(format!("{id} is not what its event says")))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "reads like the other arms of one match"
)]
fn show<T: Serialize>(status: StatusCode, view: T) -> Result<Response, Problem> {
    Ok((status, Json(view)).into_response())
}

/// Adds the header to the description of every call that takes it.
pub(crate) fn describe(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let closed = item.post.as_mut().filter(|post| post.security.is_none());
        if let Some(post) = closed {
            describe_one(post);
        }
    }
}

fn describe_one(post: &mut Operation) {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes the call safe to repeat: again with the same body, it does nothing and answers with what it did",
        ))
        .schema(Some(Object::with_type(Type::String)));
    post.parameters
        .get_or_insert_default()
        .push(key.build().into());
    let reused = problem("`idempotency_key_reused`: the Idempotency-Key was used for another call");
    let responses = &mut post.responses.responses;
    responses
        .entry("422".to_owned())
        .or_insert_with(|| reused.into());
}
