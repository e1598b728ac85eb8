//! The command line as a client of the server's API.

mod api;
mod profile;

pub(crate) use api::{Api, ApiError, Problem, cause, tls};
pub(crate) use profile::{Home, Profile};
