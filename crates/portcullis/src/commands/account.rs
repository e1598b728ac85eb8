//! `login`, `logout`, `whoami`, `step-up`.

use std::path::Path;

use anyhow::{Context, bail};
use portcullis_model::Secret;
use portcullis_ports::Chosen;
use serde_json::json;

use crate::args::Global;
use crate::args::account::{AccountCommand, LoginArgs, LogoutArgs, StepUpArgs};
use crate::client::{Api, ApiError, Home, Problem, Profile};
use crate::outcome::{Outcome, Stuck, Usage};
use crate::output;
use crate::prompt::{ask, ask_new_secret, ask_secret};
use crate::server::OsEntropy;

/// Runs one of them.
pub(crate) async fn run(global: &Global, command: AccountCommand) -> anyhow::Result<Outcome> {
    match command {
        AccountCommand::Login(args) if args.enroll => enroll(global, args).await,
        AccountCommand::Login(args) => login(global, args).await,
        AccountCommand::Logout(args) => logout(global, args).await,
        AccountCommand::Whoami => whoami(global).await,
        AccountCommand::StepUp(args) => step_up(global, args).await,
    }
}

async fn enroll(global: &Global, args: LoginArgs) -> anyhow::Result<Outcome> {
    let api = Api::anonymous(global)?;
    api.is_there().await?;
    let key = public_key(args.ssh_key.as_deref())?;
    let token = ask_secret("One-time token")?;
    let password = ask_new_secret("New password (12 characters or more)")?;
    let body = json!({ "token": token, "password": password, "ssh_key": key });
    let done = api
        .post("/enroll", &body)
        .await
        .map_err(needs_another_token)?;
    if global.json {
        output::json(&done)?;
        return Ok(Outcome::Done);
    }
    output::line(format!("enrolled as {}", output::text(&done, "/name")))?;
    output::line("\nPut this into your authenticator now; it is not shown again:\n")?;
    output::line(format!("  {}", output::text(&done, "/otpauth")))?;
    output::line(format!(
        "\nNext: portcullis login {}",
        output::text(&done, "/name")
    ))?;
    Ok(Outcome::Done)
}

/// A token that is not taken is of no more use; signing in is not the way to another.
fn needs_another_token(error: ApiError) -> ApiError {
    match error {
        ApiError::Problem(problem) if problem.status == 401 => ApiError::Problem(Problem {
            next: Some(
                "ask an owner of identities for a new one: portcullis identities enroll NAME"
                    .to_owned(),
            ),
            ..problem
        }),
        other => other,
    }
}

fn public_key(path: Option<&Path>) -> anyhow::Result<Option<String>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
    };
    path.map(read).transpose()
}

async fn login(global: &Global, args: LoginArgs) -> anyhow::Result<Outcome> {
    let api = Api::anonymous(global)?;
    api.is_there().await?;
    let key = public_key(args.ssh_key.as_deref())?;
    let name = match args.name.or_else(|| global.identity.clone()) {
        Some(name) => name,
        None => ask("Name")?,
    };
    let password = ask_secret("Password")?;
    let code = ask_secret("One-time code")?;
    let body = json!({ "name": name, "password": password, "code": code });
    let answer = api.post("/login", &body).await?;
    let profile = Profile {
        server: api.server().to_owned(),
        ca: api.ca().map(str::to_owned),
        name: name.clone(),
        token: output::text(&answer, "/token"),
    };
    Home::of(global)?.keep(&profile)?;
    let minutes = minutes(&answer);
    if !global.json {
        output::line(format!("signed in as {name} for {minutes} minutes"))?;
    }
    let fingerprint = match key {
        Some(key) => Some(register(global, &name, &key).await?),
        None => None,
    };
    if global.json {
        output::json(&json!({
            "name": name, "expires_in_minutes": minutes, "ssh_key": fingerprint,
        }))?;
    } else if let Some(fingerprint) = fingerprint {
        output::line(format!("{fingerprint} is yours at the SSH door"))?;
    }
    Ok(Outcome::Done)
}

/// Registers an SSH key of somebody who just signed in; says its fingerprint.
async fn register(global: &Global, name: &str, key: &str) -> anyhow::Result<String> {
    let global = Global {
        identity: Some(name.to_owned()),
        ..global.clone()
    };
    let api = Api::signed_in(&global)?;
    let answer = api.post("/ssh-keys", &json!({ "public_key": key })).await?;
    Ok(output::text(&answer, "/fingerprint"))
}

async fn logout(global: &Global, args: LogoutArgs) -> anyhow::Result<Outcome> {
    let home = Home::of(global)?;
    let profile = home.load(global.identity.as_deref())?;
    if let Some(key) = args.ssh_key {
        unregister(global, key).await?;
    }
    let given_back = Api::signed_in(global)?.post("/logout", &json!({})).await;
    home.forget(&profile.name)?;
    given_back.context("the sign-in is forgotten here, but the server could not be told")?;
    if global.json {
        output::json(&json!({ "name": profile.name, "signed_out": true }))?;
    } else {
        output::line(format!("{} is signed out", profile.name))?;
    }
    Ok(Outcome::Done)
}

/// Takes away an SSH key that is named by its fingerprint or its file.
async fn unregister(global: &Global, key: String) -> anyhow::Result<()> {
    let fingerprint = if key.starts_with("SHA256:") {
        key
    } else {
        fingerprint(Path::new(&key))?
    };
    let body = json!({ "fingerprint": fingerprint });
    Api::signed_in(global)?
        .post("/ssh-keys/remove", &body)
        .await?;
    if !global.json {
        output::line(format!("{fingerprint} counts no longer"))?;
    }
    Ok(())
}

async fn whoami(global: &Global) -> anyhow::Result<Outcome> {
    let me = Api::signed_in(global)?.get("/whoami").await?;
    if global.json {
        output::json(&me)?;
        return Ok(Outcome::Done);
    }
    output::line(format!(
        "{} ({})",
        output::text(&me, "/name"),
        output::text(&me, "/kind")
    ))?;
    let roles = output::list(&me, "/roles");
    if !roles.is_empty() {
        output::line(format!("owner: {roles}"))?;
    }
    let keys = output::list(&me, "/ssh_keys");
    if !keys.is_empty() {
        output::line(format!("ssh keys: {keys}"))?;
    }
    Ok(Outcome::Done)
}

async fn step_up(global: &Global, args: StepUpArgs) -> anyhow::Result<Outcome> {
    let api = Api::signed_in(global)?;
    let (account, target) = args
        .login
        .split_once('@')
        .ok_or_else(|| Usage("say ACCOUNT@TARGET, as in the SSH login".to_owned()))?;
    let me = api.get("/whoami").await?;
    let key = match &args.key {
        Some(path) => fingerprint(path)?,
        None => only_key(&me)?,
    };
    let code = ask_secret("One-time code")?;
    let body = json!({ "code": code, "account": account, "target": target, "key": key });
    let minutes = minutes(&api.post("/step-up", &body).await?);
    if global.json {
        output::json(&json!({ "login": args.login, "key": key, "expires_in_minutes": minutes }))?;
    } else {
        output::line(format!(
            "stepped up for {} with {key}, for {minutes} minutes",
            args.login
        ))?;
    }
    Ok(Outcome::Done)
}

/// For how long an answer says that what it gave is good.
fn minutes(answer: &serde_json::Value) -> u64 {
    let secs = answer.get("expires_in_secs");
    secs.and_then(serde_json::Value::as_u64).unwrap_or(0) / 60
}

fn only_key(me: &serde_json::Value) -> anyhow::Result<String> {
    let keys = me
        .get("ssh_keys")
        .and_then(serde_json::Value::as_array)
        .cloned()
        .unwrap_or_default();
    match keys.as_slice() {
        [only] => Ok(only.as_str().unwrap_or_default().to_owned()),
        [] => bail!(Stuck {
            what: "you have no SSH key registered".to_owned(),
            next: "portcullis login --ssh-key FILE registers one".to_owned(),
        }),
        _ => bail!(Usage(
            "you have several SSH keys: say which with --key FILE".to_owned()
        )),
    }
}

fn fingerprint(path: &Path) -> anyhow::Result<String> {
    let text = public_key(Some(path))?.unwrap_or_default();
    let method =
        portcullis_identity::by_name("ssh_key").context("there is no such sign-in method")?;
    let chosen = Some(Chosen::PublicKey(Secret::new(text)));
    let read = method.enroll(chosen, "", &OsEntropy);
    Ok(read
        .with_context(|| format!("reading {}", path.display()))?
        .public)
}
