//! Broken input at the command line: an exit code, the place in the message, nothing lost, no panic.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::client::feed;
use crate::evidence::another_installations_key;
use crate::folders::{contents, copy};
use crate::installation::bare;
use crate::world::{PROGRAM, World, said};

/// One broken input: what is run, how it has to end, and what the message has to name.
#[track_caller]
pub fn ends(output: &Output, what: &str, code: i32, names: &[&str]) {
    let told = said(output);
    assert!(!told.contains("panicked at"), "{what}: {told}");
    assert_eq!(output.status.code(), Some(code), "{what}: {told}");
    for name in names {
        assert!(told.contains(name), "{what}: {name:?} is not in: {told}");
    }
}

#[track_caller]
pub fn refused(words: &[&str], code: i32, names: &[&str]) {
    ends(&bare(words, b""), &words.join(" "), code, names);
}

#[test]
fn bad_arguments_are_usage_errors_that_name_them() {
    let request = ["request", "web-1", "shell", "--reason", "why", "--for"];
    for span in [
        "10",
        "",
        "m",
        "5x",
        "1.5h",
        "5 m",
        "5µ",
        "999999999999999999999d",
    ] {
        let words = [&request[..], &[span]].concat();
        refused(&words, 2, &["--for"]);
    }
    refused(
        &[&request[..], &["999999999999999d"]].concat(),
        2,
        &["--for", "too long"],
    );
    refused(&[&request[..], &["-5m"]].concat(), 2, &["-5"]);
    refused(&["request", "web-1", "shell"], 2, &["--reason"]);
    refused(&["request"], 2, &["RESOURCE"]);
    refused(&["reqest", "web-1"], 2, &["reqest", "request"]);
    refused(&["approve"], 2, &["ID"]);
    refused(
        &["resources", "add", "x", "--kind", "ssh"],
        2,
        &["--environment", "--owner"],
    );
    let words = [
        "resources",
        "add",
        "x",
        "--kind",
        "ssh",
        "--owner",
        "o",
        "--environment",
        "moon",
    ];
    refused(&words, 2, &["moon", "production"]);
    refused(&["classify", "perl"], 2, &["perl", "shell"]);
    refused(&["serve", "--role", "gate"], 2, &["gate"]);
    refused(&["init"], 2, &["--admin", "--evaluation"]);
    refused(
        &["init", "--admin", "a", "--evaluation"],
        2,
        &["--evaluation"],
    );
    refused(&["sessions", "play"], 2, &["WHAT"]);
    let mut command = Command::new(PROGRAM);
    command.arg("approve").arg(OsStr::from_bytes(b"req_\xff"));
    ends(&feed(command, b""), "bytes that are no text", 2, &["UTF-8"]);
}

#[test]
fn files_that_are_not_what_they_should_be_are_named_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let path = |name: &str| at(name).to_str().unwrap().to_owned();
    fs::write(at("garbage"), b"\x00\xff\x13garbage\n").unwrap();
    fs::write(at("empty"), b"").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let key = "portcullis/x+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for key in ["", "nonsense", key] {
        refused(
            &["ledger", "verify", &path("empty"), "--key", key],
            1,
            &["key"],
        );
    }
    let key = another_installations_key();
    let verify = |name: &str, names: &[&str]| {
        refused(&["ledger", "verify", &path(name), "--key", &key], 1, names);
    };
    verify("nothing", &["nothing"]);
    verify("empty", &["truncated file"]);
    verify("garbage", &["not an evidence file"]);
    verify("folder", &["folder/checkpoint"]);
    for (name, why) in [
        ("nothing", "nothing"),
        ("empty", "not a tape"),
        ("garbage", "not a tape"),
    ] {
        refused(&["sessions", "verify", &path(name)], 1, &[why]);
    }
    let auditor = path("garbage");
    let play = |name: &str, names: &[&str]| {
        let words = ["sessions", "play", &path(name), "--identity", &auditor];
        refused(&words, 1, names);
    };
    play("nothing", &["nothing"]);
    play("empty", &["garbage", "UTF-8"]);
    refused(&["sessions", "play", &path("empty")], 1, &["--identity"]);

    let classify = |input: &[u8], names: &[&str]| {
        ends(&bare(&["classify", "shell"], input), "classify", 1, names);
    };
    classify(b"\"ls\"\nnonsense\n", &["line 2", "JSON"]);
    classify(b"\"ls\"\n17\n", &["line 2", "JSON"]);
    classify(b"\"ls\"\n\"\xff\"\n", &["line 2", "UTF-8"]);
    classify(b"\"unfinished", &["line 1", "JSON"]);
}

/// A bundle's folder that is broken again and again.
struct Bundle(PathBuf);

impl Bundle {
    fn edit(&self, file: &str, from: &str, to: &str) {
        let file = self.0.join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(file, text.replacen(from, to, 1)).unwrap();
    }

    /// Breaks a fresh copy of the shipped bundle, and expects it to be refused.
    #[track_caller]
    fn broken(&self, change: impl FnOnce(&Self), names: &[&str]) {
        let _ = fs::remove_dir_all(&self.0);
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        copy(&shipped, &self.0);
        let check = ["policy", "check", "--policies", self.0.to_str().unwrap()];
        ends(&bare(&check, b""), "the shipped bundle", 0, &["valid"]);
        change(self);
        let before = contents(&self.0);
        refused(&check, 1, names);
        assert_eq!(contents(&self.0), before);
    }
}

#[test]
fn broken_policies_are_told_with_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle(folder.path().join("bundle"));
    let read = "ordinary/read.cedar";
    let flows = "privileged/flows.toml";
    bundle.broken(
        |it| it.edit(read, "permit (", "permit ["),
        &["ordinary/read.cedar:6:8"],
    );
    bundle.broken(
        |it| {
            it.edit(
                read,
                "context.impact.changes_state",
                "context.impact.changes_stat",
            );
        },
        &["ordinary/read.cedar:12:4", "changes_stat"],
    );
    bundle.broken(
        |it| it.edit(read, "assign_entitlement", "assign_entitlements"),
        &["ordinary/read.cedar:8", "assign_entitlements"],
    );
    bundle.broken(
        |it| it.edit(flows, "quorum = 1", "quorum = 0"),
        &["privileged/flows.toml:4"],
    );
    bundle.broken(
        |it| it.edit(flows, "quorum = 1", "quorum ="),
        &["privileged/flows.toml:11"],
    );
    bundle.broken(
        |it| it.edit(flows, "level = 1", "level = -1"),
        &["privileged/flows.toml:6"],
    );
    let schema = "schema.cedarschema";
    bundle.broken(
        |it| it.edit(schema, "entity Group", "entity"),
        &["schema.cedarschema:"],
    );
    bundle.broken(
        |it| fs::remove_file(it.0.join(schema)).unwrap(),
        &[schema, "add it"],
    );
    bundle.broken(
        |it| fs::remove_file(it.0.join(flows)).unwrap(),
        &[flows, "add it"],
    );
    bundle.broken(
        |it| fs::write(it.0.join("notes.txt"), "x").unwrap(),
        &["notes.txt"],
    );
    bundle.broken(
        |it| fs::write(it.0.join("guardrails/x.cedar"), b"\xff").unwrap(),
        &["guardrails/x.cedar", "UTF-8"],
    );
    bundle.broken(
        |it| fs::create_dir_all(it.0.join("line/a/b/c")).unwrap(),
        &["line/a/b"],
    );
    bundle.broken(
        |it| std::os::unix::fs::symlink("nothing", it.0.join("line/x.cedar")).unwrap(),
        &["line/x.cedar"],
    );
    let deep = |text: String| move |it: &Bundle| it.edit(schema, "namespace", &text);
    for depth in [1_000, 40_000] {
        let (open, close) = ("Set<".repeat(depth), ">".repeat(depth));
        let types = format!("type Deep = {open}Long{close};\nnamespace");
        bundle.broken(deep(types), &["schema.cedarschema:", "too deep"]);
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        let condition = format!("when {{ {open}true{close} }};");
        bundle.broken(
            |it| it.edit("guardrails/identities.cedar", ";", &condition),
            &["guardrails/identities.cedar:", "too deep"],
        );
    }
    let check = |name: &str, names: &[&str]| {
        let path = folder.path().join(name);
        refused(
            &["policy", "check", "--policies", path.to_str().unwrap()],
            1,
            names,
        );
    };
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    check("nothing", &["nothing"]);
    check("empty", &["empty", "no bundle"]);
    check("file", &["file"]);
}

#[test]
fn what_a_server_is_asked_wrongly_is_refused_with_the_word_that_is_wrong() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "iris"]);
    let asked = |words: &[&str], code: i32, names: &[&str]| {
        let all = [&["--as", "rosa"], words].concat();
        ends(&world.run(&all, ""), &words.join(" "), code, names);
    };
    let why = ["--reason", "why"];
    let request = |words: &[&'static str]| [&["request"], words, &why].concat();
    asked(&request(&["web-9", "shell"]), 1, &["web-9"]);
    asked(&request(&["web-1", "fly"]), 2, &["fly"]);
    asked(
        &request(&["web-1", "shell", "account=nobody"]),
        2,
        &["nobody"],
    );
    asked(&request(&["web-1", "exec"]), 2, &["exec -- "]);
    asked(&request(&["analytics", "delete"]), 2, &["delete", "read"]);
    asked(
        &request(&["analytics", "read", "--for", "0s"]),
        2,
        &["lasts"],
    );
    asked(
        &request(&["analytics", "read", "--for", "100d"]),
        2,
        &["lasts"],
    );
    asked(&request(&["web-1", "shell", "--for", "13h"]), 2, &["lasts"]);
    asked(
        &["request", "web-1", "shell", "--reason", ""],
        2,
        &["--reason"],
    );
    asked(
        &["request", "web-1", "shell", "--reason", " \t"],
        2,
        &["--reason"],
    );
    asked(&["preview", "web-1", "replay"], 2, &["session"]);
    let id = world.asked(&["analytics", "read", "--reason", "why"]);
    asked(&["approve", "req_nonsense"], 2, &["req_nonsense"]);
    asked(&["approve", "nonsense"], 2, &["nonsense"]);
    for short in ["nonsense", "deadbeef"] {
        let told = &["requests show", "first 12"];
        asked(&["approve", &id, "--digest", short], 2, told);
    }
    let other = "0".repeat(12);
    asked(&["approve", &id, "--digest", &other], 1, &[&id, &other]);
    asked(
        &["revoke", "grt_0000000000000000000000", "--reason", "x"],
        1,
        &["grt_"],
    );
    asked(
        &["sessions", "kill", "ses_x", "--reason", "x"],
        2,
        &["ses_x"],
    );
    asked(&["step-up", "web-1"], 2, &["ACCOUNT@TARGET"]);
    asked(&["ledger", "prove", "idn_x"], 2, &["idn_x"]);
    let asked = |words: &[&str], code: i32, names: &[&str]| {
        let all = [&["--as", "iris"], words].concat();
        ends(&world.run(&all, ""), &words.join(" "), code, names);
    };
    asked(
        &[
            "groups", "add", "x", "--path", "ordinary", "--member", "ghost",
        ],
        1,
        &["ghost"],
    );
    asked(&["identities", "add", "no name"], 2, &["no name"]);
    asked(&["identities", "add", "x", "--kind", "ci"], 2, &["owner"]);
    let resource = [
        "resources",
        "add",
        "x",
        "--environment",
        "staging",
        "--owner",
        "olaf",
    ];
    let resource = |more: &[&'static str]| [&resource[..], more].concat();
    asked(&resource(&["--kind", "moon"]), 2, &["moon", "postgres"]);
    asked(&resource(&["--kind", "ssh"]), 2, &["address"]);
    asked(
        &resource(&["--kind", "ssh", "--set", "address"]),
        2,
        &["KEY=VALUE"],
    );
    asked(
        &resource(&["--kind", "ssh", "--set", "adress=x:22"]),
        2,
        &["adress"],
    );
    asked(&["secrets", "add", "x", "--kind", "ssh_key"], 2, &["key"]);
}
