//! A program's own installation, served, and what it says to somebody who signed in.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use totp_rs::Totp;

const PASSWORD: &str = "seven herons under the weir";

/// A running server with a folder of its own, which is kept when the test fails.
pub struct Served {
    program: PathBuf,
    folder: tempfile::TempDir,
    server: Child,
    url: String,
    token: String,
}

impl Served {
    /// Makes an installation and serves it.
    pub fn by(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let init = Command::new(program)
            .args(["--json", "init", "--evaluation", "--data"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(init.status.success(), "{init:?}");
        let made: Value = serde_json::from_slice(&init.stdout).unwrap();
        let config = folder.path().join("portcullis.toml");
        let listen = "[listen]\nhttps = \"127.0.0.1:0\"\nssh = \"127.0.0.1:0\"\n";
        std::fs::write(&config, listen).unwrap();
        let mut server = Command::new(program)
            .arg("serve")
            .arg("--data")
            .arg(&data)
            .arg("--config")
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(server.stdout.take().unwrap());
        lines.read_line(&mut said).unwrap();
        let url = said
            .split_whitespace()
            .find(|word| word.starts_with("https://"));
        Self {
            program: program.to_path_buf(),
            url: url
                .unwrap_or_else(|| panic!("the server said {said:?}"))
                .to_owned(),
            token: made["enrolment_tokens"]["rosa"]
                .as_str()
                .unwrap()
                .to_owned(),
            server,
            folder,
        }
    }

    /// The kinds of resources it offers, as a person who signed in sees them.
    #[expect(
        clippy::disallowed_methods,
        reason = "a one-time code follows the machine's clock"
    )]
    pub fn kinds(&self) -> Vec<String> {
        let answers = format!("{}\n{PASSWORD}\n", self.token);
        let enrolled = self.run(&["login", "--enroll"], &answers);
        let seed = Totp::from_url(enrolled["otpauth"].as_str().unwrap()).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let code = seed.generate(now.as_secs());
        self.run(&["login", "rosa"], &format!("{PASSWORD}\n{code}\n"));
        let kinds = self.run(&["resources", "kinds"], "");
        let kinds = kinds.as_array().unwrap().iter();
        kinds
            .map(|kind| kind["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn run(&self, words: &[&str], input: &str) -> Value {
        let mut child = Command::new(&self.program)
            .arg("--json")
            .args(words)
            .env("PORTCULLIS_HOME", self.folder.path().join("sign-ins"))
            .env("PORTCULLIS_DATA", self.folder.path().join("data"))
            .env("PORTCULLIS_SERVER", &self.url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
        }
    }
}
