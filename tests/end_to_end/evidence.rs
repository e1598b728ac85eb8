//! What an outsider finds when evidence or ledger were altered.

use std::path::Path;
use std::process::Output;

use crate::world::{World, said};

#[test]
fn altered_evidence_is_refused_offline_and_says_what_is_wrong() {
    let world = World::start();
    world.login(&["rosa", "olaf"]);
    let id = world.granted(&["analytics", "read", "--reason", "figures"], &["olaf"]);
    let file = world.folder().join("story.evidence");
    let path = file.to_str().unwrap();
    world.json("rosa", &["ledger", "prove", &id, "--out", path], 0);
    let key = world.variable("LEDGER_KEY").to_owned();
    assert!(verify(&world, &file, &key).status.success());

    let whole = std::fs::read_to_string(&file).unwrap();
    let flipped = whole.replacen("data e", "data f", 1);
    refused(&world, &file, &key, &flipped, "altered");
    let truncated = whole.strip_suffix("end\n").unwrap().to_owned();
    refused(&world, &file, &key, &truncated, "truncated");
    let other = "portcullis/other+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    std::fs::write(&file, &whole).unwrap();
    assert!(!verify(&world, &file, other).status.success());
}

fn verify(world: &World, file: &Path, key: &str) -> Output {
    world.run(
        &["ledger", "verify", file.to_str().unwrap(), "--key", key],
        "",
    )
}

fn refused(world: &World, file: &Path, key: &str, text: &str, word: &str) {
    std::fs::write(file, text).unwrap();
    let output = verify(world, file, key);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains(word), "{}", said(&output));
}
