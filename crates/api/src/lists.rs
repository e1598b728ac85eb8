//! Lists a page at a time: where a page begins, how long it is, where the next one begins.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use portcullis_engine::{MOST_PER_PAGE, PAGE, Page};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// The page of a list of `T`s that the query asks for.
pub(crate) struct Paging<T> {
    pub(crate) page: Page,
    listed: std::marker::PhantomData<T>,
}

/// Which part of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery<T> {
    after: Option<T>,
    limit: Option<usize>,
}

/// The same, as the description shows it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct PageParams {
    /// Only what comes after this: `next` of the page before.
    after: Option<String>,
    /// At most this many, from 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of a list, as the description shows it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "only described: the engine's own type is what is sent"
)]
pub(crate) struct Listed {
    /// The items, in the list's order.
    items: Vec<serde_json::Value>,
    /// What to send as `after` to go on; absent at the end.
    next: Option<String>,
}

impl<T, S> FromRequestParts<S> for Paging<T>
where
    T: DeserializeOwned + ToString + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = Query::<PageQuery<T>>::from_request_parts(parts, state).await;
        let Query(PageQuery { after, limit }) = asked.map_err(|error| unreadable(&error))?;
        let limit = limit.unwrap_or(PAGE);
        if !(1..=MOST_PER_PAGE).contains(&limit) {
            return Err(Problem::invalid(
                StatusCode::BAD_REQUEST,
                format!("limit {limit} is not from 1 to {MOST_PER_PAGE}"),
            ));
        }
        let after = after.map(|after| after.to_string());
        Ok(Self {
            page: Page { after, limit },
            listed: std::marker::PhantomData,
        })
    }
}

fn unreadable(rejection: &QueryRejection) -> Problem {
    Problem::invalid(
        StatusCode::BAD_REQUEST,
        format!(
            "{}; after is what an earlier page gave as next, limit a number",
            rejection.body_text()
        ),
    )
}
