//! Errors as RFC 9457 problems: the one shape in which this API says no.

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use portcullis_engine::Failure;
use serde::Serialize;

/// Why a call did not happen (RFC 9457), with a code for programs and the next step for people.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// One word a cause, for programs.
    code: &'static str,
    /// What happened, to what.
    detail: String,
    /// What to do next, where there is something to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            next: None,
        }
    }

    /// The same, with what to do next.
    pub(crate) fn with_next(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }

    /// What was sent makes no sense.
    pub(crate) fn invalid(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, "invalid", detail)
    }

    /// The caller has not proved who it is.
    pub(crate) fn unauthenticated(detail: &str) -> Self {
        Failure::Unauthenticated(detail.to_owned()).into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match &failure {
            Failure::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Failure::Denied { .. } => StatusCode::FORBIDDEN,
            Failure::Invalid(_) => StatusCode::BAD_REQUEST,
            Failure::NotFound(_) => StatusCode::NOT_FOUND,
            Failure::Conflict(_) | Failure::Raced => StatusCode::CONFLICT,
            Failure::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(%failure, "a call failed");
        }
        Self {
            next: failure.next().map(str::to_owned),
            ..Self::new(status, failure.code(), failure.to_string())
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_status() {
        let cases = [
            (Failure::Unauthenticated(String::new()), 401),
            (Failure::denied("policy", "no", "ask for less"), 403),
            (Failure::Invalid(String::new()), 400),
            (Failure::NotFound(String::new()), 404),
            (Failure::Conflict(String::new()), 409),
            (Failure::Raced, 409),
            (Failure::Unavailable(String::new()), 503),
            (Failure::Damaged(String::new()), 500),
        ];
        for (failure, status) in cases {
            let code = failure.code();
            let problem = Problem::from(failure);
            assert_eq!((problem.status, problem.code), (status, code));
        }
    }

    #[test]
    fn a_denial_tells_the_next_step() {
        let problem = Problem::from(Failure::denied("policy", "no", "ask for less"));
        assert_eq!(problem.next.as_deref(), Some("ask for less"));
    }
}
