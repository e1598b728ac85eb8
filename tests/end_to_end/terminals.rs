//! What others wrote, in front of somebody's terminal: it draws nothing, hides nothing, forges no line.

use serde_json::Value;

use crate::client::{Client, until};
use crate::world::{World, said, text};

/// A line that would be believed, were it one.
const FORGED: &str = "path       ordinary (harmless)";

/// Everything that acts on a terminal and can be an argument, and lines that pass for the product's own.
fn hostile() -> String {
    let controls = ('\u{1}'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
    let controls: String = controls.collect();
    let hidden = "\u{ad}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                  \u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{e0041}";
    format!("INC-1\u{1b}[2J\u{1b}[H\n{FORGED}\r\u{1b}]0;title\u{7}\" {controls}{hidden}")
}

/// Characters that may reach a terminal: what is seen as itself, and line feeds.
fn acts(c: char) -> bool {
    let hidden = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
    c != '\n' && (c.is_control() || hidden)
}

#[track_caller]
fn harmless(shown: &str) {
    let found: Vec<_> = shown.chars().filter(|c| acts(*c)).collect();
    assert!(found.is_empty(), "{found:?} in {shown:?}");
    let forged = shown.lines().find(|line| line.starts_with(FORGED));
    assert_eq!(forged, None, "{shown}");
}

/// A view as people see it and as programs read it; what programs read.
#[track_caller]
fn view(world: &World, who: &str, words: &[&str]) -> Value {
    let place = words
        .iter()
        .position(|word| *word == "--")
        .unwrap_or(words.len());
    let mut read = Value::Null;
    for json in [&[][..], &["--json"]] {
        let (before, after) = words.split_at(place);
        let all = [&["--as", who], before, json, after].concat();
        let output = world.run(&all, "");
        harmless(&said(&output));
        read = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    }
    read
}

#[test]
fn what_a_requester_writes_cannot_act_on_the_terminal_of_whoever_reads_it() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "iris", "pia"]);
    let why = hostile();
    let command = format!("echo begun; sleep 1000 # {}", why.replace('\n', " "));
    let words = ["web-1", "exec", "--reason", &why, "--", &command];
    let id = world.asked(&words);
    let seen = view(&world, "olaf", &["requests", "show", &id]);
    // Programs read what was written, to the letter.
    assert_eq!(text(&seen["reason"]), why);
    assert_eq!(
        text(&seen["terms"]["intent"]["action"]["params"]["command"]),
        command
    );
    view(&world, "olaf", &["requests", "list"]);
    view(
        &world,
        "rosa",
        &["preview", "web-1", "exec", "--", &command],
    );
    view(
        &world,
        "rosa",
        &["policy", "explain", "web-1", "exec", "--", &command],
    );
    view(&world, "olaf", &["approve", &id]);
    view(&world, "pia", &["approve", &id]);
    view(&world, "olaf", &["grants", "show", &id]);
    view(&world, "olaf", &["grants", "list"]);
    a_killers_reason_reaches_the_client_harmlessly(&world, &command, &why);
    view(&world, "olaf", &["revoke", &id, "--reason", &why]);
    view(&world, "rosa", &["grants", "show", &id]);
    the_evidence_of_it_can_be_read(&world, &id);

    let words = ["analytics", "read", "--reason", &why];
    let id = world.asked(&words);
    view(&world, "olaf", &["deny", &id, "--reason", &why]);
    view(&world, "rosa", &["requests", "show", &id]);
    for words in refused(&why) {
        view(&world, "iris", &words);
    }
}

fn a_killers_reason_reaches_the_client_harmlessly(world: &World, command: &str, why: &str) {
    world.step_up();
    let mut client = Client::start(world.client("ssh", &["web-1", command]));
    client.wait_for("begun");
    let all = view(world, "olaf", &["sessions", "list"]);
    let id = text(&all[0]["id"]);
    view(world, "olaf", &["sessions", "show", &id]);
    view(world, "olaf", &["sessions", "kill", &id, "--reason", why]);
    let (_, printed) = client.ended();
    assert!(printed.contains("killed: INC-1"), "{printed:?}");
    // A terminal that may be raw is told with CR and LF.
    harmless(&printed.replace("\r\n", "\n"));
    let lines = printed
        .lines()
        .filter(|line| line.contains("portcullis: ") && line.contains(FORGED));
    assert!(
        lines.clone().all(|line| line.contains("session ended")),
        "{printed}"
    );
    until("the session is over", || {
        world.json("olaf", &["sessions", "show", &id], 0)["status"] == "ended"
    });
    view(world, "olaf", &["sessions", "show", &id]);
    view(world, "olaf", &["sessions", "list"]);
}

fn the_evidence_of_it_can_be_read(world: &World, id: &str) {
    let file = world.folder().join("hostile.evidence");
    let file = file.to_str().unwrap();
    world.json("olaf", &["ledger", "prove", id, "--out", file], 0);
    let key = world.variable("LEDGER_KEY").to_owned();
    view(
        world,
        "olaf",
        &["ledger", "verify", file, "--key", &key, "--show"],
    );
}

/// What a server refuses comes back in the words of the refusal.
fn refused(text: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["request", text, "shell", "--reason", "x"],
        vec!["request", "web-1", text, "--reason", "x"],
        vec!["requests", "show", text],
        vec!["resources", "show", text],
        vec!["identities", "add", text],
        vec![
            "groups", "add", text, "--path", "ordinary", "--member", "rosa",
        ],
        vec!["groups", "add", "x", "--path", "ordinary", "--member", text],
        vec!["identities", "show", text],
        vec!["secrets", "show", text],
        vec!["ledger", "verify", text, "--key", "x"],
    ]
}
