//! A copy of the workspace's files, built beside it with the dependencies that are compiled already.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::Message;

/// A copy. It lies at the same place every time and only what differs is written, so that building it again
/// compiles what changed and nothing else.
pub struct Copy {
    original: PathBuf,
    folder: PathBuf,
    names: BTreeSet<String>,
}

/// A file that is not as in the original.
#[derive(Debug)]
pub struct Difference {
    pub path: String,
    pub is_new: bool,
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

/// What was built of a copy.
pub struct Built {
    pub program: PathBuf,
    pub suite: PathBuf,
}

impl Copy {
    /// Copies every file that git tracks or would track.
    pub fn of_the_workspace() -> Self {
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let copy = Self {
            original: original.to_path_buf(),
            folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-member"),
            names: tracked(original),
        };
        fs::create_dir_all(&copy.folder).unwrap();
        for name in files_below(&copy.folder, "").difference(&copy.names) {
            fs::remove_file(copy.folder.join(name)).unwrap();
        }
        for name in &copy.names {
            copy.write_bytes(name, &fs::read(copy.original.join(name)).unwrap());
        }
        copy
    }

    /// A file's text in the original.
    pub fn original(&self, name: &str) -> String {
        fs::read_to_string(self.original.join(name)).unwrap()
    }

    /// Writes a file of the copy.
    pub fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    /// Removes a file of the copy.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.folder.join(name)).unwrap();
    }

    fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.join(name);
        if fs::read(&path).is_ok_and(|known| known == bytes) {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Builds a program and a test, offline and with the locked versions. Dependencies come from the target
    /// folder this test was built in: the whole workspace with its tests is what decides their features.
    pub fn build(&self, program: &str, suite: &str) -> Built {
        let mut cargo = self.cargo(program, suite);
        let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(
            output.status.success(),
            "the copy does not build: {}",
            self.folder.display()
        );
        Built {
            program: executable(&output.stdout, "bin", program),
            suite: executable(&output.stdout, "test", suite),
        }
    }

    /// What is said when it does not build.
    pub fn refused(&self, program: &str, suite: &str) -> String {
        let output = self.cargo(program, suite).output().expect("cargo runs");
        assert!(!output.status.success(), "the copy builds");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn cargo(&self, program: &str, suite: &str) -> Command {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--workspace", "--offline", "--locked"])
            .args(["--bin", program, "--test", suite])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&self.folder)
            .env("CARGO_BUILD_BUILD_DIR", temporary.parent().unwrap())
            // What is finished lies apart: the program of the same name is under test elsewhere.
            .env("CARGO_TARGET_DIR", temporary.join("new-member-built"))
            // Of ours, what it does matters here and not how fast. It also keeps what is compiled of the copy
            // apart from what is compiled of the original, which cargo knows by the same names.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "false");
        cargo
    }

    /// What is not as in the original.
    pub fn differences(&self) -> Vec<Difference> {
        let here = files_below(&self.folder, "");
        let all = here.union(&self.names);
        all.filter_map(|name| self.difference(name)).collect()
    }

    fn difference(&self, name: &str) -> Option<Difference> {
        let before = fs::read(self.original.join(name)).ok();
        let after = fs::read(self.folder.join(name)).ok();
        if before == after {
            return None;
        }
        let text = |bytes: &Option<Vec<u8>>| {
            String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned()
        };
        let (added, removed) = lines_between(&text(&before), &text(&after));
        Some(Difference {
            path: name.to_owned(),
            is_new: before.is_none(),
            added,
            removed,
        })
    }
}

/// Where cargo says that it put what it built.
fn executable(said: &[u8], kind: &str, name: &str) -> PathBuf {
    Message::parse_stream(said)
        .filter_map(|message| match message.unwrap() {
            Message::CompilerArtifact(artifact) => Some(artifact),
            _ => None,
        })
        .filter(|artifact| {
            let mut kinds = artifact.target.kind.iter();
            artifact.target.name == name && kinds.any(|found| found.to_string() == kind)
        })
        .find_map(|artifact| artifact.executable)
        .unwrap_or_else(|| panic!("no {kind} {name} was built"))
        .into_std_path_buf()
}

/// The lines that came and those that went.
pub fn lines_between(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    // The lengths of the longest common subsequences of all ends.
    let mut common = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for (i, old) in before.iter().enumerate().rev() {
        for (j, new) in after.iter().enumerate().rev() {
            common[i][j] = if old == new {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut added, mut removed, mut i, mut j) = (Vec::new(), Vec::new(), 0, 0);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && common[i + 1][j] >= common[i][j + 1]) {
            removed.push(before[i].to_owned());
            i += 1;
        } else {
            added.push(after[j].to_owned());
            j += 1;
        }
    }
    (added, removed)
}

fn tracked(root: &Path) -> BTreeSet<String> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .expect("git runs");
    assert!(listing.status.success(), "git ls-files: {listing:?}");
    let names = String::from_utf8(listing.stdout).unwrap();
    let names = names.split_terminator('\0').map(str::to_owned);
    names.filter(|name| root.join(name).is_file()).collect()
}

fn files_below(root: &Path, folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(root, &format!("{name}/")));
        } else {
            found.insert(name);
        }
    }
    found
}
