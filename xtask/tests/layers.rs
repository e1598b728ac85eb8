//! The real `xtask layers` over a copy of the real workspace, whose layers hold until the test breaks one. Nothing of the
//! copy is built.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Every file that git tracks or would track, in a repository of its own.
fn copy_of_the_workspace() -> TempDir {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let everything = ["--cached", "--others", "--exclude-standard", "-z"];
    let listing = git(original, "ls-files", &everything);
    for name in listing.split_terminator('\0') {
        let (from, to) = (original.join(name), copy.path().join(name));
        // A file that was removed is tracked until that is committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    git(copy.path(), "init", &["--quiet"]);
    copy
}

fn git(folder: &Path, command: &str, words: &[&str]) -> String {
    let output = Command::new("git")
        .arg(command)
        .args(words)
        .current_dir(folder)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// How `layers` exits, and what it says.
fn layers(copy: &TempDir) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("layers")
        .current_dir(copy.path())
        .output()
        .expect("xtask runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn layers_pass_while_they_hold_and_name_who_broke_which() {
    let copy = copy_of_the_workspace();
    let (code, said) = layers(&copy);
    assert_eq!(code, Some(0), "{said}");
    for (file, line, another, named) in [
        (
            "crates/store/Cargo.toml",
            "[dependencies]\n",
            "portcullis-brokers.workspace = true\n",
            "portcullis-store (floor 3): imports portcullis-brokers (floor 3)",
        ),
        (
            "crates/policy/Cargo.toml",
            "[dependencies]\n",
            "portcullis-engine.workspace = true\n",
            "portcullis-policy (floor 1): imports portcullis-engine (floor 3)",
        ),
        (
            "crates/policy/Cargo.toml",
            "[dependencies]\n",
            "tokio.workspace = true\n",
            "portcullis-policy (floor 1): imports tokio",
        ),
        (
            "crates/flow/src/lib.rs",
            "\n\n",
            "use std::fs;\n",
            "`std::fs` on a pure floor",
        ),
        (
            "crates/engine/src/grants.rs",
            "\n\n",
            "use portcullis_vault::Keyring::open_sealed;\n",
            "`open_sealed` may stand in crates/vault/",
        ),
    ] {
        let place = copy.path().join(file);
        let held = fs::read_to_string(&place).unwrap();
        let broken = held.replacen(line, &format!("{line}{another}"), 1);
        assert_ne!(broken, held, "{file} has no {line:?}");
        fs::write(&place, broken).unwrap();
        let (code, said) = layers(&copy);
        assert_eq!(code, Some(1), "{file} with {another}: {said}");
        let mut complaints = said.lines().filter(|line| line.starts_with("error: "));
        assert!(complaints.any(|line| line.contains(named)), "{said}");
        fs::write(&place, held).unwrap();
    }
}
