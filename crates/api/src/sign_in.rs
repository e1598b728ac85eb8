//! Enrolling, signing in and out, stepping up, keys of one's own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portcullis_engine::{Enrolment, SIGN_IN_LASTS, STEP_UP_LASTS, SignIn, StepUpTarget, WhoAmI};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Source};
use crate::body::{Body, Hidden};
use crate::problem::Problem;
use crate::{Answer, App, Routes};

pub(crate) fn open() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(enroll))
}

pub(crate) fn routes() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(logout))
        .routes(routes!(whoami))
        .routes(routes!(step_up))
        .routes(routes!(add_ssh_key))
        .routes(routes!(remove_ssh_key))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    /// The identity's name.
    name: String,
    /// Its password.
    #[schema(value_type = String)]
    password: Hidden,
    /// A one-time code, not used before.
    #[schema(value_type = String)]
    code: Hidden,
}

#[derive(Serialize, ToSchema)]
struct LoginAnswer {
    /// The bearer token.
    token: String,
    /// For how long it is good.
    expires_in_secs: u64,
}

/// Signs in with password and one-time code.
#[utoipa::path(post, path = "/login", tag = "sign-in", security(()), request_body = LoginBody,
    responses((status = 200, description = "A token", body = LoginAnswer)))]
async fn login(
    State(engine): App,
    Source(source): Source,
    Body(body): Body<LoginBody>,
) -> Answer<LoginAnswer> {
    let attempt = SignIn {
        name: body.name,
        password: body.password.0,
        code: body.code.0,
        source,
    };
    let token = engine.sign_in(attempt).await?;
    Ok(Json(LoginAnswer {
        token: token.expose_owned(),
        expires_in_secs: SIGN_IN_LASTS.as_secs(),
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnrollBody {
    /// The one-time enrolment token.
    #[schema(value_type = String)]
    token: Hidden,
    /// The password to be.
    #[schema(value_type = String)]
    password: Hidden,
    /// An SSH public key to register at once.
    ssh_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct EnrollAnswer {
    /// The identity's name.
    name: String,
    /// The one-time password seed, shown this once.
    otpauth: String,
}

/// Sets password and one-time passwords with an enrolment token.
#[utoipa::path(post, path = "/enroll", tag = "sign-in", security(()), request_body = EnrollBody,
    responses((status = 200, description = "Enrolled", body = EnrollAnswer)))]
async fn enroll(State(engine): App, Body(body): Body<EnrollBody>) -> Answer<EnrollAnswer> {
    let enrolment = Enrolment {
        token: body.token.0,
        password: body.password.0,
        ssh_key: body.ssh_key,
    };
    let done = engine.enroll(enrolment).await?;
    Ok(Json(EnrollAnswer {
        name: done.name,
        otpauth: done.otpauth.expose_owned(),
    }))
}

/// Gives the token back.
#[utoipa::path(post, path = "/logout", tag = "sign-in",
    responses((status = 204, description = "Signed out")))]
async fn logout(State(engine): App, Caller(who): Caller) -> Result<StatusCode, Problem> {
    engine.sign_out(&who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who the caller is.
#[utoipa::path(get, path = "/whoami", tag = "sign-in",
    responses((status = 200, description = "The caller", body = Value)))]
async fn whoami(State(engine): App, Caller(who): Caller) -> Answer<WhoAmI> {
    Ok(Json(engine.who_am_i(&who).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepUpBody {
    /// A one-time code, not used before.
    #[schema(value_type = String)]
    code: Hidden,
    /// The account at the target.
    account: String,
    /// The resource's name.
    target: String,
    /// The fingerprint of the SSH key that will be used.
    key: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct StepUpAnswer {
    /// For how long it counts.
    pub(crate) expires_in_secs: u64,
}

/// Spends a one-time code ahead, for a client that cannot ask for one.
#[utoipa::path(post, path = "/step-up", tag = "sign-in", request_body = StepUpBody,
    responses((status = 200, description = "Counts for a few minutes", body = StepUpAnswer)))]
async fn step_up(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<StepUpBody>,
) -> Answer<StepUpAnswer> {
    let target = StepUpTarget {
        account: body.account,
        target: body.target,
        key: body.key,
    };
    engine.step_up(&who, body.code.0, target).await?;
    Ok(Json(StepUpAnswer {
        expires_in_secs: STEP_UP_LASTS.as_secs(),
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SshKeyBody {
    /// The key, as OpenSSH writes public keys.
    public_key: String,
}

#[derive(Serialize, ToSchema)]
struct SshKeyAnswer {
    /// Its `SHA256:` fingerprint.
    fingerprint: String,
}

/// Registers an SSH key of the caller.
#[utoipa::path(post, path = "/ssh-keys", tag = "sign-in", request_body = SshKeyBody,
    responses((status = 200, description = "Registered", body = SshKeyAnswer)))]
async fn add_ssh_key(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<SshKeyBody>,
) -> Answer<SshKeyAnswer> {
    let fingerprint = engine.add_key(&who, body.public_key).await?;
    Ok(Json(SshKeyAnswer { fingerprint }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RemoveSshKeyBody {
    /// Its `SHA256:` fingerprint.
    fingerprint: String,
}

/// Takes an SSH key of the caller away; sessions opened with it end.
#[utoipa::path(post, path = "/ssh-keys/remove", tag = "sign-in", request_body = RemoveSshKeyBody,
    responses((status = 204, description = "It counts no longer")))]
async fn remove_ssh_key(
    State(engine): App,
    Caller(who): Caller,
    Body(body): Body<RemoveSshKeyBody>,
) -> Result<StatusCode, Problem> {
    engine.remove_key(&who, body.fingerprint).await?;
    Ok(StatusCode::NO_CONTENT)
}
