//! What callers send: JSON bodies, identifiers in paths, secrets, the idempotency key.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use portcullis_engine::MOST_TEXT_BYTES;
use portcullis_model::Secret;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;

/// The largest body.
pub(crate) const MOST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive.
pub(crate) const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The longest idempotency key.
const MOST_KEY_BYTES: usize = 128;

/// A JSON body; what cannot be read becomes a problem.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let arriving = Json::<T>::from_request(request, state);
        match tokio::time::timeout(BODY_WITHIN, arriving).await {
            Ok(Ok(Json(value))) => Ok(Self(value)),
            Ok(Err(rejection)) => Err(unreadable(&rejection)),
            Err(_) => Err(Problem::invalid(
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long to arrive",
            )),
        }
    }
}

fn unreadable(rejection: &JsonRejection) -> Problem {
    Problem::invalid(rejection.status(), rejection.body_text())
}

/// Why somebody says no.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    /// Why, for people.
    #[serde(default, deserialize_with = "optional_text")]
    pub(crate) reason: Option<String>,
}

/// What a path names; what is no identifier of the right type becomes a problem.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<T>::from_request_parts(parts, state).await;
        named.map(|Path(value)| Self(value)).map_err(|rejection| {
            let told = rejection.body_text();
            let told = told.strip_prefix("Invalid URL: ").unwrap_or(&told);
            Problem::invalid(rejection.status(), told)
        })
    }
}

/// A secret in a body: held as one from the moment it is read.
pub(crate) struct Hidden(pub(crate) Secret<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// A text for others to read, such as a reason.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    short(&text).map(|()| text)
}

/// The same where it need not be given; to be used with `serde(default)`.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    short(text.as_deref().unwrap_or_default()).map(|()| text)
}

fn short<E: Error>(text: &str) -> Result<(), E> {
    if text.len() <= MOST_TEXT_BYTES {
        return Ok(());
    }
    let bytes = text.len();
    Err(E::custom(format!(
        "a text of {bytes} bytes is too long, at most {MOST_TEXT_BYTES} are read: say it in fewer words"
    )))
}

/// The `Idempotency-Key` header, if there is one.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let key = value.to_str().ok().map(str::trim);
        match key.filter(|key| !key.is_empty() && key.len() <= MOST_KEY_BYTES) {
            Some(key) => Ok(Self(Some(key.to_owned()))),
            None => Err(Problem::invalid(
                StatusCode::BAD_REQUEST,
                format!("the Idempotency-Key header holds 1 to {MOST_KEY_BYTES} characters"),
            )),
        }
    }
}
