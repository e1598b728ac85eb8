//! A store that somebody changed behind the server's back: found by the doctor, and by the server itself.

use std::path::Path;

use rusqlite::Connection;

use crate::bad_input::ends;
use crate::client::until;
use crate::folders::copy;
use crate::installation::{bare, found, init, serve};
use crate::world::said;

/// Changes the store's file as whoever owns the host can.
fn change(data: &Path, sql: &str) {
    let connection = Connection::open(data.join("store.db")).unwrap();
    let changed = connection.execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
    connection.close().unwrap();
}

#[test]
fn a_changed_row_or_event_is_found_and_nothing_privileged_begins() {
    let folder = tempfile::tempdir().unwrap();
    let product = folder.path().join("product");
    let pockets = folder.path().join("pockets");
    let made = init(&product, "a passphrase for the offline slot");
    let world = serve(&product, &pockets, &[]);
    found(&world, &made, "evaluation only");
    assert!(world.end("-TERM").success());
    for (what, sql, says) in [
        (
            "a role for somebody",
            r#"UPDATE rows SET state = CAST(replace(state, '"roles":["resource"]', '"roles":["iam","pam","resource"]') AS BLOB) WHERE instr(CAST(state AS TEXT), '"roles":["resource"]') > 0"#,
            "it is not what its events amount to",
        ),
        (
            "another word in an event",
            "UPDATE events SET leaf = CAST(replace(leaf, 'owners', 'OWNERS') AS BLOB) WHERE kind = 'installation.founding_ended'",
            "is not the one that was recorded",
        ),
    ] {
        let changed = folder.path().join(what);
        copy(&product, &changed);
        change(&changed.join("data"), sql);
        let data = changed.join("data");
        let words = ["--data", data.to_str().unwrap(), "doctor"];
        ends(&bare(&words, b""), what, 1, &["FAIL", says]);

        let world = serve(&changed, &pockets, &[]);
        for name in ["iris", "olaf"] {
            world.knows(name, Some(&format!("evaluation only-{name}")));
            world.login(&[name]);
        }
        let mut told = String::new();
        until("the server finds it", || {
            let add = ["--as", "iris", "identities", "add", "mallory"];
            let output = world.run(&add, "");
            told = said(&output);
            output.status.code() == Some(1)
        });
        assert!(told.contains("nothing privileged begins"), "{told}");
        assert!(told.contains(says), "{told}");
        // What only narrows is refused to nobody.
        world.json("iris", &["identities", "remove", "maria"], 0);
    }
}
