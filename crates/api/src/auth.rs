//! Who calls: the one gate in front of every route that is not open.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use portcullis_engine::Engine;
use portcullis_model::{Authentication, Secret};

use crate::problem::Problem;
use crate::seats::Standing;

/// A caller that proved who it is. Only [`require`] makes one; elsewhere taking it answers 401.
#[derive(Clone)]
pub(crate) struct Caller(pub(crate) Authentication);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = parts.extensions.get::<Self>().cloned();
        known.ok_or_else(|| Problem::unauthenticated("you are not signed in"))
    }
}

/// The token of the `Authorization` header, not yet judged.
pub(crate) struct Bearer(pub(crate) Secret<String>);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Problem::unauthenticated(
                "this needs one Authorization header with a bearer token",
            ));
        };
        let token = value.to_str().ok().and_then(|text| text.split_once(' '));
        match token {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Self(Secret::new(token.trim().to_owned())))
            }
            _ => Err(Problem::unauthenticated(
                "the Authorization header holds no bearer token",
            )),
        }
    }
}

/// Lets a request through with its [`Caller`], or answers 401.
pub(crate) async fn require(
    State(engine): State<Arc<Engine>>,
    Bearer(token): Bearer,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = Caller(engine.authenticate(&token).await?);
    if let Some(standing) = request.extensions().get::<Standing>() {
        standing.known();
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Where a caller comes from, for counting failed attempts.
pub(crate) struct Source(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>();
        // Without a socket of ours in front (in tests) all callers count as one.
        Ok(Self(peer.map_or_else(
            || "unknown".to_owned(),
            |peer| network(peer.0.ip()),
        )))
    }
}

/// What of an address its holder cannot change at will: of IPv6, the network of 64 bits.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_as_one_and_others_do_not() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
