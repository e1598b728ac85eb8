//! What rotators at SSH hosts share: going there with a value, and asking whether it is let in.

use std::time::Duration;

use portcullis_model::Secret;
use portcullis_policy::DutyPermit;
use portcullis_ports::{RotatorError, Site};
use portcullis_wire::ssh::{
    ConnectError, Credential, Destination, PublicKey, Ran, StreamLimits, connect, run,
};

/// Each of connecting, signing in and running a command.
const PATIENCE: Duration = Duration::from_secs(15);

/// Nothing large is said in either direction.
const LIMITS: StreamLimits = StreamLimits {
    window: 64 << 10,
    soft: 64 << 10,
    hard: 1 << 20,
    before_sign_in: 256 << 10,
};

/// Refuses a permit that is for another resource than the site's.
pub(crate) fn check(duty: &DutyPermit, site: &Site<'_>) -> Result<(), RotatorError> {
    if duty.resource() == site.resource.id {
        return Ok(());
    }
    Err(RotatorError::Permit(site.resource.name.clone()))
}

/// Whether a credential is let in, tried once.
pub(crate) async fn accepts(site: &Site<'_>, credential: Credential) -> Result<bool, RotatorError> {
    match connect(destination(site, credential)?, LIMITS, PATIENCE).await {
        Ok(target) => {
            target.valve.cut();
            Ok(true)
        }
        Err(ConnectError::NotLetIn { .. }) => Ok(false),
        Err(other) => Err(unreachable(site, &other)),
    }
}

/// Runs a command of ours with data on its standard input; it has to end with the status 0.
pub(crate) async fn work(
    site: &Site<'_>,
    credential: Credential,
    what: &'static str,
    command: &'static str,
    input: &Secret<Vec<u8>>,
) -> Result<(), RotatorError> {
    let destination = destination(site, credential)?;
    let refused = |cause: String| RotatorError::Refused {
        target: site.resource.name.clone(),
        what,
        cause,
    };
    match run(destination, command, input, LIMITS, PATIENCE).await {
        Ok(Ran {
            status: Some(0), ..
        }) => Ok(()),
        Ok(ran) => Err(refused(told(&ran))),
        Err(error @ ConnectError::NotLetIn { .. }) => Err(refused(error.to_string())),
        Err(other) => Err(unreachable(site, &other)),
    }
}

/// The target's own words; they may say anything, so they are bounded and made plain.
fn told(ran: &Ran) -> String {
    let words: String = String::from_utf8_lossy(&ran.error)
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    let status = ran.status.map_or_else(
        || "no exit status".to_owned(),
        |n| format!("exit status {n}"),
    );
    if words.is_empty() {
        status
    } else {
        format!("{words} ({status})")
    }
}

fn unreachable(site: &Site<'_>, error: &ConnectError) -> RotatorError {
    RotatorError::Unreachable {
        target: site.resource.name.clone(),
        cause: error.to_string(),
    }
}

fn destination(site: &Site<'_>, credential: Credential) -> Result<Destination, RotatorError> {
    let host_keys: Result<Vec<_>, _> = site
        .endpoint
        .host_keys
        .iter()
        .map(|line| PublicKey::parse(line))
        .collect();
    Ok(Destination {
        address: site.endpoint.address.clone(),
        host_keys: host_keys.map_err(|error| {
            RotatorError::Invalid(format!("a host key of {}: {error}", site.resource.name))
        })?,
        account: site.account.to_owned(),
        credential,
    })
}

/// A secret that is text.
pub(crate) fn text(value: &Secret<Vec<u8>>) -> Result<Secret<String>, RotatorError> {
    String::from_utf8(value.expose().clone())
        .map(Secret::new)
        .map_err(|_| RotatorError::Invalid("the secret is not text".to_owned()))
}
