//! What one administrator may do alone while an installation is founded.

use serde_json::Value;

use crate::installation::{init, serve};
use crate::world::{World, said, text};

#[test]
fn the_founder_renews_the_token_of_an_owner_who_has_not_enrolled_and_of_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(folder.path(), "a passphrase for the offline slot");
    let world = serve(folder.path(), &folder.path().join("pockets"), &[]);
    let token = text(&made["enrolment_tokens"]["maria"]);
    world.enroll("maria", &token, None, &[]);
    world.login(&["maria"]);
    let words = ["identities", "add", "iris", "--role", "iam", "--enroll"];
    let first = text(&told_once(&world, &words)["enrolment_token"]);

    let renewed = text(&told_once(&world, &["identities", "enroll", "iris"])["token"]);
    let answers = format!("{first}\n a password of iris\n");
    let spent = world.unheard(&["login", "--enroll"], &answers);
    assert!(!spent.status.success(), "{}", said(&spent));
    world.enroll("iris", &renewed, None, &[]);

    let refused = world.json("maria", &["identities", "enroll", "iris"], 3);
    assert_eq!(refused["code"], "not_eligible");
}

/// What a command of maria's prints once.
fn told_once(world: &World, words: &[&str]) -> Value {
    let words = [&["--json", "--as", "maria"], words].concat();
    let output = world.unheard(&words, "");
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}
