//! The privileged story: asked, approved by two, stepped up, opened, watched, killed, verified, replayed.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::super::programs::{output_of, said};
use super::steps::{Steps, hold, shown};
use crate::output::{self, text};

/// How long a line may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs it; returns the request.
pub(super) async fn run(steps: &Steps<'_>) -> anyhow::Result<String> {
    steps.everybody_in().await?;
    Steps::say("the requester asks what it would take: privileged, and why")?;
    let preview = steps.must("rosa", &["preview", "web-1", "shell"]).await?;
    hold(
        text(&preview, "/path") == "privileged",
        "a shell is privileged",
        &preview.to_string(),
    )?;
    Steps::say(&format!(
        "      path privileged: {}",
        text(&preview, "/reason")
    ))?;

    Steps::say("two different people approve, one of them the owner")?;
    let words = [
        "request", "web-1", "shell", "--reason", "INC-42", "--for", "15m",
    ];
    let request = text(&steps.must("rosa", &words).await?, "/id");
    steps.must("olaf", &["approve", &request]).await?;
    steps.must_be_denied("olaf", &["approve", &request]).await?;
    steps.must("pia", &["approve", &request]).await?;

    Steps::say("plain ssh web-1, with a one-time code, opens the shell; uname -a is typed in it")?;
    let mut shell = Shell::open(steps).await?;
    shell.type_line("uname -a").await?;
    shell.wait_for("Linux").await?;
    let session = live_session(steps).await?;

    Steps::say("ssh web-1 id, an exec that nobody approved, is denied")?;
    let exec = ssh(steps, &["web-1", "id"])?;
    shown("rosa", &exec)?;
    let denied = output_of(exec, None).await?;
    hold(
        denied.status.code() == Some(3),
        "an exec that was not approved is denied",
        &said(&denied),
    )?;
    for line in said(&denied).lines() {
        output::line(format!("      {line}"))?;
    }

    Steps::say("the owner watches, which is decided and recorded, and kills the session")?;
    watch_and_kill(steps, &session, &mut shell).await?;

    Steps::say("the tape verifies, and replays offline with the auditor's own key")?;
    replay(steps, &session).await?;
    steps
        .must_be_denied("pia", &["sessions", "play", &session])
        .await?;
    let show = ["grants", "show", request.as_str()];
    steps.must("rosa", &["release", &request]).await?;
    steps
        .until("the grant is over", || async {
            Ok(steps.field("rosa", &show, "/status").await? == "revoked")
        })
        .await?;
    Ok(request)
}

async fn live_session(steps: &Steps<'_>) -> anyhow::Result<String> {
    let all = steps.must("olaf", &["sessions", "list"]).await?;
    let live = all
        .as_array()
        .into_iter()
        .flatten()
        .find(|session| text(session, "/status") == "live");
    live.map(|session| text(session, "/id"))
        .context("no session lives")
}

async fn watch_and_kill(steps: &Steps<'_>, session: &str, shell: &mut Shell) -> anyhow::Result<()> {
    let mut watching = steps
        .world
        .cli
        .command("olaf", &["sessions", "watch", session])?;
    shown("olaf", &watching)?;
    watching
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut watching = watching.spawn()?;
    let mut seen = watching
        .stdout
        .take()
        .context("the watcher has no output")?;
    shell.type_line("echo seen-by-$((40+2))").await?;
    read_until(&mut seen, "seen-by-42")
        .await
        .context("watching")?;
    steps
        .must(
            "olaf",
            &["sessions", "kill", session, "--reason", "the tour goes on"],
        )
        .await?;
    let ended = tokio::time::timeout(PATIENCE, shell.child.wait())
        .await
        .context("the session did not die")??;
    hold(
        !ended.success(),
        "the killed session's client failed",
        &ended.to_string(),
    )?;
    tokio::time::timeout(PATIENCE, watching.wait())
        .await
        .context("the watcher did not end")??;
    let show = ["sessions", "show", session];
    steps
        .until("the session is over", || async {
            Ok(steps.field("olaf", &show, "/status").await? == "ended")
        })
        .await
}

async fn replay(steps: &Steps<'_>, session: &str) -> anyhow::Result<()> {
    let folder = steps.world.path().join("taken");
    let out = folder
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    steps
        .must("pia", &["sessions", "export", session, "--out", out])
        .await?;
    let tape = format!("{out}/{session}.tape");
    let evidence = format!("{out}/{session}.evidence");
    steps.must("pia", &["sessions", "verify", session]).await?;
    let key = steps.world.ledger_key.as_str();
    let verify = ["sessions", "verify", &tape, "--evidence", &evidence];
    steps
        .must("pia", &[&verify[..], &["--key", key]].concat())
        .await?;
    let auditor = steps.world.path().join("auditor.age");
    let mut play = Command::new(std::env::current_exe()?);
    play.args(["sessions", "play", &tape, "--fast", "--identity"])
        .arg(auditor)
        .env_clear();
    shown("auditor", &play)?;
    let played = said(&output_of(play, None).await?);
    hold(
        played.contains("uname -a") && played.contains("Linux"),
        "the replay shows what was typed",
        &played,
    )
}

/// A plain `ssh` of rosa's, whose one-time code is typed by a program.
pub(super) fn ssh(steps: &Steps<'_>, words: &[&str]) -> anyhow::Result<Command> {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(steps.world.ssh_config()).args(words);
    ssh.env("SSH_ASKPASS", askpass(steps)?)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("DISPLAY", ":0");
    ssh.kill_on_drop(true);
    Ok(ssh)
}

/// What types the code: `ssh` calls it where a person would be asked.
fn askpass(steps: &Steps<'_>) -> anyhow::Result<PathBuf> {
    let script = steps.world.path().join("askpass");
    let program = std::env::current_exe()?;
    let world = steps.world.path().display();
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\nexec {} demo code rosa --world {world}\n",
            program.display()
        ),
    )?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
    Ok(script)
}

/// An interactive shell through the door.
struct Shell {
    child: Child,
    output: tokio::process::ChildStdout,
    input: tokio::process::ChildStdin,
}

impl Shell {
    async fn open(steps: &Steps<'_>) -> anyhow::Result<Self> {
        let mut command = ssh(steps, &["-tt", "web-1"])?;
        shown("rosa", &command)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("running ssh")?;
        let output = child.stdout.take().context("ssh has no output")?;
        let input = child.stdin.take().context("ssh has no input")?;
        let mut shell = Self {
            child,
            output,
            input,
        };
        shell.wait_for("$").await?;
        Ok(shell)
    }

    async fn type_line(&mut self, line: &str) -> anyhow::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    async fn wait_for(&mut self, text: &str) -> anyhow::Result<()> {
        read_until(&mut self.output, text).await
    }
}

async fn read_until(from: &mut (impl AsyncReadExt + Unpin), text: &str) -> anyhow::Result<()> {
    let mut seen = String::new();
    let reading = async {
        let mut buffer = [0_u8; 4096];
        while !seen.contains(text) {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                bail!("it ended without {text:?}; it showed: {seen}");
            }
            seen.push_str(&String::from_utf8_lossy(
                buffer.get(..read).unwrap_or_default(),
            ));
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .with_context(|| format!("waiting for {text:?}"))?
}
