//! A recording that is held, let go of and erased, by the commands of owners.

use serde_json::Value;

use crate::client::until;
use crate::world::{World, said, text};

#[test]
fn a_recording_is_held_let_go_of_and_erased_and_its_evidence_still_verifies() {
    let Some(world) = World::with_hosts() else {
        return;
    };
    world.login(&["rosa", "olaf", "iris", "pia"]);
    let ask = ["web-1", "exec", "--reason", "look", "--", "echo erase-me"];
    world.granted(&ask, &["olaf", "pia"]);
    world.step_up();
    let ran = world
        .client("ssh", &["web-1", "echo erase-me"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    let sessions = || world.json("rosa", &["sessions", "list"], 0);
    until("its session is over", || sessions()[0]["status"] == "ended");
    let id = text(&sessions()[0]["id"]);

    world.json("olaf", &["sessions", "hold", &id, "--reason", "case 17"], 0);
    let told = world.run(&["--as", "olaf", "sessions", "show", &id], "");
    assert!(said(&told).contains("held since"), "{}", said(&told));
    let refused = world.run(&["--as", "pia", "sessions", "erase", &id], "");
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(
        said(&refused).contains("let go of it first"),
        "{}",
        said(&refused)
    );
    world.signed("pia", &["sessions", "let-go", &id]);
    world.signed("pia", &["sessions", "erase", &id]);

    let tape = world.folder().join(format!("data/tapes/{id}.tape"));
    until("its bytes are gone", || !tape.exists());
    for words in [["verify", &id], ["export", &id]] {
        let refused = world.run(&[&["--as", "olaf", "sessions"], &words[..]].concat(), "");
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(
            said(&refused).contains("was erased at"),
            "{}",
            said(&refused)
        );
    }
    let shown = world.run(&["--as", "olaf", "sessions", "show", &id], "");
    assert!(said(&shown).contains(", erased "), "{}", said(&shown));
    kept_for(&world);
    evidence_verifies(&world, &id);
}

fn kept_for(world: &World) {
    world.signed("pia", &["retention", "set", "exec=90d", "shell=400d"]);
    let told = world.run(&["--as", "rosa", "retention"], "");
    for line in [
        "exec       90 days",
        "shell      400 days",
        "all others for ever",
    ] {
        assert!(said(&told).contains(line), "{line}: {}", said(&told));
    }
    let kept: Value = world.json("rosa", &["retention", "show"], 0);
    assert_eq!(kept["days"]["exec"], 90, "{kept}");
}

fn evidence_verifies(world: &World, session: &str) {
    let file = world.folder().join("erased.evidence");
    let path = file.to_str().unwrap();
    world.json("pia", &["ledger", "prove", session, "--out", path], 0);
    let key = world.variable("LEDGER_KEY");
    let verify = [
        "ledger", "verify", path, "--key", key, "--of", session, "--show",
    ];
    let told = said(&world.run(&verify, ""));
    for kind in [
        "session.opened",
        "session.ended",
        "session.held",
        "session.erased",
    ] {
        assert!(told.contains(kind), "{kind}: {told}");
    }
    assert!(told.contains("the story is whole"), "{told}");
}
