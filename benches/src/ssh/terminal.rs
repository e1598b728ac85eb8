//! A shell in a terminal, as a person has it open.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};

use crate::Failure;

use super::hosts::{Hosts, Way};

/// An open shell. Dropping it ends the client.
pub struct Terminal {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Terminal {
    /// Opens one, and types a first line; returns when the shell has answered it.
    pub fn open(hosts: &Hosts, way: Way, line: &str) -> Result<Self, Failure> {
        let mut ssh = hosts.ssh(way, &["-tt"]);
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("ssh has no input")?;
        let output = child.stdout.take().ok_or("ssh has no output")?;
        let mut opened = Self {
            child,
            input,
            output,
        };
        // What is typed comes back as well: only the shell puts the two halves together.
        opened.send(format!("echo re''ady; {line}\n").as_bytes())?;
        opened.wait_for(b"ready\r\n", way)?;
        Ok(opened)
    }

    /// Types.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.input.write_all(bytes)?;
        Ok(self.input.flush()?)
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> Result<u8, Failure> {
        let mut byte = [0];
        self.output.read_exact(&mut byte)?;
        let [byte] = byte;
        Ok(byte)
    }

    fn wait_for(&mut self, end: &[u8], way: Way) -> Result<(), Failure> {
        let mut seen = Vec::new();
        while !seen.ends_with(end) {
            let byte = self.byte().map_err(|error| {
                let seen = String::from_utf8_lossy(&seen).into_owned();
                format!(
                    "the shell ({}) ended: {error}; it showed {seen:?}",
                    way.name()
                )
            })?;
            seen.push(byte);
        }
        Ok(())
    }

    /// Waits until the client has seen its session end.
    pub fn wait(&mut self) -> Result<ExitStatus, Failure> {
        Ok(self.child.wait()?)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
