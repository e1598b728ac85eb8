//! What the stories of the tour share: running a step, showing it, holding it to what it must show.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use portcullis_classify::task::command_line;
use serde_json::Value;
use tokio::process::Command;

use super::super::people::{OWNERS, REQUESTER};
use super::super::programs::{output_of, said};
use super::super::world::World;
use crate::output;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// The steps of the tour in one world.
pub(super) struct Steps<'a> {
    pub(super) world: &'a World,
}

impl<'a> Steps<'a> {
    pub(super) const fn new(world: &'a World) -> Self {
        Self { world }
    }

    /// Signs everybody in anew, so that nobody's sign-in ends on the way.
    pub(super) async fn everybody_in(&self) -> anyhow::Result<()> {
        for name in std::iter::once(REQUESTER).chain(OWNERS) {
            self.world.cli.login(name).await?;
        }
        Ok(())
    }

    /// Says what happens now.
    pub(super) fn say(what: &str) -> anyhow::Result<()> {
        output::line(format!("  - {what}"))
    }

    /// Runs a command of ours that has to succeed or be pending.
    pub(super) async fn must(&self, name: &str, words: &[&str]) -> anyhow::Result<Value> {
        typed(name, words)?;
        self.world.cli.must(name, words, None).await
    }

    /// Runs a command of ours that has to be denied.
    pub(super) async fn must_be_denied(
        &self,
        name: &str,
        words: &[&str],
    ) -> anyhow::Result<String> {
        typed(name, words)?;
        let said = self.world.cli.run(name, words, None).await?;
        if said.code != 3 {
            bail!(
                "this had to be denied and ended with {}: {}",
                said.code,
                said.text
            );
        }
        let told: Value = serde_json::from_str(said.text.trim()).unwrap_or(Value::Null);
        output::line(format!("      denied: {}", output::text(&told, "/detail")))?;
        Ok(said.text)
    }

    /// Waits until something holds.
    pub(super) async fn until<F>(
        &self,
        what: &str,
        mut holds: impl FnMut() -> F,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<bool>>,
    {
        let begun = Instant::now();
        while !holds().await? {
            if begun.elapsed() > PATIENCE {
                bail!("waited {} s for: {what}", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// A field of a record, read as somebody.
    pub(super) async fn field(
        &self,
        name: &str,
        words: &[&str],
        pointer: &str,
    ) -> anyhow::Result<String> {
        Ok(output::text(
            &self.world.cli.must(name, words, None).await?,
            pointer,
        ))
    }

    /// Verifies the evidence of the stories offline, as an outsider would.
    pub(super) async fn verify(&self, requests: &[&str]) -> anyhow::Result<()> {
        output::line("\nThe evidence, verified offline with the ledger's key alone")?;
        for request in requests {
            let file = self.evidence(request).await?;
            let path = file
                .to_str()
                .context("the temporary folder's name is not UTF-8")?;
            let key = self.world.ledger_key.as_str();
            let words = ["ledger", "verify", path, "--key", key, "--show"];
            let mut command = Command::new(std::env::current_exe()?);
            // Nothing of the demo's server, sign-ins or folders: only the file and the key.
            command.args(words).env_clear();
            shown("anybody", &command)?;
            let done = output_of(command, None).await?;
            if !done.status.success() {
                bail!("the evidence of {request} does not hold: {}", said(&done));
            }
            for line in said(&done).lines() {
                output::line(format!("      {line}"))?;
            }
        }
        output::line("\nThe tour is over: all stories are proved.")
    }

    async fn evidence(&self, request: &str) -> anyhow::Result<PathBuf> {
        let file = self.world.path().join(format!("{request}.evidence"));
        let path = file
            .to_str()
            .context("the temporary folder's name is not UTF-8")?;
        // Whoever answers for a resource has its record in the evidence, and so its name.
        self.must(OWNERS[0], &["ledger", "prove", request, "--out", path])
            .await?;
        Ok(file)
    }
}

/// Shows a command of ours as somebody would type it.
fn typed(name: &str, words: &[&str]) -> anyhow::Result<()> {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    output::line(format!("      {name}$ portcullis {}", command_line(&words)))
}

/// Shows a command of any program as it is run, with all its words. What else it takes is in the demo's `env`.
pub(super) fn shown(name: &str, command: &Command) -> anyhow::Result<()> {
    let command = command.as_std();
    let program = Path::new(command.get_program()).file_name();
    let words: Vec<_> = program
        .into_iter()
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    output::line(format!("      {name}$ {}", command_line(&words)))
}

/// Fails with a sentence when something does not hold.
pub(super) fn hold(holds: bool, what: &str, found: &str) -> anyhow::Result<()> {
    if holds {
        return Ok(());
    }
    bail!("{what} does not hold; found: {found}")
}
