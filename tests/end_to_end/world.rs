//! The demo's world as a test drives it: the program in the background, its people in front.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");

/// A running demo. Dropping it ends it, and it leaves nothing behind.
pub struct World {
    demo: Child,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl World {
    /// Starts a demo and waits until it says where it is.
    pub fn start() -> Self {
        let mut demo = Command::new(PROGRAM)
            .arg("demo")
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let mut lines = BufReader::new(demo.stdout.take().expect("a pipe")).lines();
        let env = lines
            .by_ref()
            .map(|line| line.expect("the demo's output is text"))
            .find_map(|line| {
                Some(
                    line.strip_prefix("1. . ")?
                        .split_whitespace()
                        .next()?
                        .to_owned(),
                )
            })
            .expect("the demo says where its environment is");
        // Read on, so that the demo never writes to a closed pipe.
        std::thread::spawn(move || lines.count());
        let text = std::fs::read_to_string(&env).expect("the environment can be read");
        let environment = text.lines().filter_map(export).collect();
        let folder = Path::new(&env).parent().expect("a folder").to_path_buf();
        Self {
            demo,
            folder,
            environment,
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A value of its environment.
    pub fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(known, _)| known == name);
        &found.expect("the environment has it").1
    }

    /// The next one-time code of somebody.
    pub fn code(&self, name: &str) -> String {
        let output = self.run(&["demo", "code", name], "");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Signs somebody in with a code.
    pub fn login_with(&self, name: &str, code: &str) -> Output {
        self.run(&["login", name], &format!("evaluation only\n{code}\n"))
    }

    /// Signs people in.
    pub fn login(&self, names: &[&str]) {
        for name in names {
            let output = self.login_with(name, &self.code(name));
            assert!(output.status.success(), "{name}: {}", said(&output));
        }
    }

    /// Runs the program in this world.
    pub fn run(&self, words: &[&str], input: &str) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(words).envs(
            self.environment
                .iter()
                .filter(|(name, _)| name != "PATH")
                .cloned(),
        );
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin
            .write_all(input.as_bytes())
            .expect("the program reads");
        drop(stdin);
        child.wait_with_output().expect("the program ends")
    }

    /// Runs the program as somebody, for its JSON; `code` is how it has to end.
    pub fn json(&self, who: &str, words: &[&str], code: i32) -> Value {
        let mut all = vec!["--json", "--as", who];
        all.extend(words);
        let output = self.run(&all, "");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}: {}",
            said(&output)
        );
        let text = if code == 0 || code == 4 {
            &output.stdout
        } else {
            &output.stderr
        };
        serde_json::from_slice(text).unwrap_or(Value::Null)
    }

    /// A request of rosa's, approved by these.
    pub fn granted(&self, words: &[&str], approvers: &[&str]) -> String {
        let mut all = vec!["request"];
        all.extend(words);
        let id = self.json("rosa", &all, 4)["id"]
            .as_str()
            .expect("an identifier")
            .to_owned();
        for approver in approvers {
            self.json(approver, &["approve", &id], 0);
        }
        id
    }

    /// A plain client of OpenSSH's as rosa, her code typed by a program.
    pub fn client(&self, program: &str, words: &[&str]) -> Command {
        let askpass = self.folder.join("askpass-of-the-test");
        let script = format!(
            "#!/bin/sh\nexec {PROGRAM} demo code rosa --world {}\n",
            self.folder.display()
        );
        std::fs::write(&askpass, script).unwrap();
        std::process::Command::new("chmod")
            .arg("700")
            .arg(&askpass)
            .status()
            .unwrap();
        let mut command = Command::new(program);
        command
            .arg("-F")
            .arg(self.folder.join("ssh_config"))
            .args(words);
        command
            .env("SSH_ASKPASS", askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", ":0");
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let id = self.demo.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.demo.wait();
    }
}

fn export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

/// Everything a program printed.
pub fn said(output: &Output) -> String {
    let both =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    both.concat()
}
