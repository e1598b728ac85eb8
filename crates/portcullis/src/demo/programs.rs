//! Running the programs of the machine, with what they said when they fail.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs a program to its end; returns what it printed.
pub(crate) async fn run<W>(
    program: &str,
    words: impl IntoIterator<Item = W>,
) -> anyhow::Result<String>
where
    W: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(words);
    finish(command, None).await
}

/// Makes a key pair without a passphrase; answers with the public half, as one line.
pub(crate) async fn keygen(file: &Path) -> anyhow::Result<String> {
    let name = file
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name];
    run("ssh-keygen", words).await?;
    let public = std::fs::read_to_string(file.with_extension("pub"))?;
    Ok(public.trim().to_owned())
}

/// Runs a command to its end, with something on its standard input.
pub(crate) async fn finish(command: Command, input: Option<&str>) -> anyhow::Result<String> {
    let output = output_of(command, input).await?;
    if !output.status.success() {
        bail!("{}: {}", output.status, said(&output).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end, however it ends.
pub(crate) async fn output_of(mut command: Command, input: Option<&str>) -> anyhow::Result<Output> {
    let name = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    command.stdin(if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("running {name}: is it installed?"))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that ends without reading says why by itself.
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    Ok(child.wait_with_output().await?)
}

/// Everything a program printed.
pub(crate) fn said(output: &Output) -> String {
    let texts =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    texts.concat()
}
