//! A session's tape, altered, and evidence made to fit it.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_ports::Sealer;
use portcullis_store::AgeSealer;
use serde_json::Value;

use super::{another_installations_key, holds, path, refused, told};
use crate::client::{Client, until};
use crate::world::{World, text};

/// The parts of a tape's bytes.
struct Tape {
    header: Vec<u8>,
    segments: Vec<Vec<u8>>,
}

impl Tape {
    fn parse(bytes: &[u8]) -> Self {
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let begin = line + 4 + length(&bytes[line..]) + 32;
        let mut segments = Vec::new();
        let mut rest = &bytes[begin..];
        while !rest.is_empty() {
            let (segment, behind) = rest.split_at(4 + length(rest));
            segments.push(segment.to_vec());
            rest = behind;
        }
        Self {
            header: bytes[..begin].to_vec(),
            segments,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.header.clone(), self.segments.concat()].concat()
    }

    /// The chain's value behind so many segments.
    fn link(&self, segments: usize) -> &[u8] {
        let before = segments.checked_sub(1).map(|last| &self.segments[last]);
        let bytes = before.unwrap_or(&self.header);
        &bytes[bytes.len() - 32..]
    }

    /// Alters a segment and makes the chain fit again, which takes no key.
    fn rewritten(&self) -> Self {
        let mut segments = self.segments.clone();
        segments[0][60] ^= 1;
        let mut link = self.header[self.header.len() - 32..].to_vec();
        for segment in &mut segments {
            let end = segment.len() - 32;
            let hashed = [link.as_slice(), &segment[..end]].concat();
            link = digest(&SHA256, &hashed).as_ref().to_vec();
            segment[end..].copy_from_slice(&link);
        }
        Self {
            header: self.header.clone(),
            segments,
        }
    }
}

fn length(bytes: &[u8]) -> usize {
    let bytes = bytes.first_chunk::<4>().unwrap();
    usize::try_from(u32::from_be_bytes(*bytes)).unwrap()
}

#[test]
fn an_altered_tape_is_refused_offline_and_says_what_is_wrong() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "pia"]);
    // What is shown sets the clipboard and the title of the terminal that shows it.
    let command =
        r"echo first-line; printf '\033]52;c;cm0=\007\033]0;title\007'; read go; echo second-line";
    let words = ["web-1", "exec", "--reason", "look", "--", command];
    world.granted(&words, &["olaf", "pia"]);
    let mut client = Client::start(world.client("ssh", &["web-1", command]));
    client.wait_for("title\u{7}");
    let all = world.json("olaf", &["sessions", "list"], 0);
    let id = text(&all[0]["id"]);
    // One segment before what comes now, one of it, and the end.
    until("a segment is written", || {
        let report = world.json("pia", &["sessions", "verify", &id], 0);
        report["segments"].as_u64() > Some(0)
    });
    client.type_line("go");
    let (code, printed) = client.ended();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("\u{1b}]52"), "{printed:?}");
    until("the end is recorded", || {
        world.json("olaf", &["sessions", "show", &id], 0)["status"] == "ended"
    });
    let out = world.folder().join("taken");
    world.json("pia", &["sessions", "export", &id, "--out", path(&out)], 0);

    let file = out.join(format!("{id}.tape"));
    let evidence = out.join(format!("{id}.evidence"));
    let auditor = world.folder().join("auditor.age");
    let alone = ["sessions", "verify", path(&file)];
    let key = world.variable("LEDGER_KEY");
    let verify = [
        "sessions",
        "verify",
        path(&file),
        "--evidence",
        path(&evidence),
        "--key",
        key,
    ];
    let play = [
        "sessions",
        "play",
        path(&file),
        "--fast",
        "--identity",
        path(&auditor),
    ];
    holds(&alone);
    assert!(told(&alone).1.contains("held against nothing"));
    holds(&verify);
    assert!(told(&verify).1.contains("evidence that holds"));
    holds(&play);
    nobody_elses_key_opens_it(&out, &play[..5]);
    let session = format!("the tape of {id} ");
    assert!(told(&verify).1.contains(&session) && told(&alone).1.contains(&session));
    let misnamed = out.join("ses_01m8e5xy70exsb6xkvpck9qmk6.tape");
    std::fs::copy(&file, &misnamed).unwrap();
    let other = [&verify[..2], &[path(&misnamed)], &verify[3..]].concat();
    refused(&other, &format!("it is the tape of {id}"));
    the_reviewers_terminal_is_left_alone(&play);
    sealed_while_it_was_written(&file);

    let tape = Tape::parse(&std::fs::read(&file).unwrap());
    assert!(tape.segments.len() >= 3, "{}", tape.segments.len());
    let altered = |change: &dyn Fn(&mut Tape), words: &[&[&str]], why: &str| {
        let mut other = Tape::parse(&tape.bytes());
        change(&mut other);
        std::fs::write(&file, other.bytes()).unwrap();
        for words in words {
            refused(words, why);
        }
    };
    let every = [&alone[..], &verify, &play];
    altered(
        &|tape| tape.segments[1][60] ^= 1,
        &every,
        "segment 1 was altered",
    );
    altered(
        &|tape| drop(tape.segments.remove(1)),
        &every,
        "segment 1 was dropped",
    );
    altered(
        &|tape| tape.segments.swap(0, 1),
        &every,
        "segments were reordered",
    );
    altered(&|tape| tape.header[40] ^= 1, &every, "header was altered");
    let cut = |tape: &mut Tape| drop(tape.segments.pop());
    altered(&cut, &[&alone, &verify, &play], "truncated");
    // A chain that fits itself is not the one the ledger saw, nor one that the key made.
    let rewritten = |tape: &mut Tape| *tape = tape.rewritten();
    altered(&rewritten, &[&verify], "was replaced");
    altered(&rewritten, &[&play], "it was rewritten");
    let other = [&verify[..4], &[path(&file), "--key", key]].concat();
    refused(&other, "not an evidence file");
    evidence_made_to_fit_a_rewritten_tape_is_refused(&tape, &file, &evidence, &verify);
    std::fs::write(&file, tape.bytes()).unwrap();
    evidence_is_believed_under_the_right_key_and_to_the_end_alone(&evidence, &verify);
}

fn nobody_elses_key_opens_it(out: &Path, play: &[&str]) {
    let identity = AgeSealer.generate().0;
    for (name, text, why) in [
        ("no-identity", "not a key of anybody's", "the age identity"),
        (
            "stranger.age",
            identity.expose(),
            "this tape is not sealed to that identity",
        ),
    ] {
        let file = out.join(name);
        std::fs::write(&file, text).unwrap();
        let why = format!("{name}: {why}");
        refused(&[play, &[path(&file)]].concat(), &why);
    }
}

/// Who rewrites a tape writes the heads in its evidence anew as well, leaf hashes included.
fn evidence_made_to_fit_a_rewritten_tape_is_refused(
    tape: &Tape,
    file: &Path,
    evidence: &Path,
    verify: &[&str],
) {
    let whole = std::fs::read_to_string(evidence).unwrap();
    let rewritten = tape.rewritten();
    std::fs::write(file, rewritten.bytes()).unwrap();
    std::fs::write(evidence, forged(&whole, &rewritten, false)).unwrap();
    refused(verify, "leaf altered");
    std::fs::write(evidence, forged(&whole, &rewritten, true)).unwrap();
    refused(verify, "proof altered");
    std::fs::write(evidence, whole).unwrap();
}

/// The evidence with every head of the tape replaced by what another tape has at the same place.
fn forged(evidence: &str, tape: &Tape, hashes_too: bool) -> String {
    let mut hash = None;
    let lines = evidence.lines().map(|line| {
        if let Some(data) = line.strip_prefix("data ") {
            let mut event: Value = serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap();
            for pointer in ["/data/head", "/data/ending/tape"] {
                if let Some(head) = event.pointer_mut(pointer) {
                    let segments = usize::try_from(head["segments"].as_u64().unwrap()).unwrap();
                    head["hash"] = hex(tape.link(segments)).into();
                }
            }
            // Keys in order, as leaves are written.
            let leaf = event.to_string();
            hash = Some(digest(&SHA256, &[b"\0", leaf.as_bytes()].concat()));
            return format!("data {}", STANDARD.encode(leaf));
        }
        match hash
            .take()
            .filter(|_| hashes_too && line.starts_with("hash "))
        {
            Some(hash) => format!("hash {}", STANDARD.encode(hash)),
            None => line.to_owned(),
        }
    });
    lines.map(|line| line + "\n").collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn evidence_is_believed_under_the_right_key_and_to_the_end_alone(evidence: &Path, verify: &[&str]) {
    holds(verify);
    let (usage, said) = told(&verify[..5]);
    assert_eq!(usage, Some(2), "{said}");
    assert!(said.contains("--key"), "{said}");
    let other = another_installations_key();
    refused(&[&verify[..6], &[&other]].concat(), "signed by unknown key");

    // The log signed which leaves there are.
    let whole = std::fs::read_to_string(evidence).unwrap();
    let (leaves, end) = whole.rsplit_once("\n\nportcullis/").unwrap();
    let mut leaves: Vec<&str> = leaves.split("\n\n").collect();
    leaves.retain(|leaf| !leaf_data(leaf).contains(r#""kind":"session.ended""#));
    let less = format!("{}\n\nportcullis/{end}", leaves.join("\n\n"));
    assert_ne!(less, whole);
    std::fs::write(evidence, &less).unwrap();
    refused(verify, "entry dropped");
    std::fs::write(evidence, &whole).unwrap();
    holds(verify);
}

fn leaf_data(leaf: &str) -> String {
    let data = leaf.lines().find_map(|line| line.strip_prefix("data "));
    let data = data.map(|data| STANDARD.decode(data).unwrap());
    String::from_utf8(data.unwrap_or_default()).unwrap()
}

fn the_reviewers_terminal_is_left_alone(play: &[&str]) {
    let (_, shown) = told(play);
    assert!(
        shown.contains("first-line") && shown.contains("second-line"),
        "{shown}"
    );
    assert!(!shown.contains("\x1b]"), "{shown:?}");
}

/// Nothing of what was run or shown lies in clear in the tape.
fn sealed_while_it_was_written(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    for recorded in ["echo first-line", "first-line", "second-line"] {
        let mut windows = bytes.windows(recorded.len());
        assert!(!windows.any(|window| window == recorded.as_bytes()));
    }
}
