//! The demo's people, enrolled with the tokens of the founding, and running the command line as each of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use portcullis_engine::{Engine, Enrolment};
use portcullis_model::Secret;
use serde_json::Value;
use tokio::process::Command;

use super::codes;
use super::programs::{output_of, run, said};
use crate::client::Home;

/// The password of every demo identity.
pub(crate) const PASSWORD: &str = "evaluation only";

/// The requester, who has an SSH key.
pub(crate) const REQUESTER: &str = "rosa";

/// The resource owner, the owner of identities, the owner of privileged sessions.
pub(crate) const OWNERS: [&str; 3] = ["olaf", "iris", "pia"];

/// Enrolls everybody with the tokens of the founding.
pub(crate) async fn enroll(
    engine: &Engine,
    world: &Path,
    tokens: Vec<(String, Secret<String>)>,
) -> anyhow::Result<()> {
    let key = ssh_key(world);
    let path = key
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    run(
        "ssh-keygen",
        ["-q", "-t", "ed25519", "-N", "", "-C", REQUESTER, "-f", path],
    )
    .await?;
    let public = std::fs::read_to_string(key.with_extension("pub"))?;
    for (name, token) in tokens {
        let ssh_key = (name == REQUESTER).then(|| public.trim().to_owned());
        let password = Secret::new(PASSWORD.to_owned());
        let done = engine
            .enroll(Enrolment {
                token,
                password,
                ssh_key,
            })
            .await?;
        codes::keep(world, &name, &done.otpauth)?;
    }
    Ok(())
}

/// The requester's private SSH key.
pub(crate) fn ssh_key(world: &Path) -> PathBuf {
    world.join("rosa_ed25519")
}

/// How a command of ours ended, and what it printed.
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) code: i32,
    /// Everything it printed.
    pub(crate) text: String,
    /// What of that is JSON.
    pub(crate) json: Value,
}

/// The command line of this very program, in the demo's world.
#[derive(Clone)]
pub(crate) struct CommandLine {
    pub(crate) world: PathBuf,
    pub(crate) server: String,
    pub(crate) certificate: PathBuf,
}

impl CommandLine {
    /// A command as one of the demo's people.
    pub(crate) fn command(&self, name: &str, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).args(["--as", name]);
        for (variable, value) in self.environment() {
            command.env(variable, value);
        }
        Ok(command)
    }

    /// What the environment has to say for the command line to find the demo.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PORTCULLIS_SERVER", self.server.clone()),
            ("PORTCULLIS_CA", self.certificate.display().to_string()),
            (
                "PORTCULLIS_HOME",
                self.world.join("sign-ins").display().to_string(),
            ),
            (
                "PORTCULLIS_DATA",
                self.world.join("data").display().to_string(),
            ),
            ("PORTCULLIS_DEMO", self.world.display().to_string()),
        ]
    }

    /// Signs somebody in, with a fresh code.
    pub(crate) async fn login(&self, name: &str) -> anyhow::Result<()> {
        let code = codes::next(&self.world, name).await?;
        let answers = format!("{PASSWORD}\n{code}\n");
        let output = output_of(self.command(name, &["login", name])?, Some(&answers)).await?;
        if !output.status.success() {
            bail!("{name} could not sign in: {}", said(&output));
        }
        Ok(())
    }

    /// Takes back that the last one who signed in is whom plain commands run as.
    pub(crate) fn leave_nobody_current(&self) -> anyhow::Result<()> {
        Home::at(self.world.join("sign-ins")).leave_nobody_current()
    }

    /// Runs a command as somebody, with JSON as output.
    pub(crate) async fn run(
        &self,
        name: &str,
        words: &[&str],
        input: Option<&str>,
    ) -> anyhow::Result<Said> {
        // Options go before `--`, which ends them.
        let place = words
            .iter()
            .position(|word| *word == "--")
            .unwrap_or(words.len());
        let (before, after) = words.split_at(place);
        let mut all = vec!["--json", "--as", name];
        all.extend(before);
        all.extend(after);
        let mut command = Command::new(std::env::current_exe()?);
        command.args(all).envs(self.environment());
        let output = output_of(command, input).await?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
            text: said(&output),
        })
    }

    /// The same, when it has to succeed or be pending.
    pub(crate) async fn must(
        &self,
        name: &str,
        words: &[&str],
        input: Option<&str>,
    ) -> anyhow::Result<Value> {
        let said = self.run(name, words, input).await?;
        if said.code != 0 && said.code != 4 {
            bail!(
                "portcullis {} as {name} ended with {}: {}",
                words.join(" "),
                said.code,
                said.text
            );
        }
        Ok(said.json)
    }
}
