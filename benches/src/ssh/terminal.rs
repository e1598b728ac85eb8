//! A shell in a terminal, as a person has it open.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};

use crate::Failure;

use super::hosts::{Hosts, Way};

/// An open shell. Dropping it ends the client.
pub struct Terminal {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// A few lines at most, which a pipe holds unread.
    errors: ChildStderr,
}

impl Terminal {
    /// Opens one, and types a first line; returns when the shell has answered it.
    pub fn open(hosts: &Hosts, way: Way, line: &str) -> Result<Self, Failure> {
        let mut ssh = hosts.ssh(way, &["-tt"]);
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = ssh.stderr(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("ssh has no input")?;
        let output = child.stdout.take().ok_or("ssh has no output")?;
        let errors = child.stderr.take().ok_or("ssh has no error output")?;
        let mut opened = Self {
            child,
            input,
            output,
            errors,
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
            let Ok(byte) = self.byte() else {
                let mut said = String::from_utf8_lossy(&seen).into_owned();
                self.errors.read_to_string(&mut said)?;
                return Err(format!("the shell ({}) ended; it said {said:?}", way.name()).into());
            };
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
