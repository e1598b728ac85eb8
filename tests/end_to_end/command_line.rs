//! What the command line says to people and to programs: what to do next, and JSON where it is asked for.

use std::process::Output;

use serde_json::Value;

use crate::bad_input::{ends, refused};
use crate::client::Client;
use crate::installation::bare;
use crate::world::{World, said, text};

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

#[test]
fn mistakes_are_told_in_json_when_json_was_asked_for() {
    let words = ["--json", "approve"];
    let output = bare(&words, b"");
    ends(&output, "approve", 2, &["ID"]);
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["code"], "usage");
    // What stands behind `--` is a command line of somebody else's.
    let words = ["preview", "--nonsense", "--", "tool", "--json"];
    let output = bare(&words, b"");
    ends(
        &output,
        "preview",
        2,
        &["--nonsense", "Usage: portcullis preview"],
    );
    let help = bare(&["--json", "approve", "--help"], b"");
    ends(&help, "help", 0, &["Usage:", "Example"]);
    let line = json(&bare(&["--json", "policy", "line"], b""));
    assert!(text(&line["truth_table"]).contains("ordinary"), "{line}");
}

#[test]
fn manual_pages_go_to_a_folder_and_a_file_is_told_apart_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.1");
    std::fs::write(&file, "mine").unwrap();
    refused(
        &["man", file.to_str().unwrap()],
        1,
        &["is a file", "next: name a folder"],
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let pages = folder.path().join("man1");
    let made = json(&bare(&["--json", "man", pages.to_str().unwrap()], b""));
    assert_eq!(text(&made["directory"]), pages.to_str().unwrap());
    assert!(pages.join("portcullis-approve.1").exists());
}

#[test]
fn a_server_is_named_by_an_address_that_is_one() {
    for server in ["http://localhost:8443", "localhost:8443", ""] {
        let words = ["login", "rosa", "--server", server];
        refused(&words, 2, &["--server https://HOST:PORT"]);
    }
}

#[test]
fn who_waits_knows_for_what_and_who_decides_sees_who_did() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    nobody_is_signed_in_by_the_demo(&world);
    world.login(&["rosa", "olaf", "iris", "pia"]);
    waiting_names_the_request_first(&world);
    approvals_are_shown_to_the_next_approver(&world);
    a_token_goes_to_whoever_asked(&world);
    everything_answers_in_json(&world);
}

fn waiting_names_the_request_first(world: &World) {
    let words = [
        "--as",
        "rosa",
        "request",
        "analytics",
        "read",
        "--reason",
        "x",
        "--wait",
    ];
    let mut waiting = Client::start(world.command(&words));
    let told = waiting.wait_for("waits for olaf");
    let id = told
        .split_whitespace()
        .find(|word| word.starts_with("req_"));
    let id = id.expect("the request's identifier").to_owned();
    world.json("olaf", &["approve", &id], 0);
    let (code, printed) = waiting.ended();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("granted"), "{printed}");
}

fn approvals_are_shown_to_the_next_approver(world: &World) {
    let id = world.asked(&["web-1", "shell", "--reason", "work"]);
    world.json("olaf", &["approve", &id], 0);
    let output = world.run(&["--as", "pia", "requests", "show", &id], "");
    let told = said(&output);
    let line = told.lines().find(|line| line.starts_with("approved"));
    assert!(line.is_some_and(|line| line.contains("by olaf")), "{told}");
    assert!(told.contains(r#"why        "work""#), "{told}");
    // A noun alone lists.
    let output = world.run(&["--as", "pia", "requests"], "");
    assert!(said(&output).contains(&id), "{}", said(&output));
}

fn a_token_goes_to_whoever_asked(world: &World) {
    let words = ["--as", "iris", "identities", "add", "tom", "--enroll"];
    let asked = said(&world.run(&words, ""));
    assert!(
        asked.contains("portcullis identities enroll tom"),
        "{asked}"
    );
    let id = asked.split_whitespace().next().unwrap().to_owned();
    let signed = said(&world.run(&["--as", "pia", "approve", &id], ""));
    assert!(signed.contains("applied"), "{signed}");
    assert!(!signed.contains("token to enroll"), "{signed}");
    assert!(
        signed.contains("iris") && signed.contains("portcullis identities enroll tom"),
        "{signed}"
    );
    let wrong = world.run(&["login", "--enroll"], "nonsense\nevaluation only\n");
    ends(
        &wrong,
        "a wrong token",
        1,
        &["next: ask an owner of identities", "identities enroll"],
    );
}

/// The demo was set up by its owners, and a plain command is none of theirs.
fn nobody_is_signed_in_by_the_demo(world: &World) {
    let plain = world.run(&["changes", "list"], "");
    ends(
        &plain,
        "a plain command",
        1,
        &["you are not signed in", "next: portcullis login"],
    );
}

fn everything_answers_in_json(world: &World) {
    let checkpoint = world.json("olaf", &["ledger", "checkpoint"], 0);
    assert!(
        text(&checkpoint["checkpoint"]).starts_with("portcullis/"),
        "{checkpoint}"
    );
    let all = world.json("rosa", &["requests", "list"], 0);
    let file = world.folder().join("some.evidence");
    let words = [
        "ledger",
        "prove",
        all[0]["id"].as_str().unwrap(),
        "--out",
        file.to_str().unwrap(),
    ];
    assert_eq!(
        text(&world.json("rosa", &words, 0)["file"]),
        file.to_str().unwrap()
    );
    let bundle = world.folder().join("active");
    let shown = world.json(
        "iris",
        &["policy", "show", "--out", bundle.to_str().unwrap()],
        0,
    );
    assert!(
        shown["files"]
            .as_array()
            .is_some_and(|files| files.len() > 3),
        "{shown}"
    );
    let code = world.unheard(&["--json", "demo", "code", "pia"], "");
    assert_eq!(text(&json(&code)["name"]), "pia");
    let out = world.json("olaf", &["logout"], 0);
    assert_eq!(out["signed_out"], true);
}
