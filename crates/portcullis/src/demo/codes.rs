//! The demo identities' one-time codes: each is handed out once, and none that is spent already.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use portcullis_identity::totp;
use portcullis_model::{Secret, Timestamp};
use portcullis_ports::Clock;

use crate::output;
use crate::server::SystemClock;
use crate::server::folder::replace_private;

/// A step of the codes, in seconds.
const STEP: u64 = 30;

/// How long a code handed out stays good at least, in seconds: time to type it.
const TO_TYPE: u64 = 15;

fn folder(world: &Path) -> PathBuf {
    world.join("codes")
}

/// Keeps the seed of a demo identity, as enrolment showed it.
pub(crate) fn keep(world: &Path, name: &str, otpauth: &Secret<String>) -> anyhow::Result<()> {
    replace_private(&folder(world).join(name), otpauth.expose().as_bytes())
}

/// The next code that will be accepted; waits where all that could be are handed out.
pub(crate) async fn next(world: &Path, name: &str) -> anyhow::Result<String> {
    let seed = std::fs::read_to_string(folder(world).join(name))
        .with_context(|| format!("there is no demo identity {name}"))?;
    let handed = folder(world).join(format!("{name}.last"));
    let clock = SystemClock::new();
    let mut told = false;
    loop {
        let last: u64 = std::fs::read_to_string(&handed)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let now = clock.now().as_secs();
        // Of the steps accepted now, the oldest that will still be accepted when it has been typed.
        let oldest = ((now + TO_TYPE) / STEP).saturating_sub(1);
        let step = oldest.max(last + 1);
        if step <= now / STEP + 1 {
            replace_private(&handed, step.to_string().as_bytes())?;
            return code(&seed, step);
        }
        if !told {
            // A code counts once, and one comes every half minute.
            let wait = (step * STEP).saturating_sub(now + STEP);
            output::note(format!("{name}'s next code comes in {wait} s"))?;
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn code(otpauth: &str, step: u64) -> anyhow::Result<String> {
    let at = Timestamp::from_millis(step * STEP * 1000);
    let code = totp::code_of_uri(otpauth, at).context("the kept seed is damaged")?;
    Ok(code.expose().clone())
}
